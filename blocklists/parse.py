"""Lists as their authors write them, read into rules.

A list is read in batches and never held whole, so that five million names take no more memory than fifty thousand. A
bad line is counted with its reason and its number, never fatal; no bytes make a parser raise. How each format is read
is in `blocklists.formats`.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from blocklists import domain, formats
from blocklists.formats import MAX_LINE, Format
from blocklists.rule import Effect, NameRule, PageRule, PatternRule, Rule

__all__ = ["Batch", "Format", "Parsed", "Skipped", "Tally", "batches", "parse_file", "parse_lines", "read"]

MAX_SKIPPED_KEPT = 100
"""Skipped lines kept by number; the rest are only counted."""
BATCH = 50_000
"""Lines in a batch: about 5 MB of names."""


class Skipped(msgspec.Struct, frozen=True):
    """A line that was left out: its number (from 1), why, and the file within a folder ("" for a single file)."""

    line: int
    reason: str
    file: str = ""


class Tally(msgspec.Struct):
    """What was read of a list: lines that say something (*said*), rules by kind, and what was left out.

    *skipped_count* lines were left out, by *reasons*, the first of them in *skipped*.
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
    return _whole(batches(lines, fmt, tally), tally)


def _whole(read_batches: Iterable[Batch], tally: Tally) -> Parsed:
    parsed = Parsed(names=set(), rules=[], tally=tally)
    for batch in read_batches:
        parsed.names.update(batch.names)
        parsed.rules += batch.rules
    return parsed


def read(path: Path, fmt: Format, tally: Tally) -> Iterator[Batch]:
    """Read the list at *path* batch by batch, and count into *tally*; OSError if it cannot be opened."""
    with path.open("rb") as file:
        yield from batches(file, fmt, tally)


def batches(lines: Iterable[bytes], fmt: Format, tally: Tally) -> Iterator[Batch]:
    """Read a list's raw *lines* batch by batch, and count into *tally*."""
    batch = Batch([], [])
    for number, line in enumerate(lines, start=1):
        tally.lines = number
        _read_line(line, number, fmt, batch, tally)
        if number % BATCH == 0:
            yield batch
            batch = Batch([], [])
    yield batch


def _read_line(line: bytes, number: int, fmt: Format, batch: Batch, tally: Tally) -> None:
    text = _text(line, first=number == 1)
    if not text:
        return
    tally.said += 1
    if len(line) > MAX_LINE:
        _skip(tally, number, f"longer than {MAX_LINE} bytes")
        return
    for rule in formats.READERS[recognised(text) if fmt is Format.AUTO else fmt](text):
        if isinstance(rule, formats.Unread):
            _skip(tally, number, rule.reason)
        else:
            _take(rule, batch, tally)


def _take(rule: Rule, batch: Batch, tally: Tally) -> None:
    match rule:
        case NameRule(name=name, effect=Effect.LISTED, exact=False):
            tally.names += 1
            batch.names.append(name)
            return
        case NameRule():
            tally.names += 1
        case PageRule():
            tally.pages += 1
        case PatternRule():
            tally.patterns += 1
    batch.rules.append(rule)


def _skip(tally: Tally, number: int, reason: str) -> None:
    tally.skipped_count += 1
    tally.reasons[reason] = tally.reasons.get(reason, 0) + 1
    if len(tally.skipped) < MAX_SKIPPED_KEPT:
        tally.skipped.append(Skipped(number, reason))


def recognised(text: str) -> Format:
    """The format that the line *text* is written in."""
    words = text.split()
    return Format.HOSTS if len(words) > 1 and domain.as_address(words[0]) else Format.PLAIN


def _text(line: bytes, *, first: bool) -> str:
    text = line[:MAX_LINE].decode("utf-8", "replace")
    if first:
        text = text.removeprefix("\ufeff")
    return text.partition("#")[0].strip()
