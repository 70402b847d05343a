"""Whether and where short patterns stand in a text: hyperscan, which reads a text four times as fast as `re` or `find`.

For patterns that most of a text does not match; each thread has what it needs to look, so anybody may look at a time.
"""

import threading
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any


class Finder:
    """Looks for *patterns* in UTF-8, in hyperscan's syntax or *literal*; *once*: for the first match of each alone."""

    def __init__(self, patterns: Sequence[bytes], *, literal: bool = False, once: bool = False) -> None:
        self._patterns, self._literal, self._once = tuple(patterns), literal, once
        self._of_thread = threading.local()

    @cached_property
    def database(self) -> Any:
        """The patterns, compiled when they are looked for first: processes that look for nothing load no hyperscan."""
        import hyperscan  # noqa: PLC0415 - see above

        made = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        made.compile(
            expressions=list(self._patterns),
            ids=list(range(len(self._patterns))),
            flags=[hyperscan.HS_FLAG_SINGLEMATCH if self._once else 0] * len(self._patterns),
            literal=self._literal,
        )
        return made

    def matches(self, text: bytes) -> list[tuple[int, int]]:
        """(number of the pattern, place in *text* after it) of each match, in the order of the places."""
        found: list[tuple[int, int]] = []
        self._look(text, lambda *seen: found.append((seen[0], seen[2])))
        return found

    def stands_in(self, text: bytes) -> bool:
        """Whether *text* has any of them; the look ends with the first."""
        return not self._look(text, lambda *_: True)

    def _look(self, text: bytes, seen: Callable[..., object]) -> bool:
        """Call *seen* for each match; False if that ended the look, by returning something true."""
        if not self._patterns:
            return True
        import hyperscan  # noqa: PLC0415 - is there by now

        try:
            self.database.scan(text, match_event_handler=seen, scratch=self._scratch())
        except hyperscan.ScanTerminated:
            return False
        return True

    def _scratch(self) -> Any:
        """What hyperscan writes in as this thread looks: 0.1 ms to make."""
        try:
            return self._of_thread.scratch
        except AttributeError:
            import hyperscan  # noqa: PLC0415

            self._of_thread.scratch = hyperscan.Scratch(self.database)
            return self._of_thread.scratch
