"""What the request path does with a breach: write the first of a run at once, count the rest.

When `first` has returned, the kernel has the breach or what it is counted on: a killed process may lose a count, never
a breach. Where the disk takes none it waits in memory for room (`reporting.waiting`). Which breaches are one run is
`reporting.runs`'s to say. For a packet that repeats one, the caller looks its run up in `runs_of` and counts, 100,000
times a second. No disk error reaches the caller: a block stays a block.
"""

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Callable, Hashable, Mapping

from reporting.breach import VERSION, Breach, Clean, Record, Repeat, Visit
from reporting.journal import LONGEST, Journal
from reporting.runs import Run, Runs, Who
from reporting.seldom import Seldom
from reporting.syncing import Syncing
from reporting.waiting import Queue

log = logging.getLogger("schoolgate.journal")

SWEEP = 0.25
HEARTBEAT = 60.0
TURN_AGAIN = 60.0
"""Seconds until another new journal is tried for, where one could not be made."""

_SLICE = 20
"""Runs looked at before the event loop has its turn again: about 0.2 ms."""

_CAUGHT_UP = 50
"""Breaches that waited and are written in one turn: about 1 ms."""

_LOST = -1
_WAITS = -2
"""In place of a run's offset: its breach has none yet."""


class Recorder:
    """Owns a journal for a process. *written*, *floods*, *visits*, *lost* ... are counts for the metrics.

    *syncing* knows how much of it survives a power cut. Not for several threads: all calls come from the loop's own.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        now_ns: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], float] = time.monotonic,
        longest: int = LONGEST,
    ) -> None:
        """Record into *journal*, and into those that follow it once it has *longest* bytes; `run` must run for that.

        The one of the moment, `journal`, is the caller's to close.
        """
        self.journal = journal
        self.written = self.floods = self.lost = self.visits = self.visits_lost = 0
        self._now_ns, self._monotonic = now_ns, monotonic
        self._runs = Runs()
        self._repeats = 0
        self._queue = Queue()
        self.syncing = Syncing(lambda: self.journal, self._complain, monotonic)
        self._complaint = Seldom(monotonic)
        self._longest, self._turns = longest, -math.inf

    @property
    def repeats(self) -> int:
        """Breaches that were counted onto a run."""
        return self._repeats + self._runs.counted()

    @property
    def waiting(self) -> int:
        """Breaches, or what is counted on them, that wait in memory for room."""
        return len(self._queue)

    def runs_of(self, address: str, who: Who | None = None) -> Mapping[Hashable, Run]:
        """The open runs of *address* by name, as they are from now on; none if they are not *who*'s, where given."""
        return self._runs.of(address, who)

    def first(self, name: Hashable, breach: Breach, address: str = "", asked: bytes = b"") -> Hashable:
        """Put *breach* on record: as the first of a run, or counted onto one. Returns the name of that run.

        *name* tells it from other breaches of the same *address*, which is the breach's own unless another is given.
        Breaches of another person, device, profile or severity never join, whatever they are called. The run may be
        another than was named: that of a flood. *asked* is the question, for repeats of it (`runs.count_repeat`).
        """
        now = self._monotonic()
        account, name, row = self._runs.place(name, breach, address or breach.address, now)
        if (run := account.runs.get(name)) is not None:
            run.add(breach.at_ns)
            run.note(breach.host, asked)
            return run.name
        if (oldest := self._runs.in_the_way(account)) is not None:
            self._look_at(oldest, closing=True)
        offset = self._write(row) if self._catch_up() else None
        self.floods += row.flood
        run = self._runs.open(name, account, _WAITS if offset is None else offset, row, now)
        run.note(row.host, asked)
        if offset is None and not self._queue.join(run, row):
            run.of = _LOST
            self.lost += 1
        return name

    def stands(self, name: Hashable, address: str) -> bool:
        """Whether the breach that the run *name* of *address* began with survives a power cut already."""
        run = self._runs.of(address).get(name)
        return run is not None and _LOST < run.of < self.syncing.reached

    def visit(self, visit: Visit) -> None:
        """Put *visit* on record, unless the journal has hardly any room: that is for breaches."""
        kept = not self.journal.full and self._write(visit) is not None
        self.visits += kept
        self.visits_lost += not kept

    def clean(self, clean: Clean) -> None:
        """Put on record that a page is *clean*, unless the journal has hardly any room."""
        if not self.journal.full:
            self._write(clean)

    async def durable(self) -> None:
        """Return when everything written so far survives a power cut, or the disk has refused that."""
        await self.syncing.durable()

    async def run(self) -> None:
        """Forever: sync within 100 ms of a write, write repeats within 10 s, a heartbeat each minute.

        When cancelled, everything that was counted is written and synced first.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.syncing.run())
                tasks.create_task(self._sweep_often())
                tasks.create_task(self._beat())
        finally:
            self.flush()

    def flush(self) -> None:
        """Write all counts, end all runs, and sync, on this thread: for the end of a process."""
        self._close_runs()
        while self._queue and self._catch_up():
            pass
        self._heartbeat()
        self.syncing.at_once()

    async def turn_over(self) -> None:
        """Go on in a new journal: all runs end in the old one, as their repeats can name no breach of another.

        Where none can be made, or something waits for room, it stays with the old one. Costs the event loop a few
        milliseconds.
        """
        opening = asyncio.ensure_future(asyncio.to_thread(self.journal.following))
        try:
            following = await asyncio.shield(opening)
        except asyncio.CancelledError:
            with contextlib.suppress(OSError):
                (await opening).close()
            raise
        except OSError as error:
            self._turns = self._monotonic()
            self._complain(error)
            return
        try:
            while len(self._runs) > _SLICE and self.journal.end < 2 * self._longest:
                self._close_runs(5 * _SLICE)  # quicker than new ones open in between
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            following.close()
            raise
        await self._go_on_in(following)

    async def _go_on_in(self, following: Journal) -> None:
        async with self.syncing.one:
            self._close_runs()
            if not self._catch_up(most=len(self._queue)):  # what waits may be counted on a breach of the old one
                self._turns = self._monotonic()
                following.close()
                return
            self._heartbeat()
            old, self.journal = self.journal, following
            began, self.syncing.reached = self._monotonic(), following.end
            self._heartbeat()
            await self.syncing.leave(old, began)

    def _close_runs(self, most: int | None = None) -> None:
        while (run := self._runs.next_due()) and most != 0:
            self._look_at(run, closing=True)
            most = None if most is None else most - 1

    def sweep(self, most: int = _SLICE) -> bool:
        """Look at up to *most* runs whose time has come; True if there are more. What waits for room is tried again."""
        self._catch_up()
        now = self._monotonic()
        for _ in range(most):
            run = self._runs.next_due()
            if run is None or run.due > now:
                return False
            self._look_at(run, closing=False)
        return True

    def _look_at(self, run: Run, *, closing: bool) -> None:
        """Write the repeats of *run*; close it if there were none, if it is over or lost, or if *closing*."""
        now = self._monotonic()
        over = closing or run.of == _LOST or not run.count or now >= run.ends
        written = self._write_repeats(run)
        if not over:
            self._runs.look_again(run, now)
            return
        self._runs.close(run)
        if not written and run.of != _WAITS and not self._queue.join(run, None):
            self._lose(run)

    def _write_repeats(self, run: Run) -> bool:
        """Write what is counted on *run* and on no record yet; False where that must wait."""
        if not run.count:
            return True
        if run.of == _LOST:
            self._lose(run)
            return True
        if run.of == _WAITS:
            return False
        repeat = Repeat(VERSION, run.of, run.count, run.first_ns, run.last_ns, hosts=run.hosts[run.told :])
        if self._write(repeat) is None:
            return False
        self._repeats += run.count
        run.count, run.told = 0, len(run.hosts)
        return True

    def _lose(self, run: Run) -> None:
        self.lost += run.count
        self._repeats += run.count
        run.count = 0

    def _catch_up(self, most: int = _CAUGHT_UP) -> bool:
        """Write up to *most* of what waits for room; whether nothing waits any more."""
        for _ in range(most):
            if (waiting := self._queue.next) is None:
                return True
            if waiting.row is not None:
                offset = self._write(waiting.row)
                if offset is None:
                    return False
                waiting.run.of, waiting.row = offset, None
            if waiting.run not in self._runs and not self._write_repeats(waiting.run):
                return False
            self._queue.leave()
        return not self._queue

    def _write(self, record: Record) -> int | None:
        """Write *record* and return its offset; None where the disk does not take it."""
        try:
            offset = self.journal.write(record)
        except OSError as error:
            self._complain(error)
            return None
        self.written += 1
        self.syncing.written()
        return offset

    def _heartbeat(self) -> None:
        try:
            self.journal.heartbeat(self._now_ns())
        except OSError as error:
            self._complain(error)
        self.syncing.written()

    def _complain(self, error: OSError) -> None:
        if self._complaint.due():
            log.error(
                "The journal %s cannot be written (%s): blocks stay, breaches wait in memory (%d by now; %d lost).",
                self.journal.name,
                error.strerror or error,
                self.waiting,
                self.lost,
            )

    async def _sweep_often(self) -> None:
        while True:
            more = self.sweep()
            await asyncio.sleep(0 if more else SWEEP)
            if self.journal.end >= self._longest and self._monotonic() - self._turns > TURN_AGAIN:
                await self.turn_over()

    async def _beat(self) -> None:
        while True:
            self._heartbeat()
            self._runs.tidy(self._monotonic())
            await asyncio.sleep(HEARTBEAT)
