"""Whether a new copy may replace the one in force: read whole, counted, and compared with it.

A download that failed leaves an error page or nothing where a list was; putting that in force would open a category. A
list that grew much may close what nobody meant to close. Both wait until a person says that they are meant.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import msgspec
from msgspec.structs import replace

from blocklists import parse
from blocklists.formats import recognise
from blocklists.parse import Skipped, Tally
from blocklists.stored import Part
from deploy.counted import counted

FIRST_LINES = 20
"""Lines left out that are kept by number for `lists status`, besides the first for each reason."""
GROWTH_FROM = 1000
"""Rules. A list of ten may well become one of forty; growth as large that ends above a thousand is a mistake."""
PAGE_HEAD = 1024
"""Bytes in which a web page says that it is one."""


class Ratios(msgspec.Struct, frozen=True):
    """How far the number of a list's rules may fall and rise from one copy to the next."""

    shrinks_to: float = 0.5
    grows_to: float = 3.0


def read_part(content: Path, part: Part, step: Callable[[int], None] = lambda _lines: None) -> Part:
    """*part* with what was read of it in the folder *content*; *step* hears how many lines there were so far."""
    tally = Tally()
    for _ in parse.read(content / part.path, part.format, tally):
        step(tally.lines)
    return replace(
        part,
        rules=tally.rules,
        lines=tally.lines,
        said=tally.said,
        skipped=tally.skipped_count,
        reasons=tally.reasons,
        first=tuple(_first(tally.skipped)),
    )


def _first(skipped: Iterable[Skipped]) -> Iterator[Skipped]:
    """The first FIRST_LINES of *skipped*, and after them the first with each reason."""
    seen: set[str] = set()
    for number, one in enumerate(skipped):
        if number < FIRST_LINES or one.reason not in seen:
            yield one
        seen.add(one.reason)


def is_page(path: Path) -> bool:
    """Whether the file at *path* is a web page."""
    with path.open("rb") as file:
        return recognise.is_page(file.read(PAGE_HEAD).removeprefix(b"\xef\xbb\xbf"))


def objection(
    new: Mapping[str, int], before: Mapping[str, int], ratios: Ratios, *, page: bool = False, lines: int = 0
) -> str:
    """Why rules by list of *new* may not replace those *before*, as the end of the sentence "it ...", or ""."""
    if page:
        return "is a web page (HTML) and not a list"
    if not any(new.values()):
        return f"has no rules in {counted(lines, 'line')}"
    return next(filter(None, (_change(name, new.get(name, 0), count, ratios) for name, count in before.items())), "")


def _change(name: str, new: int, before: int, ratios: Ratios) -> str:
    has = f"has {counted(new, 'rule')} for {name}, where {before:,} {'is' if before == 1 else 'are'} in force"
    if new < before * ratios.shrinks_to:
        return f"{has} (shrinks_to = {ratios.shrinks_to:g})"
    if new > max(before * ratios.grows_to, GROWTH_FROM) and before:
        return f"{has} (grows_to = {ratios.grows_to:g})"
    return ""
