"""Seeing to accounts: inviting, changing roles, closing, a new password; and the record of what happened to each.

Who may do what to whom is `reporting.permissions.gives`'s table: nobody touches an account that holds a role which
they could not have given. The last technician, DSL or headteacher stays until somebody else has the role.
"""

import secrets
from collections.abc import Callable, Collection

import msgspec
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from reporting.accounts import INVALID, INVITATION_LIFE, Account, Accounts, TokenError, state_of, token_digest
from reporting.database import Database
from reporting.models import AccountRow, EnrolmentRow
from reporting.people_models import (
    AccountEventRow,
    AccountKeyRow,
    AccountStateRow,
    InvitationRow,
    ResetRow,
    RoleKeyCopyRow,
)
from reporting.permissions import ROLES, gives

NEEDED = ("technician", "dsl", "headteacher")
"""Roles that somebody must go on holding once somebody has."""

LOG_INS = 20
"""Log-ins that a person sees of their own account: a month of an ordinary one."""

WORDS = {"technician": "technician", "dsl": "DSL", "headteacher": "headteacher"}


class PeopleError(ValueError):
    """Nothing was changed; the message is a sentence for whoever asked."""


class NotYoursError(PeopleError):
    """The account, or a role, is not this person's to see to."""


class Person(msgspec.Struct, frozen=True):
    """An account as the page of people shows it."""

    id: int
    name: str
    roles: tuple[str, ...]
    closed: bool
    second_step: bool
    new_password: bool
    last_in_ns: int | None
    mine: bool


class Event(msgspec.Struct, frozen=True):
    """Something that happened to an account, with the names of whose it is and of who did it."""

    at_ns: int
    account: str
    by: str
    what: str
    address: str
    says: str


class Invited(msgspec.Struct, frozen=True):
    """An invitation that still holds; *key* names it, and is no token."""

    key: str
    roles: tuple[str, ...]
    by: str
    until_ns: int


