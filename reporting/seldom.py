"""What is said once a minute at most: a fault that every question meets must not fill the log."""

import math
import time
from collections.abc import Callable

PAUSE = 60.0
"""Seconds between two times."""


class Seldom:
    """When one thing was last said."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        """It was never said; *monotonic* is in seconds."""
        self._monotonic, self._last = monotonic, -math.inf

    @property
    def said(self) -> bool:
        """Whether it was said since it was last over."""
        return self._last > -math.inf

    def due(self) -> bool:
        """Whether to say it now; then it is said."""
        now = self._monotonic()
        if now - self._last < PAUSE:
            return False
        self._last = now
        return True

    def over(self) -> None:
        """Say it at once the next time, as what it was about has ended."""
        self._last = -math.inf
