"""Who may log in to the staff pages: accounts, their passwords, and the one-use tokens that make them.

Passwords are kept as argon2id. A wrong name costs as much time as a wrong password, so neither can be told from the
other. How often somebody may try is `reporting.web.attempts`'s business.
"""

import asyncio
import hashlib
import logging
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path

import argon2
import msgspec
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from reporting.database import Database
from reporting.models import AccountRow, EnrolmentRow

log = logging.getLogger("schoolgate.accounts")

ROLES = ("technician", "dsl", "headteacher", "chair")
FIRST_ROLES = "technician,dsl"
LEAST_PASSWORD = 12
"""Characters: what the NCSC's "three random words" easily reach."""

MOST_PASSWORD = 1_024
MOST_NAME = 64
AT_ONCE = 2
"""Passwords hashed at the same time: each takes 64 MB for a moment, and the box is small."""


class EnrolmentError(ValueError):
    """No account was made; the message is a sentence for whoever fills in the form."""


class Account(msgspec.Struct, frozen=True):
    """Somebody who may log in."""

    id: int
    name: str
    roles: frozenset[str]


class Enrolment(msgspec.Struct, frozen=True):
    """What `schoolgate init` leaves in `<keys>/enrolment`: never the token, only its SHA-256."""

    token_sha256: str
    role: str = FIRST_ROLES


class Accounts:
    """The accounts in *database*."""

    def __init__(
        self,
        database: Database,
        *,
        hasher: argon2.PasswordHasher | None = None,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Without *hasher*, the parameters are RFC 9106's second choice (64 MB)."""
        self._database, self._now_ns = database, now_ns
        self._hasher = hasher or argon2.PasswordHasher()
        self._nobody = self._hasher.hash("nobody has this password")
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def exist(self) -> bool:
        """Whether there is any account."""
        async with self._database.reading() as session:
            return bool(await session.scalar(select(func.count()).select_from(AccountRow)))

    async def verify(self, name: str, password: str) -> Account | None:
        """The account of *name* if *password* is right, else None after the same work."""
        async with self._database.reading() as session:
            row = await session.scalar(select(AccountRow).where(AccountRow.name == tidy(name)))
        right = await self._matches(row.password_hash if row else self._nobody, password)
        if row is None or not right:
            return None
        if self._hasher.check_needs_rehash(row.password_hash):
            await self._rehash(row.id, password)
        return _account(row)

    async def account(self, number: int) -> Account | None:
        """The account with the id *number*, for a session that remembers it."""
        async with self._database.reading() as session:
            row = await session.get(AccountRow, number)
        return _account(row) if row else None

    async def enrol(self, token: str, name: str, password: str) -> Account:
        """Make the account that *token* stands for and use the token up; EnrolmentError says what is wrong."""
        name = tidy(name)
        _judge(name, password)
        hashed = await self._hash(password)
        digest = hashlib.sha256(token.strip().encode("utf-8", "replace")).hexdigest()
        now = self._now_ns()
        unused = (EnrolmentRow.token_sha256 == digest, EnrolmentRow.used_ns.is_(None))
        try:
            async with self._database.writing() as session:
                roles = await session.scalar(
                    update(EnrolmentRow).where(*unused).values(used_ns=now).returning(EnrolmentRow.roles)
                )
                if roles is None:
                    raise EnrolmentError("This enrolment code is not valid, or it has been used already.")
                row = AccountRow(name=name, roles=roles, password_hash=hashed, created_ns=now)
                session.add(row)
                await session.flush()
        except IntegrityError as error:
            raise EnrolmentError("There is an account of this name already; choose another.") from error
        log.info("An account was made with the roles %s.", roles)
        return _account(row)

    async def load_enrolment(self, file: Path) -> bool:
        """Take the first token over from *file* while there is no account; False if there is nothing to take."""
        found = _enrolment(file)
        if found is None or await self.exist():
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
        hashed = await self._hash(password)
        async with self._database.writing() as session:
            await session.execute(update(AccountRow).where(AccountRow.id == number).values(password_hash=hashed))


def tidy(name: str) -> str:
    """*name* as it is kept and compared: composed, trimmed, lower case."""
    return unicodedata.normalize("NFKC", name).strip().casefold()


def _judge(name: str, password: str) -> None:
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


def _account(row: AccountRow) -> Account:
    return Account(id=row.id, name=row.name, roles=frozenset(row.roles.split(",")))
