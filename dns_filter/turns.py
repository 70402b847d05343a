"""Whose question goes out next, when there is only so much room: nobody's greed may shut others out.

A client gets one more place while it has fewer than an eighth of those that are free. So one alone may have many and
greedy ones have fewer the more they are, and who has none finds one free until dozens of clients have taken all they
can. Those who must wait are called by how few places they have, not by who came first. This file opens no socket and
reads no clock.
"""

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import AsyncIterator
from typing import NamedTuple

PART = 8
"""A client may have one place for each so many that are free. Each that takes all it can leaves 8/9 of them: it takes
40 such clients until none of 524 places is free, and 69 for 2,000 (with at most 50 each, `dns_filter.doors`)."""


class Share(NamedTuple):
    """Who asks, and for how many clients: one with *weight* 8 may have as much as is free."""

    name: str
    weight: int = 1


class Turns:
    """The places, who has how many of them, and who waits."""

    def __init__(self, places: int) -> None:
        """Start with all *places* free."""
        self._free = places
        self._held: Counter[Share] = Counter()
        self._queues: dict[Share, deque[asyncio.Future[None]]] = {}

    @contextlib.asynccontextmanager
    async def turn(self, share: Share) -> AsyncIterator[None]:
        """Have a place for *share*, as soon as it may have one more."""
        if not self.begin(share):
            await self.wait(share)
        try:
            yield
        finally:
            self.end(share)

    def begin(self, share: Share) -> bool:
        """Have a place for *share* at once, until `end`; False if it must wait for one."""
        if share not in self._queues and self._may(share):
            self._hold(share)
            return True
        return False

    async def wait(self, share: Share) -> None:
        """Have a place for *share* as soon as it may have one more, until `end`."""
        called: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queues.setdefault(share, deque()).append(called)
        try:
            await called
        except asyncio.CancelledError:
            if called.cancelled():
                self._leave(share, called)
            else:  # called and given up at the same moment
                self.end(share)
            raise

    def _may(self, share: Share) -> bool:
        return self._held[share] * PART < share.weight * self._free

    def _hold(self, share: Share) -> None:
        self._free -= 1
        self._held[share] += 1

    def end(self, share: Share) -> None:
        """Give a place back."""
        self._free += 1
        self._held[share] -= 1
        if not self._held[share]:
            del self._held[share]
        self._call()

    def _call(self) -> None:
        """Give free places to who waits: to the one with fewest first, and of equals to the one called longest ago."""
        while self._queues:
            share = min(self._queues, key=lambda waiting: self._held[waiting] / waiting.weight)
            if not self._may(share):
                return
            queue = self._queues.pop(share)
            called = queue.popleft()
            if queue:
                self._queues[share] = queue
            if not called.done():
                self._hold(share)
                called.set_result(None)

    def _leave(self, share: Share, called: asyncio.Future[None]) -> None:
        """Take *called* out of its queue, unless it was passed over already."""
        queue = self._queues.get(share)
        if queue is not None and called in queue:
            queue.remove(called)
            if not queue:
                del self._queues[share]
