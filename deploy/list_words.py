"""How the commands of lists speak: one line for each list, and never a line of a list.

What authors chose (names of files and categories, paths) is cleaned here, as a terminal obeys some characters (G28).
"""

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from blocklists.gather import Read
from blocklists.parse import Skipped
from blocklists.stored import Copy, Part
from deploy.copies import Outcome, State
from deploy.counted import counted
from deploy.list_status import LabelStatus, SourceStatus, Status
from deploy.lookup import Lookup
from reporting.logline import plain

LINES_NAMED = 3
"""Numbers of lines that are named for each reason."""
_UNITS = ((24 * 3600, "day"), (3600, "hour"), (60, "minute"))


def outcome(one: Outcome) -> Iterator[str]:
    """What became of a list that was to come."""
    match one.state:
        case State.FETCHED:
            yield f"{one.label:24}new: {_counted(one.copy)}"
            yield from _parts(one.copy)
        case State.UNCHANGED:
            yield f"{one.label:24}not changed: {_counted(one.copy)}"
        case State.HELD:
            yield f"{one.label:24}HELD BACK: it {one.why}; the copy in force stays"
            yield f"{'':24}if this is meant: schoolgate lists accept {one.label}"
        case State.FAILED:
            yield f"{one.label:24}FAILED: {plain(one.why)}"


def outcomes(every: Iterable[Outcome], unknown_names: Iterable[str], links_count: int) -> Iterator[str]:
    """What became of all that was to come, and what stands for no list."""
    for one in every:
        yield from outcome(one)
    yield from unknown(unknown_names)
    yield from links(links_count)


def unknown(names: Iterable[str]) -> Iterator[str]:
    """The names that stand for no list."""
    if named := [plain(name) for name in names]:
        yield f"{'':24}left out, as they stand for no list here: {', '.join(named)}"


def links(count: int) -> Iterator[str]:
    """How many links were left out of an archive or a folder."""
    if count:
        yield f"{'':24}left out: {counted(count, 'link')}; none is followed"


def _counted(copy: Copy | None) -> str:
    return counted(sum(copy.rules.values()) if copy else 0, "rule")


def _parts(copy: Copy | None) -> Iterator[str]:
    for part in copy.parts if copy else ():
        yield f"  {part.list:22}{_read(part)}{f', from {plain(part.category)}' if part.category else ''}"
    yield from unknown(copy.unknown if copy else ())
    yield from links(copy.links if copy else 0)


def _read(part: Part | SourceStatus) -> str:
    skipped = part.skipped if isinstance(part, Part) else sum(part.reasons.values())
    words = f"{counted(part.rules, 'rule')}, {share(part.understood)} of the lines understood"
    return f"{words}, {skipped:,} skipped" if skipped else words


def share(value: float) -> str:
    """*value* in percent, rounded down: 100.0% is all of it."""
    return f"{math.floor(value * 1000) / 10:.1f}%"


def age(since_ns: int, now_ns: int) -> str:
    """How long ago *since_ns* was, in words."""
    seconds = max(0, now_ns - since_ns) // 10**9
    for unit, word in _UNITS:
        if count := seconds // unit:
            return f"{counted(count, word)} ago"
    return "just now"


def status(found: Status, now_ns: int) -> Iterator[str]:
    """The whole status."""
    for name, sources in itertools.groupby(found.sources, key=lambda one: one.list):
        yield name
        for source in sources:
            yield from _source(source, now_ns)
        for reason, count in found.patterns.get(name, {}).items():
            yield f"  {count:,} not in the index: {plain(reason)}"
    for label in found.labels:
        yield from _label(label, now_ns)
    yield _index(found, now_ns)


def _source(source: SourceStatus, now_ns: int) -> Iterator[str]:
    name = f"{source.label} {plain(source.category)}".strip() if source.label else plain(source.origin)
    if source.problem:
        yield f"  {name}: {source.problem}"
        return
    came = f", {age(source.fetched_ns, now_ns)}" if source.fetched_ns else ""
    yield f"  {name}: {_read(source)}{came}"
    yield from reasons(source.reasons, source.first)


