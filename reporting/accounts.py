"""Who may log in to the staff pages: accounts, their passwords, and the one-use tokens that make them.

Passwords are kept as argon2id. A wrong name costs as much time as a wrong password, so neither can be told from the
other. How often somebody may try is `reporting.web.attempts`'s business.
"""

import asyncio
import hashlib
import logging
import time
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path

import argon2
import msgspec
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from reporting.database import Database
from reporting.logline import reason
from reporting.models import AccountRow, EnrolmentRow
from reporting.people_models import AccountStateRow, InvitationRow
from reporting.permissions import ROLES, needs_second_step

log = logging.getLogger("schoolgate.accounts")

FIRST_ROLES = "technician,dsl"
LEAST_PASSWORD = 12
"""Characters: what the NCSC's "three random words" easily reach."""

INVITATION_LIFE = 14 * 24 * 3600 * 1_000_000_000
"""Nanoseconds for which an invitation holds: a fortnight, so that a week's absence does not spoil it."""

MUST_PASSWORD, MUST_SECOND_STEP = "password", "second-step"
MOST_PASSWORD = 1_024
MOST_NAME = 64
INVALID = "This token is not valid: it is mistyped, too old, or has been used already."

AT_ONCE = 2
"""Passwords hashed at the same time: each takes 64 MB for a moment, and the box is small."""


class EnrolmentError(ValueError):
    """No account was made; the message is a sentence for whoever fills in the form."""


class TokenError(EnrolmentError):
    """No account was made, since the token gives no right to one."""


class Account(msgspec.Struct, frozen=True):
    """Somebody who may log in.

    *epoch*: a log-in of an earlier one is over. *second_step*: a code is asked for besides the password. *must*: what
    they have to see to before anything else: MUST_PASSWORD, MUST_SECOND_STEP or nothing.
    """

    id: int
    name: str
    roles: frozenset[str]
    epoch: int = 0
    second_step: bool = False
    must: str = ""


class Enrolment(msgspec.Struct, frozen=True):
    """What `schoolgate init` leaves in `<keys>/enrolment`: never the token, only its SHA-256."""

    token_sha256: str
    role: str = FIRST_ROLES


class Invitation(msgspec.Struct, frozen=True):
    """What `schoolgate` leaves in `<state>/invitations/<SHA-256 of the token>`; made at *created_ns* (UTC)."""

    roles: str
    created_ns: int


