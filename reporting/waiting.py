"""Breaches for which the journal has no room: they wait in memory, in order, until the disk takes them again.

A full disk loses nothing that was answered, as long as the process lives and not more come than are kept. This file
knows runs and rows and writes nothing itself.
"""

from collections import deque

import msgspec

from blocklists.rulebook import Severity
from reporting.breach import Breach
from reporting.runs import Run

MOST = 2_048
"""Breaches that wait at most, a few megabytes; what is counted onto them costs nothing."""
MOST_GRAVE = 2 * MOST
"""What asks for an alert waits beyond that: it is never pushed out by what does not (G26)."""


class Waiting(msgspec.Struct):
    """What is to be written for *run*: its *row* first, if that is not on record yet, then what is counted on it."""

    run: Run
    row: Breach | None


class Queue:
    """All that waits in a process, oldest first."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._waiting: deque[Waiting] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def next(self) -> Waiting | None:
        """What has waited longest, if anything does."""
        return self._waiting[0] if self._waiting else None

    def join(self, run: Run, row: Breach | None) -> bool:
        """Let *run* wait, with its *row* if that is to be written too; False if there is no room for it."""
        if len(self._waiting) >= (MOST_GRAVE if run.severity >= Severity.URGENT else MOST):
            return False
        self._waiting.append(Waiting(run, row))
        return True

    def leave(self) -> None:
        """Let what has waited longest go: it is on record."""
        self._waiting.popleft()
