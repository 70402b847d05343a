"""Themes: what a text says that a person should hear of, found by the phrases in `data/themes/`.

A theme alerts and never closes anything. The roles of a phrase say how much it means by itself:

- *risk*: said of oneself or of a friend, a threat, a disclosure. Nothing else in a typed text takes it back (G2).
- *topic*: it means something only where no context (a lesson, health, a film) and no help service is named beside it.
- *context*, *help*: such a context, such a service. By themselves they are nothing (G9, G12).
- *harmless*: the words of a risk or topic where they are none ("suicide squad"); they are taken out first.

Pure: no clock, no file but the shipped tables on first use.
"""

import csv
import enum
import functools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from blocklists import defaults, theme_phrase
from blocklists.rulebook import Severity
from blocklists.theme_anchors import Anchors, Numbered, joined
from blocklists.theme_phrase import AROUND, Compiled
from blocklists.theme_text import words_of
from blocklists.verdict import Hit

EVERY = "*"
"""In place of a theme: the phrase is of all of them."""
ENOUGH_ON_A_PAGE = 3
"""Different phrases of a theme that make a page one of it: others wrote it, and a page says much in passing.

Each different context or help service that it names asks for as many more: a lesson names several, and a page against
which something must be said one by chance.
"""
_MOST_EVIDENCE = 5
_MOST_TYPED, _MOST_ON_A_PAGE = 2_000, 1_000
"""Places of a text that patterns are tried at, some 25 us each: what is long and full of them ends there."""


class Role(enum.StrEnum):
    """What a phrase is for."""

    RISK = "risk"
    TOPIC = "topic"
    CONTEXT = "context"
    HELP = "help"
    HARMLESS = "harmless"


class Theme(msgspec.Struct, frozen=True):
    """How grave a theme's phrases are by role; *title* is for people."""

    title: str
    risk: Severity
    topic: Severity


class Row(msgspec.Struct, frozen=True):
    """One phrase of a table, as it is written there; *plainly* is what a person is told of it."""

    theme: str
    phrase: str
    role: Role
    language: str
    plainly: str = ""


class Themes:
    """The phrases, ready to be looked for. Holds nothing of any text."""

    def __init__(self, themes: Mapping[str, Theme], rows: Iterable[Row], sets: Mapping[str, str]) -> None:
        """Read all *rows*; ValueError names the first that cannot be read."""
        self.themes = themes
        rows = tuple(rows)
        phrases = [_parsed(row, themes, sets) for row in rows]
        self.rows = tuple(
            msgspec.structs.replace(row, plainly=phrase.plainly()) for row, phrase in zip(rows, phrases, strict=True)
        )
        made = theme_phrase.compiled(phrases, words_of(sets.get("common", "")))
        self._harmless = {number for number, row in enumerate(self.rows) if row.role is Role.HARMLESS}
        self._anchors = Anchors(enumerate(made))

    def hits(self, text: str) -> tuple[Hit, ...]:
        """The themes of what somebody typed, the gravest first: a search, a prompt, a form."""
        return self._weighed(self._found(words_of(text), _MOST_TYPED))

    def hits_on_page(self, text: str, folded: bytes | None = None) -> tuple[Hit, ...]:
        """The themes of a page's text: what others wrote is a topic at most, and a page names things in passing.

        *folded* is *text* with small letters and single blanks, where all of it is ASCII and that is at hand. Most
        pages have the words of too few phrases to be worth more than a look.
        """
        words = words_of(text) if folded is None else None
        looked_at = folded if words is None else joined(words)
        if not self._may_be_of_one(looked_at or b""):
            return ()
        return tuple(self._of_page(self._found(words_of(text) if words is None else words, _MOST_ON_A_PAGE)))

    def _may_be_of_one(self, folded: bytes) -> bool:
        """Whether the page *folded* has something of enough phrases of any theme."""
        count = Counter(
            self.rows[number].theme
            for number in self._anchors.numbers(folded)
            if self.rows[number].role in (Role.RISK, Role.TOPIC)
        )
        return any(many >= ENOUGH_ON_A_PAGE for many in count.values())

    def _weighed(self, found: Iterable[Row]) -> tuple[Hit, ...]:
        rows = tuple(found)
        silent = self._silent(rows)
        hits = []
        for name, theme in self.themes.items():
            risks = [row for row in rows if row.theme == name and row.role is Role.RISK]
            topics = [row for row in rows if row.theme == name and row.role is Role.TOPIC and name not in silent]
            if risks or topics:
                hits.append(Hit(name, theme.risk if risks else theme.topic, _evidence(risks + topics)))
        return tuple(sorted(hits, key=lambda hit: -hit.severity))

    def _of_page(self, rows: tuple[Row, ...]) -> Iterator[Hit]:
        for name, theme in self.themes.items():
            evidence = [row for row in rows if row.theme == name and row.role in (Role.RISK, Role.TOPIC)]
            excuses = [row for row in rows if row.theme in (name, EVERY) and row.role in (Role.CONTEXT, Role.HELP)]
            if len(evidence) >= ENOUGH_ON_A_PAGE * (1 + len(excuses)):
                yield Hit(name, min(theme.topic, Severity.CONCERN), _evidence(evidence))

    def _silent(self, rows: Iterable[Row]) -> frozenset[str]:
        """The themes whose topics mean nothing beside what *rows* name."""
        named = {row.theme for row in rows if row.role in (Role.CONTEXT, Role.HELP)}
        return frozenset(self.themes if EVERY in named else named)

    def _found(self, words: list[str], most: int) -> tuple[Row, ...]:
        """The rows whose phrase is in *words*, in the order of the tables."""
        places = list(self._anchors.places(words, most))
        left = self._without_harmless(words, places)
        found: set[int] = set()
        for place, phrases in places:
            if sought := [one for one in phrases if one[0] not in found and one[0] not in self._harmless]:
                around = _around(left, place)
                found.update(number for number, one in sought if one.found(around))
        return tuple(self.rows[number] for number in sorted(found))

    def _without_harmless(self, words: list[str], places: Iterable[tuple[int, list[Numbered]]]) -> list[str]:
        """*words*, with nothing in place of each that belongs to a harmless phrase."""
        left = words
        for place, phrases in places:
            for number, one in phrases:
                if number in self._harmless:
                    left = _without(one, words, place, left if left is not words else words.copy())
        return left


