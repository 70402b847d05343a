"""The keys that open names: who holds them, and which are open now (G30).

Names are sealed to a role's public key. Its private key is sealed to the own key of each account that holds the role,
and that opens with the account's password at log-in. What is open stays in this process's memory, by the log-in that
opened it, and goes with it; a restart closes all. An account that comes to a role later gets the key from somebody who
has it open, or from the two printed shares: neither the technician nor the machine can give it.
"""

import asyncio
import base64
import os
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping

import argon2
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from reporting import sealing
from reporting.accounts import Account
from reporting.database import Database
from reporting.models import AccountRow
from reporting.people_models import AccountKeyRow, RoleKeyCopyRow, RoleKeyRow

KEPT = 200
"""Log-ins whose keys are kept open: far more than a school has people with the roles."""

_OWN, _COPY = b"schoolgate own key 1", b"schoolgate role key 1"


class RecoveryError(ValueError):
    """The shares do not make the key; the message is a sentence."""


class Keyring:
    """The keys in *database*, and the ones that are open."""

    def __init__(self, database: Database, hasher: argon2.PasswordHasher, now_ns: Callable[[], int]) -> None:
        """Nothing is open."""
        self._database, self._hasher, self._now_ns = database, hasher, now_ns
        self._open: OrderedDict[str, dict[str, bytes]] = OrderedDict()

    def opened(self, log_in: str) -> Mapping[str, bytes]:
        """The private keys by role that *log_in* has open."""
        return self._open.get(log_in, {})

    def close(self, log_in: str) -> None:
        """Forget what *log_in* has open."""
        self._open.pop(log_in, None)

    def move(self, log_in: str, to: str) -> None:
        """What *log_in* had open belongs to the log-in *to* from now on."""
        if log_in in self._open:
            self._open[to] = self._open.pop(log_in)

    async def open(self, log_in: str, account: Account, password: str) -> None:
        """Open for *log_in* what *account* holds; the first of a role makes the role's key."""
        roles = key_roles(account.roles)
        if not roles:
            return
        private = await self._own(account.id, password)
        async with self._database.writing() as session:
            self._open[log_in] = await self._copies(session, account, roles, private)
        while len(self._open) > KEPT:
            self._open.popitem(last=False)

    async def change(self, account: int, old: str, new: str) -> None:
        """Let the own key of *account* open with the password *new* in place of *old*."""
        async with self._database.reading() as session:
            row = await session.get(AccountKeyRow, account)
        private = await self._unwrap(row, old) if row else None
        if private is not None:
            await self._keep(account, private, new)

    async def without(self) -> list[tuple[int, str, str]]:
        """(number, name, role) of each account that should hold a role's key and does not, where there is one."""
        async with self._database.reading() as session:
            made = set(await session.scalars(select(RoleKeyRow.role)))
            found = await session.execute(select(RoleKeyCopyRow.account, RoleKeyCopyRow.role))
            held = {(account, role) for account, role in found}
            keyed = set(await session.scalars(select(AccountKeyRow.account)))
            rows = list(await session.scalars(select(AccountRow).where(AccountRow.id.in_(keyed))))
        wanted = [(row.id, row.name, role) for row in rows for role in key_roles(row.roles.split(","))]
        return [(number, name, role) for number, name, role in wanted if role in made and (number, role) not in held]

    async def hand_over(self, log_in: str, number: int, role: str) -> bool:
        """Give the account *number*, which has the role, the key of *role* that *log_in* has open."""
        private = self.opened(log_in).get(role)
        if private is None or (number, role) not in {(n, r) for n, _, r in await self.without()}:
            return False
        async with self._database.writing() as session:
            own = await session.get_one(AccountKeyRow, number)
            session.add(RoleKeyCopyRow(role=role, account=number, sealed=sealing.seal(own.public, private, _COPY)))
        return True

    def shares(self, log_in: str, role: str) -> tuple[str, str] | None:
        """Two texts that together are the key of *role*, and apart are nothing; None if *log_in* has it not open."""
        private = self.opened(log_in).get(role)
        if private is None:
            return None
        first = os.urandom(len(private))
        return _text(first), _text(_joined(first, private))

    async def recover(self, log_in: str, account: Account, shares: tuple[str, str]) -> str:
        """Give *account* the key that *shares* make, open it for *log_in*, and return its role; RecoveryError."""
        private = _joined(*map(_bytes, shares))
        public = X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
        async with self._database.writing() as session:
            role = await session.scalar(select(RoleKeyRow.role).where(RoleKeyRow.public == public))
            own = await session.get(AccountKeyRow, account.id)
            if role is None or own is None or role not in key_roles(account.roles):
                raise RecoveryError("These two shares make no key of a role that is yours.")
            mine = (RoleKeyCopyRow.account == account.id, RoleKeyCopyRow.role == role)
            await session.execute(delete(RoleKeyCopyRow).where(*mine))
            session.add(RoleKeyCopyRow(role=role, account=account.id, sealed=sealing.seal(own.public, private, _COPY)))
        self._open.setdefault(log_in, {})[role] = private
        return role

    async def _own(self, account: int, password: str) -> bytes:
        """The own private key of *account*; a new one if there is none, or another password closed it."""
        async with self._database.reading() as session:
            row = await session.get(AccountKeyRow, account)
        private = await self._unwrap(row, password) if row else None
        if private is None:
            private, _ = sealing.new_pair()
            await self._keep(account, private, password)
        return private

    async def _unwrap(self, row: AccountKeyRow, password: str) -> bytes | None:
        key = await asyncio.to_thread(sealing.password_key, password, row.salt, self._hasher)
        return sealing.unlock(key, row.wrapped, _OWN)

    async def _keep(self, account: int, private: bytes, password: str) -> None:
        """Keep the own key *private* of *account*, opening with *password*; copies for another own key go."""
        salt = os.urandom(sealing.SALT_SIZE)
        wrapped = sealing.lock(
            await asyncio.to_thread(sealing.password_key, password, salt, self._hasher), private, _OWN
        )
        public = X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
        async with self._database.writing() as session:
            row = await session.get(AccountKeyRow, account)
            if row and row.public == public:
                row.salt, row.wrapped = salt, wrapped
                return
            await session.execute(delete(RoleKeyCopyRow).where(RoleKeyCopyRow.account == account))
            await session.execute(delete(AccountKeyRow).where(AccountKeyRow.account == account))
            session.add(AccountKeyRow(account=account, public=public, salt=salt, wrapped=wrapped))

    async def _copies(
        self, session: AsyncSession, account: Account, roles: Collection[str], private: bytes
    ) -> dict[str, bytes]:
        opened: dict[str, bytes] = {}
        for role in roles:
            copy = await session.get(RoleKeyCopyRow, (role, account.id))
            key = sealing.unseal(private, copy.sealed, _COPY) if copy else None
            if key is None and role in account.roles and await session.get(RoleKeyRow, role) is None:
                key = await self._make(session, account.id, role)
            if key is not None:
                opened[role] = key
        return opened

    async def _make(self, session: AsyncSession, account: int, role: str) -> bytes:
        """The key of *role*, made now and given to *account*."""
        private, public = sealing.new_pair()
        own = await session.get_one(AccountKeyRow, account)
        session.add(RoleKeyRow(role=role, public=public, created_ns=self._now_ns()))
        await session.flush()
        session.add(RoleKeyCopyRow(role=role, account=account, sealed=sealing.seal(own.public, private, _COPY)))
        return private


def key_roles(roles: Collection[str]) -> tuple[str, ...]:
    """The roles whose keys somebody with *roles* holds: a deputy holds those of whom they stand in for."""
    dsl = ("dsl",) if {"dsl", "deputy"} & set(roles) else ()
    return (*dsl, "headteacher") if {"headteacher", "head_deputy"} & set(roles) else dsl


def _joined(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _text(share: bytes) -> str:
    letters = base64.b32encode(share).decode().rstrip("=")
    return " ".join(letters[at : at + 4] for at in range(0, len(letters), 4))


def _bytes(text: str) -> bytes:
    letters = "".join(text.upper().split())
    try:
        share = base64.b32decode(letters + "=" * (-len(letters) % 8))
    except ValueError as error:
        raise RecoveryError("A share is mistyped: it has letters A to Z and digits 2 to 7 only.") from error
    if len(share) != sealing.KEY_SIZE:
        raise RecoveryError("A share is mistyped: it has thirteen groups of letters and digits.")
    return share
