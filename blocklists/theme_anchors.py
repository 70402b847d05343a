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
        self._database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        if self._phrases:
            self._database.compile(
                expressions=[f" {' '.join(anchor)} ".encode() for anchor in by_anchor],
                ids=range(len(by_anchor)),
                literal=True,
            )
        self._of_thread = threading.local()

    def places(self, words: list[str], most: int) -> Iterator[tuple[int, list[Numbered]]]:
        """The places of *words* (from 0) where an anchor ends, with the phrases that it is of; *most* of them."""
        if not self._phrases:
            return
        text = f" {' '.join(words)} ".encode()
        matches: list[tuple[int, int]] = []
        self._database.scan(
            text,
            match_event_handler=lambda anchor, start, end, flags, context: matches.append((end, anchor)),  # noqa: ARG005
            scratch=self._scratch(),
        )
        place, seen = -2, 0  # a blank stands before the first word, and one is within what was found
        for end, anchor in matches[:most]:
            place += text.count(b" ", seen, end)
            seen = end
            yield place, self._phrases[anchor]

    def _scratch(self) -> Any:
        """What hyperscan writes in: 0.1 ms to make."""
        try:
            return self._of_thread.scratch
        except AttributeError:
            self._of_thread.scratch = hyperscan.Scratch(self._database)
            return self._of_thread.scratch
