"""Patterns of lists, compiled by hyperscan into one database and held against hosts and URLs.

They come from outside, so nothing else ever runs them: hyperscan takes time that is linear in the text. What it cannot
compile, or what would match every text, is left out with its reason. Its saved form is tied to the processor, so a
database that does not load is compiled again from the patterns beside it.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from blocklists.rule import PatternRule, Subject

PATTERNS = "patterns.json"
DATABASE = "patterns.hs"


class Placed(msgspec.Struct, frozen=True):
    """A pattern, and the column of an index (*list*, or a source of it) that it is in."""

    rule: PatternRule
    list: str


class Refused(msgspec.Struct, frozen=True):
    """The pattern at *place* was left out, and why."""

    place: int
    reason: str


def compiled(rules: Sequence[PatternRule]) -> tuple[list[int], Any, list[Refused]]:
    """(the places of the *rules* that were taken, their database or None without any, what was left out)."""
    refused: list[Refused] = []
    taken, database = _taken(rules, refused)
    everything = {taken[number] for number in _matching_all_of(_PROBES, database)} if taken else set()
    if everything:
        refused += [Refused(place, "a pattern that matches everything") for place in sorted(everything)]
        taken = [place for place in taken if place not in everything]
        database = _database([rules[place] for place in taken]) if taken else None
    return taken, database, refused


def _taken(rules: Sequence[PatternRule], refused: list[Refused]) -> tuple[list[int], Any]:
    """The places of the *rules* that compile, and their database: compiled once where all of them do."""
    try:
        return list(range(len(rules))), _database(rules) if rules else None
    except ValueError:
        taken = list(_halved(rules, range(len(rules)), refused))
        return taken, _database([rules[place] for place in taken]) if taken else None


_PROBES = ("qj.test/7", "xn--w-0ka.0example/", "kz-7.vvv.wf/q?z=_")
"""Texts as a host and a URL at once, with nothing in common but what every text has; no honest pattern is in each."""


def _matching_all_of(texts: Sequence[str], database: Any) -> set[int]:
    """The numbers of the patterns of *database* that match each of *texts*."""
    return set.intersection(*(set(_scanned(database, text)) for text in texts))


def _halved(rules: Sequence[PatternRule], places: Sequence[int], refused: list[Refused]) -> Iterator[int]:
    """The *places* whose patterns compile together: halved until the ones that do not are alone."""
    try:
        _database([rules[place] for place in places])
        yield from places
    except ValueError as error:
        if len(places) == 1:
            refused.append(Refused(places[0], f"a pattern that hyperscan does not take: {error}"))
            return
        middle = len(places) // 2
        yield from _halved(rules, places[:middle], refused)
        yield from _halved(rules, places[middle:], refused)


def _database(rules: Sequence[PatternRule]) -> Any:
    """The database of *rules*, numbered by place; ValueError with hyperscan's words if one does not compile."""
    import hyperscan  # noqa: PLC0415 - 4 MB that a process without patterns never needs

    database = hyperscan.Database()
    flags = hyperscan.HS_FLAG_CASELESS | hyperscan.HS_FLAG_SINGLEMATCH
    try:
        database.compile(
            expressions=[rule.pattern.encode("ascii") for rule in rules],
            ids=list(range(len(rules))),
            flags=[flags] * len(rules),
        )
    except hyperscan.error as error:
        raise ValueError(str(error)) from None
    return database


def files(placed: Sequence[Placed], database: Any) -> dict[str, bytes]:
    """The two files of *placed* and their *database*, by name."""
    import hyperscan  # noqa: PLC0415 - see above

    return {PATTERNS: msgspec.json.encode(placed), DATABASE: hyperscan.dumpb(database)}


class Patterns:
    """The open database of an index."""

    def __init__(self, placed: Sequence[Placed], database: Any) -> None:
        """Take *placed* and the *database* that was compiled from them."""
        self._placed = placed
        self._database = database

    @classmethod
    def load(cls, folder: Path) -> "Patterns":
        """Load the patterns in *folder*; ValueError if they cannot be understood, OSError if they cannot be read."""
        import hyperscan  # noqa: PLC0415 - see above

        placed = msgspec.json.decode((folder / PATTERNS).read_bytes(), type=list[Placed])
        try:
            database = hyperscan.loadb((folder / DATABASE).read_bytes(), mode=hyperscan.HS_MODE_BLOCK)
            database.scratch = hyperscan.Scratch(database)
        except hyperscan.error:
            database = _database([one.rule for one in placed])
        return cls(placed, database)

    def matching(self, subject: Subject, text: str) -> list[Placed]:
        """The patterns for *subject* that match *text* (ASCII)."""
        found = [self._placed[number] for number in sorted(_scanned(self._database, text))]
        return [one for one in found if one.rule.subject is subject]


def _scanned(database: Any, text: str) -> list[int]:
    """The numbers of the patterns of *database* that match *text*, each once."""
    found: list[int] = []
    database.scan(
        text.encode("ascii"),
        match_event_handler=lambda number, start, end, flags, context: found.append(number),  # noqa: ARG005
    )
    return found
