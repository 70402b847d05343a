"""Lists as their authors write them, read into names.

Two formats so far: `plain` (a name a line) and `hosts` (an address, then names). A bad line is counted with its
reason and its number, never fatal; no bytes make a parser raise.
"""

import enum
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from blocklists import domain

MAX_LINE = 4096
"""Bytes of a line; the longest honest one (a hosts line with many names) is far shorter, so a longer one is skipped."""
MAX_SKIPPED_KEPT = 100
"""Skipped lines kept word for word; the rest are only counted."""

LOCAL_NAMES = frozenset(
    {
        "0.0.0.0",  # noqa: S104 - a name in hosts files, bound by nobody
        "broadcasthost",
        "ip6-allhosts",
        "ip6-allnodes",
        "ip6-allrouters",
        "ip6-localhost",
        "ip6-localnet",
        "ip6-loopback",
        "ip6-mcastprefix",
        "local",
        "localhost",
        "localhost.localdomain",
    }
)
"""Names that hosts files carry for the machine itself."""


class Format(enum.StrEnum):
    """A list format that `parse_lines` reads; AUTO looks at each line, as lists are joined from several sources."""

    AUTO = "auto"
    PLAIN = "plain"
    HOSTS = "hosts"


class Skipped(msgspec.Struct, frozen=True):
    """A line that was left out: its number (from 1) and why."""

    line: int
    reason: str


class Parsed(msgspec.Struct):
    """The names of a list, and what was left out: *skipped_count* lines, the first of them in *skipped*."""

    names: set[str]
    skipped: list[Skipped]
    skipped_count: int = 0
    lines: int = 0


def parse_file(path: Path, fmt: Format = Format.AUTO) -> Parsed:
    """Read the list at *path*; OSError if it cannot be opened."""
    with path.open("rb") as file:
        return parse_lines(file, fmt)


def parse_lines(lines: Iterable[bytes], fmt: Format = Format.AUTO) -> Parsed:
    """Read a list's raw *lines*."""
    parsed = Parsed(names=set(), skipped=[])
    for number, line in enumerate(lines, start=1):
        parsed.lines = number
        text = _text(line, first=number == 1)
        if not text:
            continue
        if len(line) > MAX_LINE:
            _take(parsed, number, None, f"longer than {MAX_LINE} bytes")
            continue
        for name, reason in READERS[recognised(text) if fmt is Format.AUTO else fmt](text):
            _take(parsed, number, name, reason)
    return parsed


def recognised(text: str) -> Format:
    """The format that the line *text* is written in."""
    words = text.split()
    return Format.HOSTS if len(words) > 1 and domain.as_address(words[0]) else Format.PLAIN


def _take(parsed: Parsed, number: int, name: str | None, reason: str) -> None:
    if name is not None:
        parsed.names.add(name)
        return
    parsed.skipped_count += 1
    if len(parsed.skipped) < MAX_SKIPPED_KEPT:
        parsed.skipped.append(Skipped(number, reason))


def _text(line: bytes, *, first: bool) -> str:
    text = line[:MAX_LINE].decode("utf-8", "replace")
    if first:
        text = text.removeprefix("\ufeff")
    return text.partition("#")[0].strip()


def _plain(text: str) -> Iterator[tuple[str | None, str]]:
    if len(text.split()) > 1:
        yield None, "more than one word on a line"
        return
    yield _name(text)


def _hosts(text: str) -> Iterator[tuple[str | None, str]]:
    address, *names = text.split()
    if domain.as_address(address) is None:
        yield None, "a hosts line opens with an address"
        return
    if not names:
        yield None, "an address without a name"
    for name in names:
        if name.lower() not in LOCAL_NAMES:
            yield _name(name)


def _name(text: str) -> tuple[str | None, str]:
    name = domain.canonical(text)
    if name is None:
        return None, "not the name of a host"
    return name, ""


READERS: dict[Format, Callable[[str], Iterator[tuple[str | None, str]]]] = {
    Format.PLAIN: _plain,
    Format.HOSTS: _hosts,
}
"""Where a new format goes: a reader of one line, and a line here."""
