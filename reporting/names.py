"""Names of people, sealed to the roles that may read them (G30), and the record of who looked at whom and why (G11).

A pupil's name is sealed for the DSL and for the headteacher, that of a member of staff for the headteacher only.
Whoever writes a name down cannot read it back without one of those keys.
"""

import unicodedata
from collections.abc import Callable, Mapping

import msgspec
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from reporting import sealing
from reporting.case_models import IncidentRow
from reporting.database import Database
from reporting.models import AccountRow, AlertRow
from reporting.people_models import LookRow, PersonNameRow, RoleKeyRow

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
    """The sealed names in *database*."""

    def __init__(self, database: Database, now_ns: Callable[[], int]) -> None:
        """Nothing is read yet."""
        self._database, self._now_ns = database, now_ns

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
            for key in keys:
                await _put(session, person, key, name, self._now_ns(), by=by)

    async def name(self, person: int, keys: Mapping[str, bytes]) -> str | None:
        """The name of *person* if one of *keys*, by role, opens it."""
        async with self._database.reading() as session:
            rows = list(await session.scalars(select(PersonNameRow).where(PersonNameRow.person == person)))
        for row in rows:
            opened = sealing.unseal(keys[row.role], row.sealed, _purpose(person)) if row.role in keys else None
            if opened is not None:
                return opened.decode()
        return None

    async def known(self, person: int) -> bool:
        """Whether there is a name of *person*, readable or not."""
        async with self._database.reading() as session:
            return await session.scalar(select(PersonNameRow.person).where(PersonNameRow.person == person)) is not None

    async def share(self, keys: Mapping[str, bytes]) -> None:
        """Seal for the headteacher what is sealed for the DSL only: names from before there was the second key."""
        private = keys.get("dsl")
        if private is None:
            return
        async with self._database.writing() as session:
            head = await session.get(RoleKeyRow, "headteacher")
            theirs = select(PersonNameRow.person).where(PersonNameRow.role == "headteacher")
            missing = select(PersonNameRow).where(PersonNameRow.role == "dsl", PersonNameRow.person.not_in(theirs))
            if head is None:
                return
            for row in list(await session.scalars(missing)):
                if opened := sealing.unseal(private, row.sealed, _purpose(row.person)):
                    await _put(session, row.person, head, opened.decode(), row.written_ns, by=row.written_by)


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


async def _put(session: AsyncSession, person: int, key: RoleKeyRow, name: str, at_ns: int, *, by: int) -> None:
    sealed = sealing.seal(key.public, name.encode(), _purpose(person))
    row = await session.get(PersonNameRow, (person, key.role))
    if row is None:
        session.add(PersonNameRow(person=person, role=key.role, sealed=sealed, written_ns=at_ns, written_by=by))
    else:
        row.sealed, row.written_ns, row.written_by = sealed, at_ns, by


def _purpose(person: int) -> bytes:
    """A name is bound to its number, so that no two rows can change places."""
    return f"schoolgate name 1 {person}".encode()
