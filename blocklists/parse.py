"""Lists as their authors write them, read into rules.

A list is read in batches and never held whole, so that five million names take no more memory than fifty thousand. A
bad line is counted with its reason and its number, never fatal; no bytes make a parser raise. How each format is read
is in `blocklists.formats`.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path

import msgspec

from blocklists import blocks, formats
from blocklists.blocks import Block
from blocklists.formats import MAX_LINE, Format, Reader, Unread, glance, recognise, ut1
from blocklists.rule import Effect, NameRule, PageRule, Rule

__all__ = ["Batch", "Format", "Parsed", "Skipped", "Tally", "batches", "parse_file", "parse_lines", "read"]

MAX_SKIPPED_KEPT = 100
"""Skipped lines kept by number, besides the first with each reason (we know a few dozen); the rest are only counted."""


class Skipped(msgspec.Struct, frozen=True):
    """A line that was left out: its number (from 1), why, and the file within a folder ("" for a single file)."""

    line: int
    reason: str
    file: str = ""


class Tally(msgspec.Struct):
    """What was read of a list: lines that say something (*said*), rules by kind, and what was left out.

    *format* is the one that was named or recognised. *skipped_count* lines were left out, wholly or in part, by
    *reasons*, the first of them in *skipped*. A line counts once, for its first reason.
    """

    format: Format = Format.AUTO
    lines: int = 0
    said: int = 0
    names: int = 0
    pages: int = 0
    patterns: int = 0
    skipped_count: int = 0
    reasons: dict[str, int] = {}
    skipped: list[Skipped] = []

    @property
    def rules(self) -> int:
        """How many rules there are."""
        return self.names + self.pages + self.patterns

    @property
    def understood(self) -> float:
        """The share of the lines that say something that was understood, from 0 to 1."""
        return 1.0 if not self.said else 1 - self.skipped_count / self.said

    def skip(self, line: int, reason: str, file: str) -> None:
        """Count the *line* of *file* as left out."""
        self.skipped_count += 1
        self.reasons[reason] = self.reasons.get(reason, 0) + 1
        if len(self.skipped) < MAX_SKIPPED_KEPT or self.reasons[reason] == 1:
            self.skipped.append(Skipped(line, reason, file))


class Batch(msgspec.Struct):
    """Some rules of a list. *names* are on the list with everything under them: what nearly every line says."""

    names: list[str]
    rules: list[Rule]


class Parsed(msgspec.Struct):
    """A whole small list: the *names* on it, the other *rules*, and the *tally*."""

    names: set[str]
    rules: list[Rule]
    tally: Tally


def parse_file(path: Path, fmt: Format = Format.AUTO) -> Parsed:
    """Read the small list at *path* whole; OSError if it cannot be opened."""
    tally = Tally()
    return _whole(read(path, fmt, tally), tally)


def parse_lines(lines: Iterable[bytes], fmt: Format = Format.AUTO) -> Parsed:
    """Read the raw *lines* of a small list whole."""
    tally = Tally()
    return _whole(batches(list(lines), fmt, tally), tally)


def _whole(read_batches: Iterable[Batch], tally: Tally) -> Parsed:
    parsed = Parsed(names=set(), rules=[], tally=tally)
    for batch in read_batches:
        parsed.names.update(batch.names)
        parsed.rules += batch.rules
    return parsed


def read(path: Path, fmt: Format, tally: Tally) -> Iterator[Batch]:
    """Read the list at *path* batch by batch, and count into *tally*; OSError if it cannot be opened.

    *path* is a file, gzipped or not, or the folder of a UT1 or squidGuard category.
    """
    if path.is_dir() and fmt in {Format.AUTO, Format.UT1}:
        tally.format = Format.UT1
        for piece, reader in ut1.pieces(path):
            yield from _Reading(reader, tally, piece.name).batches(blocks.of_file(piece))
    elif fmt is Format.UT1:
        tally.format = fmt
        yield from _Reading(ut1.reader_of(path), tally).batches(blocks.of_file(path))
    else:
        yield from _recognised(partial(blocks.of_file, path), fmt, tally, again=path.is_file())


def batches(lines: Iterable[bytes], fmt: Format, tally: Tally) -> Iterator[Batch]:
    """Read a list's raw *lines* batch by batch, and count into *tally*.

    What takes back a rule above it ($badfilter) is only found in a list or a tuple, which can be gone through twice.
    """
    yield from _recognised(partial(blocks.of_lines, lines), fmt, tally, again=isinstance(lines, list | tuple))


def _recognised(opened: Callable[[], Iterator[Block]], fmt: Format, tally: Tally, *, again: bool) -> Iterator[Batch]:
    source = opened()
    first = next(source, b"")
    text = first if isinstance(first, bytes) else b""
    tally.format = recognise.format_of(text) if fmt is Format.AUTO else fmt
    ahead = formats.look_ahead(tally.format, lambda: _only_bytes(opened())) if again else formats.UNSEEN
    loose = fmt is Format.AUTO and tally.format in formats.LOOSE
    reader = formats.READERS[Format.AUTO if loose else tally.format](ahead)
    yield from _Reading(reader, tally).batches(chain([first], source))


def _only_bytes(source: Iterable[Block]) -> Iterator[bytes]:
    return (block for block in source if isinstance(block, bytes))


def _without_page(source: Iterator[Block]) -> Iterator[Block]:
    """*source*, or nothing but the reason if it is a web page: what a server sends where there was a list."""
    first = next(source, b"")
    if isinstance(first, bytes) and recognise.is_page(first):
        yield Unread("a web page, not a list")
        return
    yield first
    yield from source


class _Reading:
    """One file being read by *reader*, counted into *tally*."""

    def __init__(self, reader: Reader, tally: Tally, file: str = "") -> None:
        self._reader = reader
        self._tally = tally
        self._file = file
        self._line = 0
        self._batch = Batch([], [])

    def batches(self, source: Iterator[Block]) -> Iterator[Batch]:
        """Read *source*, a batch for each block."""
        for block in _without_page(source):
            self._batch = Batch([], [])
            if isinstance(block, bytes):
                self._read(block)
            else:
                self._tally.said += 1
                self._tally.skip(self._line + 1, block.reason, self._file)
            yield self._batch

    def _read(self, block: bytes) -> None:
        position, before = 0, self._line
        while position < len(block):
            names, position = glance.run(block, position, self._reader.shapes)
            if names:
                self._take_names(names)
            else:
                end = block.index(b"\n", position)
                self._read_line(block[position:end])
                position = end + 1
        self._tally.lines += self._line - before

    def _take_names(self, names: list[str]) -> None:
        self._line += len(names)
        self._tally.said += len(names)
        if self._reader.cancelled:
            names = [name for name in names if name not in self._reader.cancelled]
        self._tally.names += len(names)
        self._batch.names += names

    def _read_line(self, line: bytes) -> None:
        self._line += 1
        said = self._reader.said(line[:MAX_LINE].decode("utf-8", "replace"))
        if not said:
            return
        self._tally.said += 1
        if len(line) > MAX_LINE:
            self._tally.skip(self._line, f"longer than {MAX_LINE} bytes", self._file)
            return
        found = [_whole_site(rule) for rule in self._reader.rules(said)]
        for rule in found:
            if not isinstance(rule, Unread):
                self._take(rule)
        if reason := next((rule.reason for rule in found if isinstance(rule, Unread)), None):
            self._tally.skip(self._line, reason, self._file)

    def _take(self, rule: Rule) -> None:
        match rule:
            case NameRule(name=name, effect=Effect.LISTED, exact=False):
                self._tally.names += 1
                self._batch.names.append(name)
                return
            case NameRule():
                self._tally.names += 1
            case PageRule():
                self._tally.pages += 1
            case _:
                self._tally.patterns += 1
        self._batch.rules.append(rule)


def _whole_site(rule: Rule | Unread) -> Rule | Unread:
    """*rule*, but for pages of everything that ends in one label: nobody has a page on a top-level domain."""
    if isinstance(rule, PageRule) and not {".", ":"} & set(rule.host):
        return Unread("a page of a name with one label")
    return rule
