"""What the request path does with a breach: write the first of a run at once, count the rest.

When `first` has returned True the kernel has the breach: a killed process may lose a count, never a breach. `again` is
called for each repeated packet (100,000 a second), so it is one lookup and a few attribute writes. No disk error
reaches the caller: a block stays a block.
"""

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Hashable

from blocklists.rulebook import Severity
from reporting.breach import VERSION, Breach, Record, Repeat
from reporting.journal import Journal

log = logging.getLogger("schoolgate.journal")

WINDOW = 9.0
"""Seconds between two looks at a run: its repeats are written, or it is closed if there were none. With the time
between two sweeps that is within the 10 s that DESIGN.md allows."""

LONGEST_GRAVE = 15 * 60.0
"""Seconds after which a run that asks for an alert ends although it goes on, so that a new breach can open a new alert:
somebody may have dealt with the first, and the next may be somebody else."""

RUNS = 50_000
"""Open runs at most, about 20 MB; the oldest is written and closed for a new one."""

SWEEP = 0.25
SYNC = 0.05
HEARTBEAT = 60.0
_SLICE = 100
"""Runs looked at before the event loop has its turn again: at most about 1 ms."""

_LOST = -1
_COMPLAIN = 60.0


class _Run:
    """One key's run: the offset of its breach, and the repeats that are not yet written."""

    __slots__ = ("count", "due", "ends", "first_ns", "key", "last_ns", "of")

    def __init__(self, key: Hashable, of: int, due: float, ends: float) -> None:
        self.key, self.of, self.due, self.ends = key, of, due, ends
        self.count = self.first_ns = self.last_ns = 0


class Recorder:
    """Owns a journal for a process. *written*, *repeats* and *lost* are counts for the metrics.

    Not for several threads: all calls come from the event loop's own.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        now_ns: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Record into *journal*, which stays the caller's to close; `run` must run for counts and syncs."""
        self.journal = journal
        self.written = self.repeats = self.lost = self.sync_failures = 0
        self._now_ns, self._monotonic = now_ns, monotonic
        self._runs: dict[Hashable, _Run] = {}
        self._due: deque[_Run] = deque()
        self._synced = 0
        self._one_sync = asyncio.Lock()
        self._something_new = asyncio.Event()
        self._complained = -_COMPLAIN

    def again(self, key: Hashable, at_ns: int) -> bool:
        """Count one more of an open run; False if *key* has none (then call `first`). *at_ns* is UTC nanoseconds."""
        run = self._runs.get(key)
        if run is None:
            return False
        if not run.count:
            run.first_ns = at_ns
        run.count += 1
        run.last_ns = at_ns
        self.repeats += 1
        return True

    def first(self, key: Hashable, breach: Breach) -> bool:
        """Write *breach* as the first of a run; False if it was counted as a repeat, or if there was no room."""
        if self.again(key, breach.at_ns):
            return False
        offset = self._write(breach)
        if len(self._runs) >= RUNS:
            self._look_at(self._due.popleft(), closing=True)
        now = self._monotonic()
        ends = now + LONGEST_GRAVE if breach.severity >= Severity.URGENT else math.inf
        run = _Run(key, offset, now + WINDOW, ends)
        self._runs[key] = run
        self._due.append(run)
        return offset != _LOST

    async def durable(self) -> None:
        """Return when everything written so far survives a power cut; concurrent callers share one sync.

        A failing disk is logged and counted in *sync_failures*, never raised.
        """
        wanted = self.journal.end
        async with self._one_sync:
            if self._synced >= wanted:
                return
            reached = self.journal.end
            try:
                await asyncio.to_thread(self.journal.sync)
                self._synced = reached
            except OSError as error:
                self.sync_failures += 1
                self._complain(error)

    async def run(self) -> None:
        """Forever: sync within 100 ms of a write, write repeats within 10 s, a heartbeat each minute.

        When cancelled, everything that was counted is written and synced first.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._sync_soon())
                tasks.create_task(self._sweep_often())
                tasks.create_task(self._beat())
        finally:
            self.flush()

    def flush(self) -> None:
        """Write all counts, end all runs, and sync, on this thread: for the end of a process."""
        while self._due:
            self._look_at(self._due.popleft(), closing=True)
        self._heartbeat()
        try:
            self.journal.sync()
        except OSError as error:
            self.sync_failures += 1
            self._complain(error)

    def sweep(self, most: int = _SLICE) -> bool:
        """Look at up to *most* runs whose time has come; True if there are more."""
        now = self._monotonic()
        for _ in range(most):
            if not self._due or self._due[0].due > now:
                return False
            self._look_at(self._due.popleft(), closing=False)
        return True

    def _look_at(self, run: _Run, *, closing: bool) -> None:
        """Write the repeats of *run*; close it if there were none, if it is over or lost, or if *closing*."""
        if run.of == _LOST:
            self.lost += run.count
        elif run.count:
            self._write(Repeat(VERSION, run.of, run.count, run.first_ns, run.last_ns))
        if closing or run.of == _LOST or not run.count or self._monotonic() >= run.ends:
            del self._runs[run.key]
            return
        run.count, run.due = 0, self._monotonic() + WINDOW
        self._due.append(run)

    def _write(self, record: Record) -> int:
        try:
            offset = self.journal.write(record)
        except OSError as error:
            self.lost += 1
            self._complain(error)
            return _LOST
        self.written += 1
        self._something_new.set()
        return offset

    def _heartbeat(self) -> None:
        try:
            self.journal.heartbeat(self._now_ns())
        except OSError as error:
            self._complain(error)
        self._something_new.set()

    def _complain(self, error: OSError) -> None:
        now = self._monotonic()
        if now - self._complained >= _COMPLAIN:
            self._complained = now
            log.error(
                "The journal %s cannot be written (%s): blocks stay blocks, but %d breaches are not on record.",
                self.journal.name,
                error.strerror or error,
                self.lost,
            )

    async def _sync_soon(self) -> None:
        while True:
            await self._something_new.wait()
            self._something_new.clear()
            await asyncio.sleep(SYNC)
            await self.durable()

    async def _sweep_often(self) -> None:
        while True:
            more = self.sweep()
            await asyncio.sleep(0 if more else SWEEP)

    async def _beat(self) -> None:
        while True:
            self._heartbeat()
            await asyncio.sleep(HEARTBEAT)