def reasons(counts: Mapping[str, int], first: Sequence[Skipped], source: str = "") -> Iterator[str]:
    """Why lines were left out, and how many: a line for each reason, with the numbers of the *first* of them.

    *source* says where they stand, if that is not clear.
    """
    for reason, count in counts.items():
        lines = [f"{plain(one.file)} {one.line}".strip() for one in first if one.reason == reason][:LINES_NAMED]
        where = f" (line {', '.join(lines)}{' ...' if count > len(lines) else ''})" if lines else ""
        yield f"    {source}{count:,} {plain(reason)}{where}"


def compiled(name: str, rules: int, every: Sequence[Read]) -> Iterator[str]:
    """What was read of the list *name* for an index: its *rules*, and why the rest of its lines was left out."""
    skipped = sum(one.tally.skipped_count for one in every)
    yield f"{name:24}{counted(rules, 'rule'):>15}{counted(skipped, 'line'):>14} skipped"
    for one in every:
        source = f"{one.label or 'own file'}: " if len(every) > 1 else ""
        yield from reasons(one.tally.reasons, one.tally.skipped, source)


def _label(label: LabelStatus, now_ns: int) -> Iterator[str]:
    checked = f"newest {age(label.checked_ns, now_ns)}" if label.checked_ns else "never had"
    kind = "subscribed" if label.subscribed else "imported"
    yield f"{label.label}: {kind}, {checked}, {plain(label.origin)}"
    if label.problem:
        yield f"  {'' if label.untried else 'FAILED: '}{plain(label.problem)}"
    if label.held:
        yield f"  HELD BACK: the newest copy {label.held}; if this is meant: schoolgate lists accept {label.label}"
    yield from unknown(label.unknown)


def _index(found: Status, now_ns: int) -> str:
    if not found.build:
        return "No index is in force; run: schoolgate lists compile"
    behind = "" if found.compiled else ", without the newest copies; run: schoolgate lists compile"
    return f"Index {found.build} is in force, built {age(found.built_ns, now_ns)}{behind}."


def outcome_json(one: Outcome) -> dict[str, Any]:
    """What became of a list, for scripts."""
    parts = one.copy.parts if one.copy else ()
    return {
        "label": one.label,
        "state": one.state.name.lower(),
        "why": one.why,
        "rules": sum(part.rules for part in parts),
        "parts": [_part_json(part) for part in parts],
        "unknown": list(one.copy.unknown) if one.copy else [],
        "links": one.copy.links if one.copy else 0,
    }


def _part_json(part: Part) -> dict[str, Any]:
    return {
        "list": part.list,
        "category": part.category,
        "rules": part.rules,
        "lines": part.lines,
        "understood": part.understood,
        "skipped": part.skipped,
        "reasons": part.reasons,
    }


def compiled_json(rules: Mapping[str, int], read: Mapping[str, Sequence[Read]]) -> list[dict[str, Any]]:
    """What was read of each list for an index, for scripts."""
    return [
        {
            "list": name,
            "rules": rules[name],
            "skipped": sum(one.tally.skipped_count for one in every),
            "sources": [
                {"label": one.label, "skipped": one.tally.skipped_count, "reasons": one.tally.reasons} for one in every
            ],
        }
        for name, every in read.items()
    ]


def status_json(found: Status) -> Any:
    """The whole status, for scripts; times are in UTC nanoseconds, 0 for never."""
    return {"good": found.good, **msgspec.to_builtins(found)}


def lookup(found: Lookup) -> Iterator[str]:
    """What the lists say of a host or a page."""
    if not found.listings:
        yield f"{found.asked} is on no list."
    for one in found.listings:
        yield f"{one.rule:40}{', '.join(one.lists)}"
    if found.with_pages:
        yield f"Some of its pages are on {', '.join(found.with_pages)}; ask for one of them by its URL."


def lookup_json(found: Lookup) -> dict[str, Any]:
    """The same, for scripts."""
    listings = [{"rule": one.rule, "lists": list(one.lists)} for one in found.listings]
    return {"asked": found.asked, "listings": listings, "pages_on": list(found.with_pages)}
