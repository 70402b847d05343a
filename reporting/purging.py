"""A purge of months: what would go with their keys, which of them an incident still needs, and the rows that are left.

The key is what is destroyed (`reporting.month_keys`): a row that it sealed says nothing any more, here and in each
backup. Reporting removes such rows from its own database.
"""

import asyncio
import logging
import ssl

import msgspec
from sqlalchemy import delete, func, or_, select
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from reporting import name_rows
from reporting.case_models import IncidentRow, TriageRow
from reporting.database import Database, as_url, schema_of
from reporting.logline import reason
from reporting.models import AlertRow
from reporting.month_keys import MonthKeys, begins_ns, month_of
from reporting.pattern import person_of
from reporting.people_models import PersonNameRow
from reporting.site_schema import School

log = logging.getLogger("schoolgate.purge")

LOOK = 10.0
"""Seconds between two looks whether something was purged."""


class UnreadableError(OSError):
    """The database cannot be asked what a purge takes; the message is a sentence."""


class Doomed(msgspec.Struct, frozen=True):
    """What a purge would take: *names* of so many people, *later* of whom something later is on record.

    *unsealed* of the names are of before months had keys: their copies in older backups do not die.
    """

    names: int
    later: int
    unsealed: int


async def looked_up(
    where: str | URL, tls: ssl.SSLContext | None, school: School | None, before: str
) -> tuple[Doomed, list[tuple[int, str]]]:
    """What a purge of all months before *before* would take, and what needs them, read beside reporting.

    UnreadableError if the database *where* of *school* cannot be read, or an earlier version made it; OSError where its
    server is away, or the place there is another's.
    """
    url = as_url(where)
    database = Database(url, tls, school=school, schema=await schema_of(url, tls, school))
    try:
        async with database.reading() as session:
            return await doomed(session, before), await needed(session, before)
    except SQLAlchemyError as error:
        says = f"The database cannot be read ({reason(error)}). After an update, start reporting once."
        raise UnreadableError(says) from error
    finally:
        await database.close()


async def needed(session: AsyncSession, before: str) -> list[tuple[int, str]]:
    """The number of each open incident that needs a month before *before*, with the earliest that it needs."""
    found = []
    for incident in await session.scalars(select(IncidentRow).where(IncidentRow.state == "open")):
        linked = select(TriageRow.alert).where(TriageRow.incident == incident.id)
        alerts = list(await session.scalars(select(AlertRow).where(AlertRow.id.in_(linked))))
        people = {person_of(subject) for subject in (incident.subject, *(alert.subject for alert in alerts))}
        names = await session.scalars(select(PersonNameRow).where(PersonNameRow.person.in_(people - {None})))
        times = (incident.opened_ns, *(at for alert in alerts for at in (alert.opened_ns, alert.last_ns)))
        earliest = min(*map(month_of, times), *map(name_rows.month, names), before)
        if earliest < before:
            found.append((incident.number, earliest))
    return sorted(found)


async def doomed(session: AsyncSession, before: str) -> Doomed:
    """What a purge of all months before *before* would take."""
    rows = [row for row in await session.scalars(select(PersonNameRow)) if name_rows.month(row) < before]
    people = {row.person for row in rows}
    since = begins_ns(before)
    subjects = await session.scalars(select(AlertRow.subject).where(AlertRow.last_ns >= since).distinct())
    unsealed = {row.person for row in rows if not row.month}
    return Doomed(len(people), len(people & set(map(person_of, subjects))), len(unsealed))


class Purged:
    """Finishes in *database* what a purge of *months* began: keys that are still there, and rows that say nothing."""

    def __init__(self, database: Database, months: MonthKeys, *, every: float = LOOK) -> None:
        """Nothing is looked at yet."""
        self._database, self._months, self._every = database, months, every
        self._done = ""

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await self.step()
            await asyncio.sleep(self._every)

    async def step(self) -> None:
        """Finish each purge that is on record; what fails is tried again at the next look."""
        try:
            limit = await asyncio.to_thread(self._months.limit)
            if limit and limit != self._done:
                await asyncio.to_thread(self._months.destroy, limit)
                async with self._database.writing() as session:
                    gone = await _remove(session, limit)
                self._done = limit
                if gone:
                    log.info("Names of months before %s were purged: %d rows went.", limit, gone)
        except (OSError, SQLAlchemyError) as error:
            log.error("A purge could not be finished, and is tried again: %s", reason(error))  # noqa: TRY400


async def _remove(session: AsyncSession, limit: str) -> int:
    """Remove the names of the months before *limit*; returns how many rows went."""
    sealed = (PersonNameRow.month != "") & (PersonNameRow.month < limit)
    before_keys = (PersonNameRow.month == "") & (PersonNameRow.written_ns < begins_ns(limit))
    theirs = or_(sealed, before_keys)
    count = await session.scalar(select(func.count()).select_from(PersonNameRow).where(theirs)) or 0
    await session.execute(delete(PersonNameRow).where(theirs))
    return count