class People:
    """Sees to the accounts in *database*."""

    def __init__(self, database: Database, accounts: Accounts, now_ns: Callable[[], int]) -> None:
        """Nothing is read yet."""
        self._database, self._accounts, self._now_ns = database, accounts, now_ns

    async def everybody(self, me: Account) -> list[Person]:
        """All accounts, the closed ones last; *mine* says which *me* may see to."""
        last = select(func.max(AccountEventRow.at_ns)).where(
            AccountEventRow.account == AccountRow.id, AccountEventRow.what == "in"
        )
        found = (
            select(AccountRow, AccountStateRow, last.scalar_subquery())
            .outerjoin(AccountStateRow, AccountStateRow.account == AccountRow.id)
            .order_by(AccountStateRow.closed_ns.is_not(None), AccountRow.login, AccountRow.name)
        )
        async with self._database.reading() as session:
            return [_person(me, *row) for row in (await session.execute(found)).all()]

    async def invitations(self) -> list[Invited]:
        """The invitations given on the pages that still hold, unused, the newest first."""
        since = self._now_ns() - INVITATION_LIFE
        found = (
            select(InvitationRow, AccountRow.name)
            .join(AccountRow, AccountRow.id == InvitationRow.by)
            .outerjoin(EnrolmentRow, EnrolmentRow.token_sha256 == InvitationRow.token_sha256)
            .where(InvitationRow.created_ns > since, EnrolmentRow.used_ns.is_(None))
            .order_by(InvitationRow.created_ns.desc())
        )
        async with self._database.reading() as session:
            rows = (await session.execute(found)).all()
        return [
            Invited(r.token_sha256, tuple(r.roles.split(",")), by, r.created_ns + INVITATION_LIFE) for r, by in rows
        ]

    async def invite(self, me: Account, roles: Collection[str]) -> str:
        """Let somebody make an account with *roles*; returns the token, which is kept nowhere."""
        chosen = ordered(roles)
        _mine(me, chosen)
        token = secrets.token_urlsafe(24)
        async with self._database.writing() as session:
            digest, now = token_digest(token), self._now_ns()
            session.add(InvitationRow(token_sha256=digest, roles=",".join(chosen), created_ns=now, by=me.id))
            session.add(self._event("invited", by=me.id, says=", ".join(chosen)))
        return token

    async def withdraw(self, me: Account, key: str) -> None:
        """Let the invitation *key* hold no longer."""
        async with self._database.writing() as session:
            row = await session.get(InvitationRow, key)
            if row is None:
                return
            _mine(me, row.roles.split(","))
            await session.delete(row)
            session.add(self._event("withdrawn", by=me.id, says=row.roles))

    async def change_roles(self, me: Account, number: int, roles: Collection[str]) -> None:
        """Give the account *number* exactly *roles*; its log-ins end, so that the next one is under the new ones."""
        chosen = ordered(roles)
        async with self._database.writing() as session:
            row = await _open_account(session, number)
            held = set(row.roles.split(","))
            if changed := held ^ set(chosen):
                _mine(me, changed)
                await self._last(session, number, held - set(chosen))
                row.roles = ",".join(chosen)
                await self._end(session, number)
                await _take_keys(session, number, held - set(chosen))
                session.add(self._event("roles", number, me.id, says=", ".join(chosen)))

    async def close(self, me: Account, number: int) -> None:
        """Close the account *number*: nobody logs in with it again, and its history stays."""
        async with self._database.writing() as session:
            row = await _open_account(session, number)
            held = set(row.roles.split(","))
            _mine(me, held)
            await self._last(session, number, held)
            (await self._end(session, number)).closed_ns = self._now_ns()
            await _take_keys(session, number, held)
            session.add(self._event("closed", number, me.id))

    async def reset(self, me: Account, number: int) -> str:
        """Make the account *number* choose a new password; returns the token for that, which is kept nowhere."""
        token = secrets.token_urlsafe(24)
        async with self._database.writing() as session:
            row = await _open_account(session, number)
            _mine(me, row.roles.split(","))
            (await self._end(session, number)).new_password = True
            await session.execute(delete(ResetRow).where(ResetRow.account == number))
            session.add(ResetRow(token_sha256=token_digest(token), account=number, created_ns=self._now_ns()))
            session.add(self._event("reset", number, me.id))
        return token

    async def may_see_to(self, me: Account, number: int) -> None:
        """NotYoursError unless the account *number* is one that *me* may see to."""
        async with self._database.reading() as session:
            _mine(me, (await _open_account(session, number)).roles.split(","))

    async def use_reset(self, token: str, password: str) -> int:
        """Give the account of *token* its new *password*, and use the token up; returns the account's number.

        The key to names that the old password opened is gone: another holder hands it over again.
        """
        async with self._database.reading() as session:
            found = await session.get(ResetRow, token_digest(token))
        if found is None or found.used_ns or not 0 <= self._now_ns() - found.created_ns < INVITATION_LIFE:
            raise TokenError(INVALID)
        await self._accounts.renew(found.account, password)
        async with self._database.writing() as session:
            row = await session.get_one(ResetRow, found.token_sha256)
            if row.used_ns:
                raise TokenError(INVALID)
            row.used_ns = self._now_ns()
            await _take_keys(session, found.account, ROLES)
            await session.execute(delete(AccountKeyRow).where(AccountKeyRow.account == found.account))
            session.add(self._event("password", found.account, found.account))
        return found.account

    async def end_log_ins(self, account: int, what: str) -> int:
        """End every log-in of *account*, and note *what* it was for; returns the epoch of the next."""
        async with self._database.writing() as session:
            state = await self._end(session, account)
            session.add(self._event(what, account, account))
            return state.epoch

    async def note(self, what: str, account: int | None, address: str, says: str = "") -> None:
        """Note that *what* happened to *account*, from *address*, by whoever it is."""
        async with self._database.writing(durable=False) as session:
            session.add(self._event(what, account, account, address=address, says=says))

    async def number_of(self, name: str) -> int | None:
        """The number of the account of *name*, which is tidy."""
        async with self._database.reading() as session:
            return await session.scalar(select(AccountRow.id).where(AccountRow.login == name))

    async def seen(self, account: int) -> list[Event]:
        """The last that happened to *account*, the newest first."""
        return await self._events(AccountEventRow.account == account, limit=LOG_INS)

    async def _events(self, *conditions: object, limit: int) -> list[Event]:
        whose, who = AccountRow.__table__.alias("whose"), AccountRow.__table__.alias("who")
        found = (
            select(AccountEventRow, whose.c.name, who.c.name)
            .outerjoin(whose, whose.c.id == AccountEventRow.account)
            .outerjoin(who, who.c.id == AccountEventRow.by)
            .where(*conditions)  # type: ignore[arg-type]
            .order_by(AccountEventRow.id.desc())
            .limit(limit)
        )
        async with self._database.reading() as session:
            rows = (await session.execute(found)).all()
        return [Event(r.at_ns, mine or "", by or "", r.what, r.address, r.says) for r, mine, by in rows]

    async def changes(self, limit: int) -> list[Event]:
        """The last that was done to accounts by somebody, log-ins left out, the newest first."""
        return await self._events(AccountEventRow.what.not_in(("in", "refused", "code-refused")), limit=limit)

    def _event(
        self, what: str, account: int | None = None, by: int | None = None, *, address: str = "", says: str = ""
    ) -> AccountEventRow:
        return AccountEventRow(at_ns=self._now_ns(), account=account, by=by, what=what, address=address, says=says)

    async def _end(self, session: AsyncSession, number: int) -> AccountStateRow:
        state = await state_of(session, number)
        state.epoch += 1
        return state

    async def _last(self, session: AsyncSession, number: int, losing: Collection[str]) -> None:
        """PeopleError if the account *number* is the only open one with one of the NEEDED roles in *losing*."""
        closed = select(AccountStateRow.account).where(AccountStateRow.closed_ns.is_not(None))
        others = select(AccountRow.roles).where(AccountRow.id != number, AccountRow.id.not_in(closed))
        held = {role for roles in await session.scalars(others) for role in roles.split(",")}
        for role in NEEDED:
            if role in losing and role not in held:
                raise PeopleError(f"This is the only {WORDS[role]}; invite another first. Nothing was changed.")


