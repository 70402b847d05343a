"""Bars on a terminal while lists are fetched, read and compiled; nothing elsewhere, as a log has no use for them."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from blocklists import compile as compiler
from reporting.logline import plain


class Bars(Protocol):
    """Who hears how far each list is."""

    def fetching(self, label: str, done: int, of: int | None) -> None:
        """Of *label*, *done* bytes have come, of *of* if that is known."""

    def reading(self, label: str, lines: int) -> None:
        """Of *label*, *lines* lines have been read."""

    def ended(self, label: str, words: str) -> None:
        """*label* is done with."""


class NoBars:
    """Hears and says nothing."""

    def fetching(self, label: str, done: int, of: int | None) -> None:
        """Nothing."""

    def reading(self, label: str, lines: int) -> None:
        """Nothing."""

    def ended(self, label: str, words: str) -> None:
        """Nothing."""


class TerminalBars:
    """A line for each label, on standard error."""

    def __init__(self, progress: Progress) -> None:
        """No label has a line yet."""
        self._progress = progress
        self._lines: dict[str, TaskID] = {}

    def _line(self, label: str) -> TaskID:
        if label not in self._lines:
            self._lines[label] = self._progress.add_task(plain(label), total=None, words="", fetched=False)
        return self._lines[label]

    def fetching(self, label: str, done: int, of: int | None) -> None:
        """Move the bar of *label*."""
        self._progress.update(self._line(label), completed=done, total=of, words="fetching", fetched=True)

    def reading(self, label: str, lines: int) -> None:
        """Say how many lines of *label* were read."""
        self._progress.update(self._line(label), words=f"reading, {lines:,} lines")

    def ended(self, label: str, words: str) -> None:
        """Fill the bar of *label*."""
        line = self._line(label)
        done = self._progress.tasks[line].completed
        self._progress.update(line, total=max(done, 1), completed=max(done, 1), words=plain(words))


@contextmanager
def bars(*, wanted: bool = True) -> Iterator[Bars]:
    """Bars for the block, if they are *wanted* and standard error is a terminal."""
    if not wanted or not sys.stderr.isatty():
        yield NoBars()
        return
    with Progress(*columns(), console=Console(stderr=True)) as shown:
        yield TerminalBars(shown)


class _Bytes(DownloadColumn):
    """The bytes that have come of what is fetched; nothing for what is imported."""

    def render(self, task: Task) -> Text:
        return super().render(task) if task.fields["fetched"] else Text()


def columns() -> tuple[ProgressColumn, ...]:
    """What stands in the line of a label."""
    label = TextColumn("{task.description}", markup=False)
    words = TextColumn("{task.fields[words]}", markup=False)
    return label, BarColumn(), _Bytes(), TimeElapsedColumn(), words


_STEPS = {"read": "reading the lists", "merge": "merging", "index": "writing the index"}


@contextmanager
def steps(*, wanted: bool = True) -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each step of a compile during the block, on the same terms; what comes back is told the steps."""
    if not wanted or not sys.stderr.isatty():
        yield compiler.quiet
        return
    with Progress(
        TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=Console(stderr=True)
    ) as shown:
        lines: dict[str, TaskID] = {}

        def tell(step: str, done: int, total: int) -> None:
            if step not in lines:
                for line in lines.values():
                    shown.update(line, total=1, completed=1)
                lines[step] = shown.add_task(_STEPS.get(step, step), total=None)
            shown.update(lines[step], total=total or None, completed=done)

        yield tell


@contextmanager
def rows(*, wanted: bool = True) -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each table whose rows are carried over during the block, on the same terms; what is told of them."""
    if not wanted or not sys.stderr.isatty():
        yield compiler.quiet
        return
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    ) as shown:
        lines: dict[str, TaskID] = {}

        def tell(table: str, done: int, total: int) -> None:
            if not total:
                return
            if table not in lines:
                lines[table] = shown.add_task(table, total=total)
            shown.update(lines[table], completed=done)

        yield tell
