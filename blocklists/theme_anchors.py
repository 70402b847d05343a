"""Where a text may have one of many phrases: one pass of hyperscan over its words, which looks for all their anchors.

Anchors are found as whole words, and a pattern of a phrase is tried only around one of its own. This file knows nothing
of themes. Threads may ask at once: each has a scratch of its own.
"""

import threading
from collections.abc import Iterable, Iterator
from typing import Any

import hyperscan

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
        self._every, self._once = _compiled(list(by_anchor)), _compiled(list(by_anchor), hyperscan.HS_FLAG_SINGLEMATCH)
        self._of_thread = threading.local()

    def numbers(self, text: bytes) -> set[int]:
        """The numbers of the phrases of which an anchor is in *text*, folded, with one blank around each word."""
        found: list[int] = []
        if self._phrases:
            self._once.scan(text, match_event_handler=lambda *seen: found.append(seen[0]), scratch=self._scratches()[1])
        return {number for anchor in set(found) for number, _ in self._phrases[anchor]}

    def places(self, words: list[str], most: int) -> Iterator[tuple[int, list[Numbered]]]:
        """The places of *words* (from 0) where an anchor ends, with the phrases that it is of; *most* of them."""
        if not self._phrases:
            return
        text = joined(words)
        matches: list[tuple[int, int]] = []
        self._every.scan(
            text,
            match_event_handler=lambda anchor, start, end, flags, context: matches.append((end, anchor)),  # noqa: ARG005
            scratch=self._scratches()[0],
        )
        place, seen = -2, 0  # a blank stands before the first word, and one is within what was found
        for end, anchor in matches[:most]:
            place += text.count(b" ", seen, end)
            seen = end
            yield place, self._phrases[anchor]

    def _scratches(self) -> tuple[Any, Any]:
        """What hyperscan writes in, for each of the two: 0.1 ms to make."""
        try:
            return self._of_thread.scratches  # type: ignore[no-any-return]
        except AttributeError:
            self._of_thread.scratches = hyperscan.Scratch(self._every), hyperscan.Scratch(self._once)
            return self._of_thread.scratches  # type: ignore[no-any-return]


def joined(words: list[str]) -> bytes:
    """*words* as the anchors are looked for in them: a blank around each."""
    return f" {' '.join(words)} ".encode()


def _compiled(anchors: list[Anchor], flag: int = 0) -> Any:
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    if anchors:
        database.compile(
            expressions=[f" {' '.join(anchor)} ".encode() for anchor in anchors],
            ids=range(len(anchors)),
            flags=[flag] * len(anchors),
            literal=True,
        )
    return database
