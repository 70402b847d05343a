"""What goes when the disk is nearly full: the oldest visits, and never a breach; the DSL and the technician are told.

A disk that is wholly full takes no deletion either, so some room is kept in a file that is given up first.
"""

import asyncio
import contextlib
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError

from reporting import sqlite_file, troubles
from reporting.database import Database
from reporting.logline import reason
from reporting.models import VisitRow

log = logging.getLogger("schoolgate.reporting")

LOOK = 30.0
LOW = 0.2
"""The free part of the disk below which it is an alarm (G26)."""

NEARLY, NEARLY_BYTES = 0.1, 2_147_483_648
"""Below this part free, or these bytes if they are less, visits go."""

SLICE = 2_000
"""Visits removed in one transaction: about 0.05 s, which is how long another writer waits at most."""

KEPT = 16_777_216
"""Bytes kept for the moment in which nothing else is left: the log of a deletion, many times over."""


class Disk(msgspec.Struct, frozen=True):
    """Bytes of the disk: all of it, what is free, and what is free inside the database's file."""

    size: int
    free: int
    inside: int = 0

    @property
    def share(self) -> float:
        """The part that is free."""
        return self.free / self.size if self.size else 1.0

    @property
    def missing(self) -> bool:
        """Whether visits must go to make room."""
        return self.free + self.inside < min(self.size * NEARLY, NEARLY_BYTES)


class Room(Collector):
    """Watches the disk of *database*, whose file is *file*; *usage* says how full it is.

    With a database on a server it is the disk of what is kept here beside it, and nothing is removed.
    """

    def __init__(
        self,
        database: Database,
        file: Path,
        now_ns: Callable[[], int] = time.time_ns,
        usage: Callable[[Path], tuple[int, int, int]] = shutil.disk_usage,
    ) -> None:
        """Nothing is looked at yet."""
        self._database, self._file, self._now_ns, self._usage = database, file, now_ns, usage
        self._kept = file.with_name(f"{file.name}.room")
        self.removed = self.failures = 0
        self.share = 1.0
        self._low = False

    async def run(self) -> None:
        """Watch, for ever."""
        while True:
            await self.step()
            await asyncio.sleep(LOOK)

    async def step(self) -> None:
        """Look once, and make room if there is none; what goes wrong is said and tried again."""
        try:
            disk = await self._disk()
            self.share = disk.share
            if not self._database.is_file:  # what is removed on a server gives this disk nothing
                pass
            elif disk.missing:
                await self._make_room()
            elif disk.free > 2 * KEPT:
                await asyncio.to_thread(self._keep_room)
            await self._tell_low(await self._disk())
        except (OSError, SQLAlchemyError) as error:
            self.failures += 1
            log.error("No room can be made on the disk: %s", reason(error))  # noqa: TRY400 - one sentence

    async def _disk(self) -> Disk:
        size, _, free = await asyncio.to_thread(self._usage, self._file.parent)
        inside = await asyncio.to_thread(sqlite_file.free_inside, self._file) if self._file.exists() else 0
        return Disk(size, free, inside)

    async def _make_room(self) -> None:
        """Remove visits, the oldest first, until there is room or none is left."""
        self._kept.unlink(missing_ok=True)
        gone = 0
        while (await self._disk()).missing and (removed := await self._remove()):
            gone += removed
            self.removed += removed
        if gone:
            says = f"The disk was nearly full, so the oldest {gone} named visits were removed. No breach was."
            await self._tell(says)

    async def _remove(self) -> int:
        """Remove the oldest visits there are, SLICE of them at most; how many went."""
        async with self._database.writing(durable=False) as session:
            oldest = select(VisitRow.id).order_by(VisitRow.minute_ns, VisitRow.id).limit(SLICE)
            ids = list((await session.scalars(oldest)).all())
            if ids:
                await session.execute(delete(VisitRow).where(VisitRow.id.in_(ids)))
        await self._database.give_back()
        return len(ids)

    def _keep_room(self) -> None:
        with contextlib.suppress(FileExistsError):
            descriptor = os.open(self._kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, KEPT)
            except OSError:
                self._kept.unlink()
                raise
            finally:
                os.close(descriptor)

    async def _tell_low(self, disk: Disk) -> None:
        low = disk.share < LOW
        if low and not self._low:
            says = f"The disk has only {disk.share:.0%} free ({disk.free >> 20:,} MB). Make room, or use a larger one."
            await self._tell(says)
        self._low = low

    async def _tell(self, says: str) -> None:
        log.error("%s", says)
        async with self._database.writing(durable=False) as session:
            await troubles.note(session, "disk", says, self._now_ns())

    def collect(self) -> Iterator[Metric]:
        """How full the disk is, and what had to go."""
        says = "The part of the database's disk that is free."
        yield GaugeMetricFamily("schoolgate_reporting_disk_free_ratio", says, value=self.share)
        says = "Visits removed because the disk was nearly full."
        yield CounterMetricFamily("schoolgate_reporting_visits_removed", says, value=self.removed)
        says = "Times that no room could be made on a disk that is nearly full."
        yield CounterMetricFamily("schoolgate_reporting_room_failures", says, value=self.failures)
