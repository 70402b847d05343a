"""The backup of each night, made while everything goes on, and the journals that it makes dispensable.

It is due from an hour of the school's day on and is made once for each, whenever the process runs: a box that was off
at night makes it in the morning.
"""

import asyncio
import contextlib
import datetime
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from reporting import backups, troubles
from reporting.database import Database
from reporting.logline import reason
from reporting.metric_rows import counters
from reporting.settings import BackupSettings

log = logging.getLogger("schoolgate.backup")

LOOK = 60.0
"""Seconds between two looks at the clock."""

AGAIN = 3600.0
"""Seconds until a backup that failed is tried again."""

SECOND = 1_000_000_000
HOUR = 3600 * SECOND


class Nightly(Collector):
    """Makes the backups of *database*, whose file is *file*; the counters are for the metrics."""

    def __init__(
        self,
        database: Database,
        file: Path,
        spool: Path,
        settings: BackupSettings,
        *,
        zone: Callable[[], ZoneInfo],
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """*zone* gives the school's time zone."""
        self._database, self._file, self._spool = database, file, spool
        self._settings, self._zone, self._now_ns = settings, zone, now_ns
        self.made = self.failed = self.journals_removed = 0
        self.newest_ns = 0

    @property
    def folder(self) -> Path:
        """Where the backups lie."""
        return Path(self._settings.folder)

    async def run(self) -> None:
        """Make each night's backup, for ever."""
        while True:
            good = await self.step()
            await asyncio.sleep(LOOK if good else AGAIN)

    async def step(self) -> bool:
        """Make a backup if one is due; False if that failed."""
        now = self._now_ns()
        try:
            self.newest_ns = max(
                (at for at in map(backups.taken_ns, backups.all_in(self.folder)) if at <= now), default=0
            )
            if self.newest_ns >= due_since(now, self._settings.hour, self._zone()):
                return True
            await asyncio.to_thread(self._make, now)
        except OSError as error:
            self.failed += 1
            log.error("The backup failed: %s", reason(error))  # noqa: TRY400 - one sentence
            await self._tell(f"The backup of the database failed: {reason(error)}.", now)
            return False
        return True

    def _make(self, now: int) -> None:
        made = backups.make(self._file, self.folder, keep=self._settings.keep, now_ns=now)
        self.made += 1
        self.newest_ns = now
        log.info("The backup %s is whole.", made.name)
        self.journals_removed += backups.remove_dispensable(self.folder, self._spool)

    async def _tell(self, says: str, now: int) -> None:
        with contextlib.suppress(SQLAlchemyError):  # it is in the log too
            async with self._database.writing(durable=False) as session:
                await troubles.note(session, "backup", says, now)

    def collect(self) -> Iterator[Metric]:
        """How many were made and how old the newest is."""
        rows = (
            ("backups", "Backups of the database that were made and found whole.", self.made),
            ("backup_failures", "Backups that could not be made.", self.failed),
            ("journals_removed", "Journals removed because their rows are in two backups.", self.journals_removed),
        )
        yield from counters("schoolgate_reporting", rows)
        age = max(0, self._now_ns() - self.newest_ns) / SECOND if self.newest_ns else float("inf")
        yield GaugeMetricFamily("schoolgate_reporting_backup_age_seconds", "Age of the newest backup.", value=age)


def due_since(now_ns: int, hour: int, zone: ZoneInfo) -> int:
    """The UTC nanosecond of the last time before *now_ns* at which the local *hour* began."""
    now = datetime.datetime.fromtimestamp(now_ns // SECOND, zone)
    then = now.replace(hour=hour, minute=0, second=0)
    if then > now:
        then -= datetime.timedelta(days=1)
    return int(then.timestamp()) * SECOND