class Accounts:
    """The accounts in *database*, and who may make one: whoever has a token of the table or of *invitations*."""

    def __init__(
        self,
        database: Database,
        *,
        invitations: Path | None = None,
        hasher: argon2.PasswordHasher | None = None,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Without *hasher*, the parameters are RFC 9106's second choice (64 MB)."""
        self._database, self._invitations, self._now_ns = database, invitations, now_ns
        self.hasher = self._hasher = hasher or argon2.PasswordHasher()
        self._nobody = self._hasher.hash("nobody has this password")
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def exist(self) -> bool:
        """Whether there is any account."""
        async with self._database.reading() as session:
            return bool(await session.scalar(select(func.count()).select_from(AccountRow)))

    async def verify(self, name: str, password: str) -> Account | None:
        """The account of *name* if *password* is right, else None after the same work."""
        async with self._database.reading() as session:
            row = await session.scalar(select(AccountRow).where(AccountRow.login == tidy(name)))
            state = await session.get(AccountStateRow, row.id) if row else None
        right = await self._matches(row.password_hash if row else self._nobody, password)
        if row is None or not right or (state and state.closed_ns):
            return None
        if self._hasher.check_needs_rehash(row.password_hash):
            await self._rehash(row.id, password)
        return _account(row, state)

    async def account(self, number: int) -> Account | None:
        """The account with the id *number*, for a session that remembers it."""
        async with self._database.reading() as session:
            row, state = await session.get(AccountRow, number), await session.get(AccountStateRow, number)
        return _account(row, state) if row and not (state and state.closed_ns) else None

    async def roles_held(self) -> list[frozenset[str]]:
        """The roles of each account."""
        async with self._database.reading() as session:
            return await roles_held(session)

    async def enrol(self, token: str, name: str, password: str) -> Account:
        """Make the account that *token* stands for and use the token up; EnrolmentError says what is wrong."""
        judge(name, password)
        hashed = await self._hash(password)
        digest = token_digest(token)
        try:
            async with self._database.writing() as session:
                roles = await self._use(session, digest)
                row = AccountRow(
                    name=as_typed(name),
                    login=tidy(name),
                    roles=roles,
                    password_hash=hashed,
                    created_ns=self._now_ns(),
                )
                session.add(row)
                await session.flush()
        except IntegrityError as error:
            raise EnrolmentError("There is an account of this name already; choose another.") from error
        log.info("An account was made with the roles %s.", roles)
        return _account(row, None)

    async def renew(self, number: int, password: str) -> None:
        """Give the account *number* a new *password*, and end its log-ins; EnrolmentError if it cannot be one."""
        async with self._database.reading() as session:
            judge((await session.get_one(AccountRow, number)).name, password)
        hashed = await self._hash(password)
        async with self._database.writing() as session:
            (await session.get_one(AccountRow, number)).password_hash = hashed
            state = await state_of(session, number)
            state.epoch, state.new_password = state.epoch + 1, False

    async def _use(self, session: AsyncSession, digest: str) -> str:
        """Use up the token whose hash is *digest*, and return its roles; TokenError if it gives no right."""
        kept, now = await session.get(EnrolmentRow, digest), self._now_ns()
        if kept is None and (invitation := await self._invited(session, digest)):
            kept = EnrolmentRow(token_sha256=digest, roles=invitation.roles, created_ns=invitation.created_ns)
            session.add(kept)  # it stays, used: that the file is still there then says nothing
        if kept is None or kept.used_ns is not None:
            raise TokenError(INVALID)
        kept.used_ns = now
        return kept.roles

    async def _invited(self, session: AsyncSession, digest: str) -> Invitation | None:
        """The invitation that holds now for the token whose hash is *digest*: of the command, or of the pages."""
        row = await session.get(InvitationRow, digest)
        found = Invitation(row.roles, row.created_ns) if row else None
        found = found or (_invitation(self._invitations / digest) if self._invitations else None)
        return found if found and abs(self._now_ns() - found.created_ns) < INVITATION_LIFE else None

    async def load_enrolment(self, file: Path) -> bool:
        """Take the first token over from *file*; False if there is nothing to take, or it was taken before."""
        found = _enrolment(file)
        if found is None:
            return False
        async with self._database.writing() as session:
            if await session.get(EnrolmentRow, found.token_sha256):
                return False
            session.add(EnrolmentRow(token_sha256=found.token_sha256, roles=found.role, created_ns=self._now_ns()))
        return True

    async def _matches(self, hashed: str, password: str) -> bool:
        async with self._turns:
            return await asyncio.to_thread(_verified, self._hasher, hashed, password)

    async def _hash(self, password: str) -> str:
        async with self._turns:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def _rehash(self, number: int, password: str) -> None:
        """Keep *password* the newer way; where that cannot be written, the old way still holds."""
        hashed = await self._hash(password)
        try:
            async with self._database.writing() as session:
                await session.execute(update(AccountRow).where(AccountRow.id == number).values(password_hash=hashed))
        except SQLAlchemyError as error:
            log.warning("A password could not be kept the newer way: %s", reason(error))


async def roles_held(session: AsyncSession) -> list[frozenset[str]]:
    """The roles of each account that is not closed."""
    closed = select(AccountStateRow.account).where(AccountStateRow.closed_ns.is_not(None))
    found = await session.scalars(select(AccountRow.roles).where(AccountRow.id.not_in(closed)))
    return [frozenset(roles.split(",")) for roles in found]


async def state_of(session: AsyncSession, number: int) -> AccountStateRow:
    """The state of the account *number* in a writing *session*; made if need be."""
    found = await session.get(AccountStateRow, number)
    if found is None:
        found = AccountStateRow(account=number, epoch=0, new_password=False, totp_secret=b"", totp_step=0)
        session.add(found)
    return found


def head_is_dsl(held: Iterable[frozenset[str]]) -> bool:
    """Whether *held*, the roles of each account, says that headteacher and DSL are one person (G7).

    They are where there is a headteacher and each is the DSL too; a deputy with both roles takes nothing from a
    headteacher who has only the one.
    """
    heads = [roles for roles in held if "headteacher" in roles]
    return bool(heads) and all("dsl" in roles for roles in heads)


def token_digest(token: str) -> str:
    """What is kept of a *token* that we made, blanks around it aside: 128 random bits or more, which nobody guesses."""
    return hashlib.sha256(token.strip().encode("utf-8", "replace")).hexdigest()


def as_typed(name: str) -> str:
    """*name* as it is kept and shown: composed, trimmed."""
    return unicodedata.normalize("NFKC", name).strip()


def tidy(name: str) -> str:
    """*name* as it is compared: composed, trimmed, lower case."""
    return as_typed(name).casefold()


def judge(name: str, password: str) -> None:
    """EnrolmentError if no account can have *name* and *password*, whatever the token."""
    name = tidy(name)
    if not 0 < len(name) <= MOST_NAME or not name.isprintable():
        raise EnrolmentError(f"Please give a name of up to {MOST_NAME} ordinary characters.")
    if len(password) < LEAST_PASSWORD:
        raise EnrolmentError(f"Please choose a password of at least {LEAST_PASSWORD} characters; three words will do.")
    if len(password) > MOST_PASSWORD:
        raise EnrolmentError(f"Please choose a password of at most {MOST_PASSWORD} characters.")
    if tidy(password) == name:
        raise EnrolmentError("The password is the name; please choose another.")


def _enrolment(file: Path) -> Enrolment | None:
    try:
        found = msgspec.json.decode(file.read_bytes(), type=Enrolment)
        return Enrolment(found.token_sha256.lower(), _roles(found.role))
    except FileNotFoundError:
        return None
    except (ValueError, OSError) as error:
        log.error("%s cannot be understood, so nobody can enrol: %s", file, error)  # noqa: TRY400 - one sentence
        return None


def _invitation(file: Path) -> Invitation | None:
    try:
        found = msgspec.json.decode(file.read_bytes(), type=Invitation)
        return Invitation(_roles(found.roles), found.created_ns)
    except FileNotFoundError:
        return None
    except (ValueError, OSError) as error:
        log.error("The invitation %s cannot be understood: %s", file, error)  # noqa: TRY400 - one sentence
        return None


def _roles(text: str) -> str:
    roles = [role.strip() for role in text.split(",") if role.strip()]
    if not roles or set(roles) - set(ROLES):
        raise ValueError(f"{text!r} names no roles; the roles are {', '.join(ROLES)}")
    return ",".join(roles)


def _verified(hasher: argon2.PasswordHasher, hashed: str, password: str) -> bool:
    try:
        return hasher.verify(hashed, password[: MOST_PASSWORD + 1])
    except (argon2.exceptions.VerificationError, UnicodeEncodeError):
        return False


def _account(row: AccountRow, state: AccountStateRow | None) -> Account:
    roles = frozenset(row.roles.split(","))
    second = state is not None and state.totp_since_ns is not None
    must = MUST_SECOND_STEP if needs_second_step(roles) and not second else ""
    if state and state.new_password:
        must = MUST_PASSWORD
    return Account(row.id, row.name, roles, state.epoch if state else 0, second, must)
