"""What reporting does about its database before it opens it, and how that is told: log, metric, today's page."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from reporting import rebuild, sqlite_file, troubles
from reporting.database import Database

log = logging.getLogger("schoolgate.backup")


class DamagedDatabaseError(RuntimeError):
    """The database is damaged, which came to light while it was used; the message says what was found."""


class Mending(Collector):
    """Looks once whether the database is whole; *folder* holds its backups."""

    def __init__(self, folder: Path, now_ns: Callable[[], int] = time.time_ns) -> None:
        """Nothing is looked at yet."""
        self._folder, self._now_ns = folder, now_ns
        self.rebuilt = 0
        self._says = ""

    def suspect(self, database: Path) -> None:
        """Have *database* looked over thoroughly at the next start: it said itself that it is damaged."""
        rebuild.suspicion(database).touch(mode=0o600)

    def mend(self, database: Path) -> None:
        """See that *database* can be used, and rebuild it if not; blocks. OSError if it cannot be read at all."""
        self._says = rebuild.mended(database, self._folder, self._now_ns())
        if self._says:
            self.rebuilt += 1
            log.error("%s", self._says)

    async def look_over(self, database: Path) -> None:
        """Look the whole of a large *database* over while it is used; DamagedDatabaseError if it is damaged.

        Then the next start sets it aside. What was taken in meanwhile is in the journals.
        """
        if not rebuild.is_large(database):
            return
        if found := await asyncio.to_thread(sqlite_file.damage, database):
            self.suspect(database)
            raise DamagedDatabaseError(f"the database {database} is damaged ({found}); the next start rebuilds it")

    async def tell(self, database: Database) -> None:
        """Note in *database* what was done about it."""
        if self._says:
            async with database.writing() as session:
                await troubles.note(session, "rebuilt", self._says, self._now_ns())

    def collect(self) -> Iterator[Metric]:
        """How often it was rebuilt."""
        says = "Times that a damaged database was set aside and rebuilt since this process started."
        yield CounterMetricFamily("schoolgate_reporting_database_rebuilt", says, value=self.rebuilt)
