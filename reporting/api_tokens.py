"""What a script shows in place of a log-in: a token with one role, kept as its SHA-256, and revocable at any time.

A token is 32 random bytes, so its plain hash is as good as a slow one. It holds no more than its maker does: when the
account is gone, or has lost the role, the token is worth nothing; and a headteacher's who is the DSL too stands for
both, as one who is both reads less about staff than one who is not (G7).
"""

import secrets
from collections.abc import Callable

import msgspec
from sqlalchemy import select

from reporting.accounts import Account, token_digest
from reporting.database import Database
from reporting.log_models import ApiTokenRow
from reporting.models import AccountRow

PREFIX = "schoolgate_"
"""What a token begins with, so that people and scanners of leaked secrets know one."""

LONGEST_NAME = 60

HEADS = ("headteacher", "head_deputy")
"""Roles that stand for a DSL too where their holder is one: what is about staff is not theirs then."""


class Token(msgspec.Struct, frozen=True):
    """A token as people see it; *key* tells it from others and opens nothing."""

    key: str
    name: str
    role: str
    by: str
    account: int
    made_ns: int
    revoked_ns: int | None


class ApiTokens:
    """The tokens in *database*."""

    def __init__(self, database: Database, now_ns: Callable[[], int]) -> None:
        """Open nothing yet."""
        self._database, self._now_ns = database, now_ns

    async def make(self, account: Account, name: str, role: str) -> str:
        """A new token of *account*; ValueError if it lacks *role*. It is shown once and kept nowhere."""
        if role not in account.roles:
            raise ValueError(f"the account has no role {role}")
        token = PREFIX + secrets.token_urlsafe(32)
        row = ApiTokenRow(sha256=token_digest(token), name=name, role=role, account=account.id, made_ns=self._now_ns())
        async with self._database.writing() as session:
            session.add(row)
        return token

    async def account(self, token: str) -> Account | None:
        """The account that *token* speaks for, with its role alone; None if it does not hold."""
        found = select(ApiTokenRow, AccountRow).join(AccountRow, AccountRow.id == ApiTokenRow.account)
        kept = found.where(ApiTokenRow.sha256 == token_digest(token), ApiTokenRow.revoked_ns.is_(None))
        async with self._database.reading() as session:
            both = (await session.execute(kept)).first()
        if both is None:
            return None
        row, account = both
        held = frozenset(account.roles.split(","))
        if row.role not in held:
            return None
        roles = {row.role} | (held & {"dsl"} if row.role in HEADS else set())
        return Account(id=account.id, name=account.name, roles=frozenset(roles))

    async def listed(self) -> list[Token]:
        """All tokens, the newest first."""
        found = select(ApiTokenRow, AccountRow.name).join(
            AccountRow, AccountRow.id == ApiTokenRow.account, isouter=True
        )
        async with self._database.reading() as session:
            rows = (await session.execute(found.order_by(ApiTokenRow.made_ns.desc()).limit(200))).all()
        return [
            Token(row.sha256[:16], row.name, row.role, by or "", row.account, row.made_ns, row.revoked_ns)
            for row, by in rows
        ]

    async def revoke(self, key: str, account: Account) -> bool:
        """End the token *key*: one's own, or as a technician anybody's; False if there is none to end."""
        async with self._database.writing() as session:
            found = select(ApiTokenRow).where(ApiTokenRow.sha256.startswith(key, autoescape=True))
            rows = list(await session.scalars(found.where(ApiTokenRow.revoked_ns.is_(None)).limit(2)))
            if len(key) != 16 or len(rows) != 1:
                return False
            if rows[0].account != account.id and "technician" not in account.roles:
                return False
            rows[0].revoked_ns = self._now_ns()
        return True
