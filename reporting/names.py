"""Names of people, sealed to the roles that may read them (G30), and the record of who looked at whom and why (G11).

A pupil's name is sealed for the DSL and for the headteacher, that of a member of staff for the headteacher only.
Whoever writes a name down cannot read it back without one of those keys. It is sealed with the key of the month in
which it was written (`reporting.month_keys`). When somebody who has a role's key logs in, the names of people about
whom there is something this month are sealed anew with this month's, so that an earlier month can be purged.
"""

import asyncio
import logging
import unicodedata
from collections.abc import Callable, Mapping

import msgspec
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from reporting import name_rows
from reporting.case_models import IncidentRow
from reporting.database import Database
from reporting.logline import reason
from reporting.models import AccountRow, AlertRow
from reporting.month_keys import MonthKeys, Purge, PurgedMonthError, month_of
from reporting.people_models import LookRow, PersonNameRow, RoleKeyRow
from reporting.renewal import Renewal

log = logging.getLogger("schoolgate.names")

LONGEST = 120
"""Characters of a name."""

LEAST_REASON = 10
"""Characters of a reason: a word is none."""

LONGEST_REASON = 500


class UnwritableNameError(ValueError):
    """The name was not written; the message is a sentence."""


class ReasonError(ValueError):
    """Nothing is shown without a reason; the message is a sentence."""


class Look(msgspec.Struct, frozen=True):
    """A look at somebody's record: who looked, at what, when and why."""

    at_ns: int
    account: str
    subject: str
    alert: int | None
    incident: int | None
    what: str
    reason: str


class Names:
    """The sealed names in *database*, and the keys of *months* that they are sealed with."""

    def __init__(self, database: Database, months: MonthKeys, now_ns: Callable[[], int]) -> None:
        """Nothing is read yet."""
        self._database, self._months, self._now_ns = database, months, now_ns

    async def write(self, person: int, name: str, *, pupil: bool, by: int) -> None:
        """Seal *name* as that of *person* for whoever may read it; UnwritableNameError if it is none, or nobody may."""
        name = unicodedata.normalize("NFC", name).strip()
        if not 0 < len(name) <= LONGEST or not name.isprintable():
            raise UnwritableNameError(f"Please give a name of up to {LONGEST} ordinary characters.")
        readers = ("dsl", "headteacher") if pupil else ("headteacher",)
        async with self._database.writing() as session:
            keys = list(await session.scalars(select(RoleKeyRow).where(RoleKeyRow.role.in_(readers))))
            if not keys:
                raise UnwritableNameError(
                    "Nobody who may read this name has logged in yet, so there is no key to seal it to."
                )
            now = self._now_ns()
            for key in keys:
                new = PersonNameRow(person=person, role=key.role, month=month_of(now), written_ns=now, written_by=by)
                try:
                    public = await asyncio.to_thread(self._months.public, new.month, key.role, key.public)
                except (PurgedMonthError, OSError) as error:
                    says = f"The name cannot be sealed now, so tell your technician: {error}"
                    raise UnwritableNameError(says) from error
                await name_rows.put(session, new, name, public)

    async def name(self, person: int, keys: Mapping[str, bytes]) -> str | None:
        """The name of *person* if one of *keys*, by role, opens it, and its month was not purged."""
        async with self._database.reading() as session:
            rows = list(await session.scalars(select(PersonNameRow).where(PersonNameRow.person == person)))
        opened = [name_rows.opened(row, keys[row.role], self._months) for row in rows if row.role in keys]
        return next((name for name in opened if name is not None), None)

    async def known(self, person: int) -> bool:
        """Whether there is a name of *person*, readable or not; one whose month was purged is none."""
        limit = self._months.limit()
        async with self._database.reading() as session:
            rows = await session.scalars(select(PersonNameRow).where(PersonNameRow.person == person))
            return any(name_rows.month(row) >= limit for row in rows)

    def purges(self) -> list[Purge]:
        """What was purged, when, by whom and why, the newest first."""
        return self._months.record()[::-1]

    async def renew(self, keys: Mapping[str, bytes]) -> None:
        """Seal what *keys* open as it should be by now (`reporting.renewal`); a log-in does not fail for that."""
        try:
            if keys:
                await Renewal(self._database, self._months, keys, month_of(self._now_ns())).run()
        except (PurgedMonthError, OSError) as error:
            log.error("Names could not be sealed anew: %s", reason(error))  # noqa: TRY400 - one sentence


def reason_given(text: str) -> str:
    """*text* as a reason; ReasonError if it is none."""
    text = " ".join(text.split())
    if len(text) < LEAST_REASON:
        raise ReasonError("Please say in a few words why you need to look. The reason is kept.")
    return text[:LONGEST_REASON]


def look(session: AsyncSession, row: LookRow) -> None:
    """Put *row* on the record, in the transaction of whatever it is for."""
    session.add(row)


async def looks(database: Database, limit: int) -> list[Look]:
    """The last looks, the newest first."""
    found = (
        select(LookRow, AccountRow.name, AlertRow.number, IncidentRow.number)
        .join(AccountRow, AccountRow.id == LookRow.account)
        .outerjoin(AlertRow, AlertRow.id == LookRow.alert)
        .outerjoin(IncidentRow, IncidentRow.id == LookRow.incident)
        .order_by(LookRow.id.desc())
        .limit(limit)
    )
    async with database.reading() as session:
        rows = (await session.execute(found)).all()
    return [Look(row.at_ns, who, row.subject, alert, case, row.what, row.reason) for row, who, alert, case in rows]


REVEALS = ("name", "context", "longer", "opened")
"""Looks that show somebody what a person did, or who they are; the others are at what colleagues wrote."""


async def reveals_by_role(database: Database, since_ns: int) -> dict[tuple[str, str], int]:
    """How often each combination of roles revealed what (REVEALS) since *since_ns*: figures without names (G11)."""
    found = (
        select(AccountRow.roles, LookRow.what, func.count())
        .join(LookRow, LookRow.account == AccountRow.id)
        .where(LookRow.at_ns >= since_ns, LookRow.what.in_(REVEALS))
        .group_by(AccountRow.roles, LookRow.what)
    )
    async with database.reading() as session:
        return {(row[0], row[1]): row[2] for row in await session.execute(found)}


async def looks_by_role(database: Database, since_ns: int) -> dict[str, int]:
    """How often each combination of roles looked since *since_ns*: figures without names, for governors (G11)."""
    found = (
        select(AccountRow.roles, func.count())
        .join(LookRow, LookRow.account == AccountRow.id)
        .where(LookRow.at_ns >= since_ns)
        .group_by(AccountRow.roles)
    )
    async with database.reading() as session:
        return {row[0]: row[1] for row in await session.execute(found)}
