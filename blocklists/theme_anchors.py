"""Where a text may have one of many phrases: one pass of hyperscan over its words, which looks for all their anchors.

Anchors are found as whole words, and a pattern of a phrase is tried only around one of its own. This file knows nothing
of themes. Threads may ask at once.
"""

from collections.abc import Iterable, Iterator

from blocklists.finder import Finder
from blocklists.theme_phrase import Anchor, Compiled

type Numbered = tuple[int, Compiled]


class Anchors:
    """The anchors of *phrases*, each with its number."""

    def __init__(self, phrases: Iterable[Numbered]) -> None:
        by_anchor: dict[Anchor, list[Numbered]] = {}
        for number, phrase in phrases:
            for anchor in phrase.anchors:
                by_anchor.setdefault(anchor, []).append((number, phrase))
        self._phrases = list(by_anchor.values())
        texts = [joined(list(anchor)) for anchor in by_anchor]
        self._every, self._once = Finder(texts, literal=True), Finder(texts, literal=True, once=True)
        for finder in (self._every, self._once):
            finder.matches(b"")  # has them compiled now, and not when the first page waits for it

    def numbers(self, text: bytes) -> set[int]:
        """The numbers of the phrases of which an anchor is in *text*, folded, with one blank around each word."""
        return {number for anchor, _ in self._once.matches(text) for number, _ in self._phrases[anchor]}

    def places(self, words: list[str], most: int) -> Iterator[tuple[int, list[Numbered]]]:
        """The places of *words* (from 0) where an anchor ends, with the phrases that it is of; *most* of them."""
        text = joined(words)
        place, seen = -2, 0  # a blank stands before the first word, and one is within what was found
        for anchor, end in self._every.matches(text)[:most]:
            place += text.count(b" ", seen, end)
            seen = end
            yield place, self._phrases[anchor]


def joined(words: list[str]) -> bytes:
    """*words* as the anchors are looked for in them: a blank around each."""
    return f" {' '.join(words)} ".encode()
