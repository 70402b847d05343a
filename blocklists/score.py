"""What the phrases found on a page add up to, and why.

Each phrase counts once, however often it stands there, and each further one of a category counts for less: the second
heaviest for 85 % of its weight, the third for 72 %, and so on. So a long page of harmless words never sums up: phrases
of weight w come to 6.7 w at most, whatever their number. Categories are weighed apart and the worst one is the page's;
a news page with a little of everything is none of it. What speaks for a page takes away two thirds at most, or a page
could be opened by writing health words below it.

This file reads no clock and opens nothing.
"""

from collections.abc import Collection, Iterable

import msgspec

from blocklists.phrases import Phrase

FADE = 0.85
"""What each further phrase of a category counts for, of the one before it."""
EXCUSED = 2 / 3
"""The part of a score that phrases with negative weights can take away at most."""
UNMISTAKABLE = 50
"""A phrase of this weight counts on a page in whatever language; a lighter one may be an everyday word there."""
SPOKEN = 4
"""Different little words of a language that show that a page is in it."""


class Score(msgspec.Struct, frozen=True):
    """*score* of the page for its worst *category*, and what it came from: (phrase, weight), the heaviest first."""

    score: int = 0
    category: str = ""
    evidence: tuple[tuple[str, int], ...] = ()

    def words(self, most: int = 12) -> str:
        """The evidence in a line for whoever asks why: each phrase with its weight, *most* of them."""
        told = [f"{phrase} {weight:+d}" for phrase, weight in self.evidence[:most]]
        if len(self.evidence) > most:
            told.append(f"and {len(self.evidence) - most} more")
        return ", ".join(told)


def weigh(found: Iterable[Phrase], spoken: Collection[str]) -> Score:
    """The score of a page on which the different phrases *found* stand, in the languages *spoken*; none if unknown."""
    counted = [phrase for phrase in found if counts(phrase, spoken)]
    against: dict[str, list[Phrase]] = {}
    for phrase in counted:
        if phrase.weight > 0:
            against.setdefault(phrase.category, []).append(phrase)
    scores = (_of_category(name, phrases, counted) for name, phrases in sorted(against.items()))
    return max(scores, key=lambda score: score.score, default=Score())


def counts(phrase: Phrase, spoken: Collection[str]) -> bool:
    """Whether *phrase* counts on a page in the languages *spoken*."""
    return not phrase.language or not spoken or phrase.language in spoken or phrase.weight >= UNMISTAKABLE


def _of_category(name: str, against: list[Phrase], counted: list[Phrase]) -> Score:
    speaking_for = [phrase for phrase in counted if phrase.weight < 0 and phrase.category in ("", name)]
    guilt = faded(phrase.weight for phrase in against)
    excuse = min(faded(-phrase.weight for phrase in speaking_for), guilt * EXCUSED)
    evidence = sorted((*against, *speaking_for), key=lambda phrase: -abs(phrase.weight))
    return Score(round(guilt - excuse), name, tuple((phrase.words, phrase.weight) for phrase in evidence))


def faded(weights: Iterable[int]) -> float:
    """The sum of *weights* (positive), the heaviest whole and each further one for less."""
    return sum(weight * FADE**place for place, weight in enumerate(sorted(weights, reverse=True)))
