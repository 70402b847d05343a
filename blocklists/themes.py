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
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from blocklists import defaults, theme_phrase
from blocklists.rulebook import Severity
from blocklists.theme_phrase import AROUND, Compiled
from blocklists.theme_text import words_of
from blocklists.verdict import Hit

EVERY = "*"
"""In place of a theme: the phrase is of all of them."""
ENOUGH_ON_A_PAGE = 3
"""Different phrases of a theme that make a page one of it: others wrote it, and a page says much in passing."""
_MOST_EVIDENCE = 5
_MOST_TYPED, _MOST_ON_A_PAGE = 2_000, 400
"""Places of a text that are looked at, some 25 us each: what is long and full of them ends there."""


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
    """One phrase of a table, as it is written there; *plainly* is its first reading, which a person is told."""

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
        self._harmless: dict[str, list[tuple[int, Compiled]]] = defaultdict(list)
        self._others: dict[str, list[tuple[int, Compiled]]] = defaultdict(list)
        for number, one in enumerate(made):
            by_anchor = self._harmless if self.rows[number].role is Role.HARMLESS else self._others
            for word in one.anchors:
                by_anchor[word].append((number, one))

    def hits(self, text: str) -> tuple[Hit, ...]:
        """The themes of what somebody typed, the gravest first: a search, a prompt, a form."""
        return self._weighed(self._found(words_of(text), _MOST_TYPED))

    def hits_on_page(self, text: str) -> tuple[Hit, ...]:
        """The themes of a page's text: what others wrote is a topic at most, and a page names things in passing."""
        found = self._found(words_of(text), _MOST_ON_A_PAGE)
        return tuple(self._of_page(found, self._silent(found)))

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

    def _of_page(self, found: Iterable[Row], silent: frozenset[str]) -> Iterator[Hit]:
        rows = [row for row in found if row.role in (Role.RISK, Role.TOPIC)]
        for name, theme in self.themes.items():
            evidence = [row for row in rows if row.theme == name]
            if len(evidence) >= ENOUGH_ON_A_PAGE and name not in silent:
                yield Hit(name, min(theme.topic, Severity.CONCERN), _evidence(evidence))

    def _silent(self, rows: Iterable[Row]) -> frozenset[str]:
        """The themes whose topics mean nothing beside what *rows* name."""
        named = {row.theme for row in rows if row.role in (Role.CONTEXT, Role.HELP)}
        return frozenset(self.themes if EVERY in named else named)

    def _found(self, words: list[str], most: int) -> tuple[Row, ...]:
        """The rows whose phrase is in *words*, in the order of the tables."""
        left = self._without_harmless(words, most)
        found: set[int] = set()
        for place in _places(left, self._others, most):
            around = _around(left, place)
            found.update(n for n, one in self._others[left[place]] if n not in found and one.found(around))
        return tuple(self.rows[number] for number in sorted(found))

    def _without_harmless(self, words: list[str], most: int) -> list[str]:
        """*words*, with nothing in place of each that belongs to a harmless phrase."""
        left = words
        for place in _places(words, self._harmless, most):
            start = max(place - AROUND, 0)
            around = _around(words, place)
            for _, one in self._harmless[words[place]]:
                for match in one.patterns[0].finditer(around):
                    left = left if left is not words else words.copy()
                    first, last = (start + around.count(" ", 0, end) for end in match.span())
                    left[first:last] = [""] * (last - first)
        return left


def _places(words: list[str], by_anchor: Mapping[str, object], most: int) -> list[int]:
    """Where *words* have an anchor, *most* of them."""
    if by_anchor.keys().isdisjoint(words):
        return []
    return [place for place, word in enumerate(words) if word in by_anchor][:most]


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
