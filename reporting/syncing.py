"""How much of a journal survives a power cut, and the syncs that make it all of it.

A sync takes milliseconds, so it is on a thread of its own; everything else here is the event loop's.
"""

import asyncio
import time
from collections.abc import Callable

from reporting.journal import Journal

SOON = 0.05
"""Seconds from a write to its sync, at which all others that came meanwhile are on the disk too."""


class Syncing:
    """Syncs the *journal* of the moment. *reached*: what survives ends there; *failures*: syncs that a disk refused."""

    def __init__(
        self,
        journal: Callable[[], Journal],
        complain: Callable[[OSError], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing was written yet; *complain* is told of what a disk refuses."""
        self._journal, self._complain, self._monotonic = journal, complain, monotonic
        self.failures = 0
        self.reached = journal().end
        self._since: float | None = None
        self.one = asyncio.Lock()
        self._something_new = asyncio.Event()

    @property
    def unsynced(self) -> int:
        """Bytes that a power cut would lose now."""
        return self._journal().end - self.reached

    @property
    def lag(self) -> float:
        """For how many seconds the oldest of them has been waiting; 0 when everything is on the disk."""
        since = self._since  # a scrape asks from another thread
        return 0.0 if since is None else self._monotonic() - since

    def written(self) -> None:
        """Note that something was written."""
        if self._since is None:
            self._since = self._monotonic()
        self._something_new.set()

    async def durable(self) -> None:
        """Return when everything written so far survives a power cut; concurrent callers share one sync.

        A failing disk is told and counted, never raised.
        """
        journal, wanted = self._journal(), self._journal().end
        async with self.one:
            if journal is not self._journal() or self.reached >= wanted:
                return  # one that was gone on from is closed, and durable, before this lock is had
            reached, began = journal.end, self._monotonic()
            try:
                await asyncio.to_thread(journal.sync)
            except OSError as error:
                self.failed(error)
                return
            self.reached = reached
            self._since = began if self.unsynced else None

    async def leave(self, old: Journal, began: float) -> None:
        """Close *old*, which was gone on from at the second *began*; `one` is had until it is durable."""
        try:
            await asyncio.to_thread(old.close)
        except OSError as error:
            self.failed(error)
        self._since = began if self.unsynced else None

    def at_once(self) -> None:
        """Sync on this thread: for the end of a process."""
        try:
            self._journal().sync()
        except OSError as error:
            self.failed(error)

    def failed(self, error: OSError) -> None:
        """Count and tell a sync that a disk refused."""
        self.failures += 1
        self._complain(error)

    async def run(self) -> None:
        """Forever: sync within 100 ms of a write."""
        while True:
            await self._something_new.wait()
            self._something_new.clear()
            await asyncio.sleep(SOON)
            await self.durable()
