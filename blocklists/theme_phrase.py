"""One theme phrase: how it is written in a table, and how it is found among the words of a text.

    i {want_to} (kill|hurt) myself      words, a choice of words, and a set that `sets.csv` names
    (really|) tired of living           a choice may be empty
    nobody ... miss me                  up to three words between
    suicide & painless                  both, in any order, near each other

This file knows nothing of themes. A phrase is looked for only around an *anchor*, the word of it, or two words that
follow each other, that should be rarest: most texts hold few, and cost two looks into a dictionary for each word.
"""

import functools
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from blocklists.theme_text import words_of

AROUND = 20
"""Words that are looked at on each side of an anchor; no phrase may be longer."""

_GAP = "..."
_MOST_BETWEEN = 3
_TOKEN = re.compile(r"\.\.\.|[()|&]|[^\s()|&]+")
_SET = re.compile(r"\{([^}]*)\}")
_COMMON = 1_000
"""What a word of the set `common` counts for as an anchor: it is one where nothing else is."""
_RARER = 10
"""How much rarer two words that follow each other are taken to be than the rarer of them."""
_MOST_PAIRS = 100
"""Pairs that one place of a phrase may be anchored by; more would only fill memory."""


class Word(msgspec.Struct, frozen=True):
    """One word, folded."""

    text: str


class Gap(msgspec.Struct, frozen=True):
    """Up to three words, whatever they are."""


class Choice(msgspec.Struct, frozen=True):
    """One of several runs of words; an empty one may be among them."""

    runs: tuple["Run", ...]


type Part = Word | Gap | Choice
type Run = tuple[Part, ...]
type Anchor = tuple[str] | tuple[str, str]
"""A word, or two that follow each other."""


class Phrase(msgspec.Struct, frozen=True):
    """A phrase that was read: its *runs*, more than one where they are joined by "&"."""

    runs: tuple[Run, ...]

    def words(self) -> Iterator[str]:
        """Every word that it can hold."""
        for run in self.runs:
            yield from _words(run)

    def plainly(self) -> str:
        """The phrase as a person is told it: of each choice two readings, and a mark where there are more.

        One reading alone would look like a quotation: "my mum" where somebody wrote "my dad".
        """
        return " & ".join(" ".join(_told(run)) for run in self.runs)


class Compiled:
    """A phrase ready to be looked for: *anchors*, one of which every text with the phrase has.

    Its patterns are compiled when they are first needed: all of them at once would take a worker half a second.
    """

    def __init__(self, runs: tuple[Run, ...], anchors: frozenset[Anchor]) -> None:
        self.anchors = anchors
        self._runs = runs

    @functools.cached_property
    def patterns(self) -> tuple[re.Pattern[str], ...]:
        """A pattern for each run, for words with a space before and behind each."""
        return tuple(re.compile(_pattern(run) + "(?= )") for run in self._runs)

    def found(self, around: str) -> bool:
        """Whether *around*, words with a space before and behind each, holds the phrase."""
        return all(pattern.search(around) for pattern in self.patterns)


def parse(text: str, sets: Mapping[str, str]) -> Phrase:
    """The phrase that *text* writes, where *sets* has the choices by name; ValueError says what is wrong with it."""
    tokens = list(_TOKEN.findall(_with_sets(text, sets)))
    runs = []
    while True:
        run, tokens = _run(tokens)
        runs.append(run)
        if not tokens:
            break
        if tokens.pop(0) != "&":
            raise ValueError("a bracket or a bar stands alone")
    phrase = Phrase(tuple(runs))
    for run in runs:
        if not _can_be(run):
            raise ValueError("a part holds no word that must be there")
        if _longest(run) > AROUND:
            raise ValueError(f"it is longer than {AROUND} words")
    return phrase


def _with_sets(text: str, sets: Mapping[str, str]) -> str:
    """*text* with the words of each set in its place; a set may name others, and none itself."""

    def words(named: re.Match[str]) -> str:
        name = named[1]
        if name not in sets:
            raise ValueError(f"no set is called {name!r}")
        return f"({_with_sets(sets[name], {other: sets[other] for other in sets if other != name})})"

    return _SET.sub(words, text)


def _run(tokens: list[str]) -> tuple[Run, list[str]]:
    """The run that *tokens* open with, and what is left of them: nothing, or from ")", "|" or "&" on."""
    parts: list[Part] = []
    while tokens and tokens[0] not in (")", "|", "&"):
        written, tokens = tokens[0], tokens[1:]
        if written == _GAP:
            parts.append(Gap())
        elif written == "(":
            choice, tokens = _choice(tokens)
            parts.append(choice)
        else:
            parts.extend(Word(word) for word in words_of(written))
    return tuple(parts), tokens


