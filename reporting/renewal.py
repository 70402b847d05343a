"""Names that are due to be sealed anew, done when somebody who has a key to names logs in.

A pupil's name from before there was the headteacher's key is sealed for that as well. The name of somebody about whom
there is something this month, or an open incident, gets this month's key, so that an earlier month can be purged; one
that has none yet, as an earlier version wrote it, that of when it was written.
"""

import asyncio
import itertools
from collections.abc import Mapping, Sequence

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from reporting import name_rows
from reporting.case_models import IncidentRow, TriageRow
from reporting.database import Database
from reporting.models import AlertRow
from reporting.month_keys import MonthKeys, begins_ns
from reporting.pattern import person_of
from reporting.people_models import PersonNameRow, RoleKeyRow

AT_ONCE = 25
"""People in one transaction: some 50 ms of work, for which an alert waits."""


class Renewal:
    """What *keys*, private ones by role, can do about the names in *database* in the month *now*."""

    def __init__(self, database: Database, months: MonthKeys, keys: Mapping[str, bytes], now: str) -> None:
        """Nothing is read yet."""
        self._database, self._months, self._keys, self._now = database, months, keys, now
        self._limit = months.limit()
        self._sealing: dict[tuple[str, str], bytes] = {}

    async def run(self) -> None:
        """Seal anew what is due; PurgedMonthError, OSError: the rest waits for the next log-in."""
        async with self._database.reading() as session:
            roles = {row.role: row.public for row in await session.scalars(select(RoleKeyRow))}
            wanted = await _on_record(session, begins_ns(self._now))
            due = {
                person: month
                for person, rows in (await _by_person(session)).items()
                if (month := self._due(rows, "headteacher" in roles, on_record=person in wanted))
            }
        for some in itertools.batched(due, AT_ONCE):
            async with self._database.writing() as session:
                for person, rows in (await _by_person(session, some)).items():
                    await self._renew(session, rows, roles, due[person])

    def _due(self, rows: Sequence[PersonNameRow], has_head: bool, *, on_record: bool) -> str:
        """The month that *rows*, of one person, should have the key of; nothing if they are as they should be."""
        month = max(*map(name_rows.month, rows), self._now if on_record else "")
        lacking = has_head and [row.role for row in rows] == ["dsl"]
        is_due = lacking or any(row.month != month for row in rows)
        mine = any(row.role in self._keys for row in rows)
        return month if is_due and mine and month >= self._limit else ""

    async def _renew(
        self, session: AsyncSession, rows: Sequence[PersonNameRow], roles: Mapping[str, bytes], month: str
    ) -> None:
        found = (name_rows.opened(row, self._keys[row.role], self._months) for row in rows if row.role in self._keys)
        if (name := next((name for name in found if name is not None), None)) is None:
            return
        first = rows[0]
        held = {row.role for row in rows}
        for role in sorted(held | ({"headteacher"} & set(roles))):
            public = await self._public(month, role, roles[role])
            new = PersonNameRow(
                person=first.person, role=role, month=month, written_ns=first.written_ns, written_by=first.written_by
            )
            await name_rows.put(session, new, name, public)

    async def _public(self, month: str, role: str, role_public: bytes) -> bytes:
        if (month, role) not in self._sealing:
            public = await asyncio.to_thread(self._months.public, month, role, role_public)
            self._sealing[month, role] = public
        return self._sealing[month, role]


async def _by_person(session: AsyncSession, people: Sequence[int] | None = None) -> dict[int, list[PersonNameRow]]:
    """The rows of each of *people*, or of everybody, the DSL's first."""
    asked = select(PersonNameRow).order_by(PersonNameRow.person, PersonNameRow.role)
    found: dict[int, list[PersonNameRow]] = {}
    for row in await session.scalars(asked if people is None else asked.where(PersonNameRow.person.in_(people))):
        found.setdefault(row.person, []).append(row)
    return found


async def _on_record(session: AsyncSession, since_ns: int) -> set[int]:
    """The people of alerts that went on after *since_ns*, and of incidents that are open."""
    still_open = IncidentRow.state == "open"
    linked = select(TriageRow.alert).where(TriageRow.incident.in_(select(IncidentRow.id).where(still_open)))
    alerts = select(AlertRow.subject).where(or_(AlertRow.last_ns >= since_ns, AlertRow.id.in_(linked)))
    subjects = {
        *await session.scalars(alerts),
        *await session.scalars(select(IncidentRow.subject).where(still_open)),
    }
    return {person for person in map(person_of, subjects) if person is not None}
