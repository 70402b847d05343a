"""The journals that have had their time, where the database is on a server whose backups somebody else makes.

With a file, a journal goes once its rows are in two backups (`reporting.backups`). Nobody tells us of a server's
backups; so a journal that was read to its end is kept for as many days as the settings say, which must be more than lie
between two of those: what was taken in since the last one is then read again by itself once that is put back.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import select

from blocklists import snapshot
from reporting.database import Database
from reporting.models import JournalRow
from reporting.persisting import persist

log = logging.getLogger("schoolgate.backup")

LOOK = 3600.0
DAY = 24 * 3600 * 1_000_000_000


class Spent(Collector):
    """Takes the journals of *spool* away that were read to their end and not written for *days*."""

    def __init__(self, database: Database, spool: Path, *, days: int, now_ns: Callable[[], int] = time.time_ns) -> None:
        """Nothing is looked at yet."""
        self._database, self._spool, self._days, self._now_ns = database, spool, days, now_ns
        self.removed = 0

    async def run(self) -> None:
        """Look each hour, for ever."""
        await persist(self.step, LOOK, log, "Old journals cannot be taken away")

    async def step(self) -> None:
        """Look once; OSError or SQLAlchemyError if the database or the folder cannot be read."""
        async with self._database.reading() as session:
            columns = (JournalRow.name, JournalRow.offset, JournalRow.finished_ns)
            found = await session.execute(select(*columns).where(JournalRow.state == "finished"))
            finished = [(name, offset, at or 0) for name, offset, at in found]
        self.removed += await asyncio.to_thread(self._remove, finished)

    def _remove(self, finished: list[tuple[str, int, int]]) -> int:
        gone = [self._spool / name for name, offset, at in finished if self._is_spent(self._spool / name, offset, at)]
        for path in gone:
            path.unlink(missing_ok=True)
        if gone:
            snapshot.sync_folder(self._spool)
        return len(gone)

    def _is_spent(self, journal: Path, offset: int, finished_ns: int) -> bool:
        """Whether the days of *journal* are over: since its last record, and since it was read to its end.

        What was taken in late, after the server had been away, is as new to the server's backups as what is new.
        """
        try:
            found = journal.lstat()
        except FileNotFoundError:
            return False
        return found.st_size == offset and max(found.st_mtime_ns, finished_ns) < self._now_ns() - self._days * DAY

    def collect(self) -> Iterator[Metric]:
        """How many went."""
        says = "Journals removed because they were read to their end and their days are over."
        yield CounterMetricFamily("schoolgate_reporting_journals_removed", says, value=self.removed)