def _choice(tokens: list[str]) -> tuple[Choice, list[str]]:
    runs = []
    while True:
        run, tokens = _run(tokens)
        runs.append(run)
        if not tokens or tokens[0] == "&":
            raise ValueError("a bracket is not closed")
        closing, tokens = tokens[0], tokens[1:]
        if closing == ")":
            return Choice(tuple(runs)), tokens


def _words(run: Run) -> Iterator[str]:
    for part in run:
        if isinstance(part, Word):
            yield part.text
        elif isinstance(part, Choice):
            for one in part.runs:
                yield from _words(one)


def _told(run: Run) -> Iterator[str]:
    """The words of *run*, without those that may be missing, and with two readings of each choice."""
    for part in run:
        if isinstance(part, Choice):
            if all(part.runs):
                yield _readings(part)
        else:
            yield part.text if isinstance(part, Word) else _GAP


def _readings(choice: Choice) -> str:
    """The first two readings of *choice*, and a mark if it has more."""
    readings = list(dict.fromkeys(" ".join(_first(run)) for run in choice.runs))
    return "/".join(readings[:2]) + ("/…" if len(readings) > 2 else "")


def _first(run: Run) -> Iterator[str]:
    """The words of *run* with each choice's first ones; none for a choice that may be missing."""
    for part in run:
        if isinstance(part, Choice):
            yield from _first(part.runs[0]) if all(part.runs) else ()
        else:
            yield part.text if isinstance(part, Word) else _GAP


def _can_be(run: Run) -> bool:
    """Whether *run* has a word in every reading."""
    return any(isinstance(p, Word) or (isinstance(p, Choice) and all(map(_can_be, p.runs))) for p in run)


def _longest(run: Run) -> int:
    return sum(_length(part) for part in run)


def _length(part: Part) -> int:
    if isinstance(part, Choice):
        return max(map(_longest, part.runs))
    return _MOST_BETWEEN if isinstance(part, Gap) else 1


def compiled(phrases: Iterable[Phrase], common: Iterable[str]) -> list[Compiled]:
    """*phrases* ready to be looked for; words in *common* are anchors only where a phrase has no other."""
    every = tuple(phrases)
    weight = Counter(word for phrase in every for word in set(phrase.words()))
    weight.update(dict.fromkeys(common, _COMMON))
    return [
        Compiled(
            phrase.runs,
            min((_anchors(run, weight) for run in phrase.runs), key=lambda words: _weigh(words, weight)),
        )
        for phrase in every
    ]


def _pattern(run: Run) -> str:
    return "".join(map(_pattern_of, run))


def _pattern_of(part: Part) -> str:
    if isinstance(part, Choice):
        return f"(?:{'|'.join(map(_pattern, part.runs))})"
    return f"(?: [^ ]+){{0,{_MOST_BETWEEN}}}?" if isinstance(part, Gap) else f" {re.escape(part.text)}"


def _anchors(run: Run, weight: Counter[str]) -> frozenset[Anchor]:
    """The lightest words and pairs of words, one of which every reading of *run* has."""
    return min(_candidates(run, weight), key=lambda anchors: _weigh(anchors, weight))


def _candidates(run: Run, weight: Counter[str]) -> Iterator[frozenset[Anchor]]:
    for part in run:
        if isinstance(part, Word):
            yield frozenset({(part.text,)})
        elif isinstance(part, Choice) and all(map(_can_be, part.runs)):
            yield frozenset().union(*(_anchors(one, weight) for one in part.runs))
    for part, following in itertools.pairwise(run):
        lasts, firsts = _ends(part, -1), _ends(following, 0)
        if lasts and firsts and len(lasts) * len(firsts) <= _MOST_PAIRS:
            yield frozenset(itertools.product(lasts, firsts))


def _ends(part: Part, place: int) -> frozenset[str]:
    """The words that *part* may begin (*place* 0) or end (-1) with; none if it may be nothing, or anything."""
    if isinstance(part, Word):
        return frozenset({part.text})
    if isinstance(part, Gap) or not all(part.runs):
        return frozenset()
    ends = [_ends(run[place], place) for run in part.runs]
    return frozenset().union(*ends) if all(ends) else frozenset()


def _weigh(anchors: frozenset[Anchor], weight: Counter[str]) -> tuple[float, list[Anchor]]:
    """What *anchors* count for together; the words themselves decide between equals, so that no run differs."""
    return sum(min(weight[word] for word in one) / _RARER ** len(one) for one in anchors), sorted(anchors)