def _without(harmless: Compiled, words: list[str], place: int, left: list[str]) -> list[str]:
    """*left*, with nothing in place of what *harmless* is found in around *place* of *words*."""
    start, around = max(place - AROUND, 0), _around(words, place)
    for match in harmless.patterns[0].finditer(around):
        first, last = (start + around.count(" ", 0, end) for end in match.span())
        left[first:last] = [""] * (last - first)
    return left


def _around(words: list[str], place: int) -> str:
    return f" {' '.join(words[max(place - AROUND, 0) : place + AROUND + 1])} "


def _evidence(rows: Iterable[Row]) -> tuple[str, ...]:
    """The phrases of ours that were found, in plain words: never the text's own."""
    return tuple(dict.fromkeys(row.plainly for row in rows))[:_MOST_EVIDENCE]


def _parsed(row: Row, themes: Mapping[str, Theme], sets: Mapping[str, str]) -> theme_phrase.Phrase:
    """The phrase of *row*; ValueError if it cannot be read or says what its role cannot mean."""
    where = f"{row.theme}: {row.phrase!r}"
    if row.theme not in themes and (row.theme != EVERY or row.role in (Role.RISK, Role.TOPIC)):
        raise ValueError(f"{where}: no such theme")
    try:
        phrase = theme_phrase.parse(row.phrase, sets)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    if row.role is Role.HARMLESS and len(phrase.runs) > 1:
        raise ValueError(f"{where}: what is harmless is one run of words, without &")
    return phrase


def read(rows: Iterable[Mapping[str, str]]) -> Iterator[Row]:
    """The phrases that *rows* (of a CSV) say; ValueError for a role that is none."""
    for row in rows:
        yield Row(row["theme"], row["phrase"], Role(row["role"]), row["language"])


@functools.cache
def shipped() -> Themes:
    """The themes that we ship."""
    themes = {
        row["theme"]: Theme(row["title"], Severity[row["risk"]], Severity[row["topic"]])
        for row in defaults.table("themes")
    }
    sets = {row["set"]: row["words"] for row in defaults.table("theme_sets")}
    rows: list[Row] = []
    for path in sorted((defaults.DATA / "themes").glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows.extend(read(csv.DictReader(file)))
    return Themes(themes, rows, sets)
