"""Many alarms on one timer of the event loop.

A question needs one or two, nearly all of them for nothing, as its answer comes first. A timer of the loop for each
costs 3 us and stays in its heap when it is given up; here setting and giving up are a set's `add` and `discard`.
"""

import asyncio
import time
from typing import Protocol

TICK = 0.01
"""Seconds; an alarm rings at most so much late."""


class Rings(Protocol):
    """What an alarm can be set for."""

    def ring(self) -> None:
        """It is time; raises nothing."""
        ...  # pragma: no cover - a protocol


class Alarms:
    """Alarms of the running event loop."""

    def __init__(self) -> None:
        """Set none yet."""
        self._due: dict[int, set[Rings]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._next = 0

    now = staticmethod(time.monotonic)
    """Seconds of the loop's clock (asyncio.BaseEventLoop.time), without asking for the loop."""

    def at(self, when: float, who: Rings) -> set[Rings]:
        """Ring *who* at *when*, unless it has left the set that is returned by then."""
        tick = int(when / TICK) + 1
        due = self._due.get(tick)
        if due is None:
            due = self._due[tick] = set()
            if self._timer is None or tick < self._next:
                self._wait_until(tick)
        due.add(who)
        return due

    def close(self) -> None:
        """Ring no more."""
        self._due.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait_until(self, tick: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._next = tick
        self._timer = asyncio.get_running_loop().call_at(tick * TICK, self._ring)

    def _ring(self) -> None:
        self._timer = None
        past = self.now() / TICK
        for tick in sorted(tick for tick in self._due if tick <= past):
            due = self._due.pop(tick)
            for who in tuple(due):
                if who in due:
                    who.ring()
        if self._due:
            self._wait_until(min(self._due))