def ordered(roles: Collection[str]) -> tuple[str, ...]:
    """*roles*, each once and in the order of the table; PeopleError if there is none, or one that is no role."""
    if not roles or set(roles) - set(ROLES):
        raise PeopleError("Choose at least one role. Nothing was changed.")
    return tuple(role for role in ROLES if role in roles)


def _mine(me: Account, roles: Collection[str]) -> None:
    if set(roles) - gives(me.roles):
        raise NotYoursError("That role is another person's to give and to take. Nothing was changed.")


def _person(me: Account, row: AccountRow, state: AccountStateRow | None, last: int | None) -> Person:
    roles = tuple(row.roles.split(","))
    closed = bool(state and state.closed_ns)
    return Person(
        id=row.id,
        name=row.name,
        roles=roles,
        closed=closed,
        second_step=bool(state and state.totp_since_ns),
        new_password=bool(state and state.new_password),
        last_in_ns=last,
        mine=not closed and set(roles) <= gives(me.roles),
    )


async def _open_account(session: AsyncSession, number: int) -> AccountRow:
    """The account *number*; NotYoursError if there is none, or it is closed."""
    row, state = await session.get(AccountRow, number), await session.get(AccountStateRow, number)
    if row is None or (state and state.closed_ns):
        raise NotYoursError("There is no such account.")
    return row


async def _take_keys(session: AsyncSession, number: int, roles: Collection[str]) -> None:
    """Take the keys to the names of *roles* away from the account *number*."""
    mine = (RoleKeyCopyRow.account == number, RoleKeyCopyRow.role.in_([*roles, *_lent(roles)]))
    await session.execute(delete(RoleKeyCopyRow).where(*mine))


def _lent(roles: Collection[str]) -> list[str]:
    return [role for deputy, role in (("deputy", "dsl"), ("head_deputy", "headteacher")) if deputy in roles]
