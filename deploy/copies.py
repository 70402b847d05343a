"""A copy that has come, fetched or imported: read, judged, and put in force or held back."""

import enum
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

import msgspec
from msgspec.structs import replace

from blocklists.fetch_error import FetchError
from blocklists.live import Files
from blocklists.stored import Copy, Meta, Part
from deploy import judgement, store
from deploy.contents import Contents
from deploy.judgement import Ratios
from reporting.logline import plain

LARGE = 20_000_000
"""Bytes of a copy from which it is asked how much of it is rules. Smaller ones may say what they like."""
MOST_FOR_A_RULE = 4096
"""Bytes of a large copy for each rule. A line of a name has 20, one of a long URL 300."""


class State(enum.StrEnum):
    """What became of a list that was to come."""

    FETCHED = "new"
    """it is in force"""
    UNCHANGED = "not changed"
    """the copy in force is the newest"""
    HELD = "held back"
    """it waits to be accepted"""
    FAILED = "failed"
    """it did not come, or cannot be used"""


class Outcome(msgspec.Struct, frozen=True):
    """What became of *label*: the *copy* that it is about, and why, where it is not in force.

    *before* has the number of rules that were in force until then, by list.
    """

    label: str
    state: State
    why: str = ""
    copy: Copy | None = None
    before: dict[str, int] = {}

    @property
    def good(self) -> bool:
        """Whether the newest copy is in force."""
        return self.state in {State.FETCHED, State.UNCHANGED}


class Arrival(msgspec.Struct, frozen=True):
    """A copy that came for what *meta* says: its *content* is in a folder of `store.new_folder`."""

    meta: Meta
    copy: Copy
    content: Path
    contents: Contents


def take(files: Files, arrival: Arrival, ratios: Ratios, step: Callable[[int], None]) -> Outcome:
    """Read the copy of *arrival*, and put it in force if it may replace what is; *step* hears the lines read so far.

    OSError if it cannot be read or kept; nothing has changed then.
    """
    meta, content = arrival.meta, arrival.content
    _leave_only(content, arrival.contents)
    parts = _read(arrival, step)
    origin = arrival.copy.origin.encode(errors="replace").decode()  # a path on a stick may be in no UTF-8
    copy = replace(arrival.copy, origin=origin, parts=parts, unknown=tuple(map(plain, arrival.contents.unknown)))
    before = meta.current.rules if meta.current else {}
    lines, page = sum(part.lines for part in parts), any(map(judgement.is_page, _files(content)))
    why = judgement.objection(copy.rules, before, ratios, page=page, lines=lines)
    heavy = _too_heavy(sum(path.stat().st_size for path in _files(content)), sum(copy.rules.values()))
    if heavy or (why and not meta.current):
        return Outcome(meta.label, State.FAILED, f"it {why or heavy}")
    store.settle(content)
    if why:
        store.hold(files, meta, copy, why)
        return Outcome(meta.label, State.HELD, why, copy, before)
    store.put_in_force(files, meta, copy)
    return Outcome(meta.label, State.FETCHED, "", copy, before)


def _too_heavy(size: int, rules: int) -> str:
    """Why *size* bytes are not kept for so few *rules*, or "": three copies may be kept of each label."""
    return f"has {size:,} bytes for {rules:,} rules" if size > max(LARGE, rules * MOST_FOR_A_RULE) else ""


def sentence(error: Exception, folder: Path) -> str:
    """Why a list could not be had, as a sentence without its full stop; *folder* is where it was to be kept."""
    if isinstance(error, OSError):
        return f"{plain(str(error.filename or folder))}: {error.strerror or error}"
    return str(error) if isinstance(error, FetchError) else f"it {error}"


def shrunk(outcomes: Iterable[Outcome]) -> set[str]:
    """The lists that have shrunk in copies which their own `shrinks_to` let through, and so are meant."""
    return {
        name
        for one in outcomes
        if one.state is State.FETCHED and one.copy
        for name, before in one.before.items()
        if one.copy.rules.get(name, 0) < before * Ratios().shrinks_to
    }


def _read(arrival: Arrival, step: Callable[[int], None]) -> tuple[Part, ...]:
    parts: list[Part] = []
    for part in arrival.contents.parts:
        lines = sum(one.lines for one in parts)
        parts.append(judgement.read_part(arrival.content, part, lambda more, lines=lines: step(lines + more)))  # type: ignore[misc]
    return tuple(parts)


def _leave_only(content: Path, contents: Contents) -> None:
    """Take away of *content* what no list is fed by."""
    there = {PurePosixPath(path.relative_to(content)): path for path in _files(content)}
    for name in there.keys() - set(contents.of(there)):
        there[name].unlink()
    for place in sorted(content.rglob("*"), reverse=True):
        if place.is_dir() and not any(place.iterdir()):
            place.rmdir()


def _files(content: Path) -> list[Path]:
    return [path for path in content.rglob("*") if path.is_file()]
