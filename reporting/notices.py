"""What happened to the records themselves, by mail to the DSL and the technician: the notice's number and its sentence.

Each is told once. Of one kind at most one mail goes in a day, with the latest sentence, as a disk that fills up has a
new one every half a minute; today's page has them all. That one was told and its mails are one transaction.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence

from sqlalchemy import func, select, update

from reporting import troubles
from reporting.alerts import letter, route
from reporting.database import Database
from reporting.logline import plain
from reporting.models import OutboxRow
from reporting.persisting import persist
from reporting.settings import TECHNICIAN, ContactSettings
from reporting.troubles import DAY, TroubleRow

log = logging.getLogger("schoolgate.notices")

LOOK = 30.0
"""Seconds between two looks."""

LATE = 600.0
"""Seconds for which breaches may wait to be taken in; a start after a night takes less."""

WAITING = "Breaches have been waiting for more than ten minutes to be taken in, so alerts about them are late."

KIND = "notice"


class Notices:
    """Tells of the troubles in *database*; *link* is how our web address begins, *lag* how long breaches wait now."""

    def __init__(
        self,
        database: Database,
        contacts: ContactSettings,
        link: str,
        *,
        lag: Callable[[], float],
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Nothing is told before `run` or `step`."""
        self._database, self._contacts, self._link = database, contacts, link
        self._lag, self._now_ns = lag, now_ns

    async def run(self) -> None:
        """Tell what there is to tell, for ever."""
        await persist(self.step, LOOK, log, "What happened to the records cannot be told now")

    async def step(self) -> int:
        """Put the mails about what is to be told into the outbox; returns of how many troubles."""
        now = self._now_ns()
        if self._lag() > LATE:
            async with self._database.writing(durable=False) as session:
                await troubles.note(session, "waiting", WAITING, now)
        newest = select(func.max(TroubleRow.id)).where(TroubleRow.told_ns.is_(None)).group_by(TroubleRow.kind)
        told = select(TroubleRow.kind).where(TroubleRow.told_ns > now - DAY, TroubleRow.told_ns <= now)
        due = select(TroubleRow).where(TroubleRow.id.in_(newest), TroubleRow.kind.not_in(told))
        async with self._database.reading() as session:
            rows = (await session.scalars(due.order_by(TroubleRow.id))).all()
        if rows:
            await self._tell(rows, now)
        return len(rows)

    async def _tell(self, rows: Sequence[TroubleRow], now: int) -> None:
        async with self._database.writing() as session:
            for row in rows:
                session.add_all(self._mails(row, now))
                same = (TroubleRow.kind == row.kind, TroubleRow.id <= row.id, TroubleRow.told_ns.is_(None))
                await session.execute(update(TroubleRow).where(*same).values(told_ns=now))

    def _mails(self, row: TroubleRow, now: int) -> Iterator[OutboxRow]:
        """A mail to the DSL, or to whom their alerts go (G15), and one to the technician if they have an address."""
        says = f"Notice {row.id} about Schoolgate's records\n\n{plain(row.says)}\n\nToday's page: {self._link}/\n"
        first = route(self._contacts, "pupils").role
        for role in (first, TECHNICIAN):
            if address := self._contacts.address(role):
                yield letter(KIND, role, (f"Schoolgate notice {row.id}", says), now, address=address)
