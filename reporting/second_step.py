"""The second step of a log-in: a code from the telephone (TOTP, RFC 6238), or a recovery code once.

The secret is sealed with a key that lies beside the database and in no backup of it; a code works once. How often
somebody may try is `reporting.web.attempts`'s business.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from pathlib import Path

import msgspec
import pyotp
from sqlalchemy import delete, func, select, update

from blocklists import new_file
from reporting import sealing
from reporting.accounts import state_of
from reporting.database import Database
from reporting.people_models import AccountStateRow, RecoveryCodeRow

ISSUER = "Schoolgate"
STEP = 30
"""Seconds for which a code stands (RFC 6238, 5.2)."""

AROUND = 1
"""Steps before and after now whose codes are taken too: telephones' clocks are not exact."""

CODES = 10
"""Recovery codes at a time: enough to print on a card, and to lose some."""

CODE_BYTES = 10
"""Random bytes of a recovery code: 80 bits, sixteen letters and digits in four groups."""

_PURPOSE = b"schoolgate second step 1"


class Setup(msgspec.Struct, frozen=True):
    """What somebody puts into their telephone: the secret in groups of four, and the same as an address for it."""

    secret: str
    address: str


class SecondStep:
    """The second steps of the accounts in *database*; *key_file* is made when it is first needed."""

    def __init__(self, database: Database, key_file: Path, now_ns: Callable[[], int]) -> None:
        """Nothing is read or made yet."""
        self._database, self._key_file, self._now_ns = database, key_file, now_ns

    async def begin(self, account: int, name: str, school: str) -> Setup:
        """A secret for *account*, the same until it is confirmed; it is not in force yet."""
        async with self._database.writing() as session:
            state = await state_of(session, account)
            secret = self._open(state.totp_secret) if state.totp_since_ns is None else None
            if secret is None:
                secret = pyotp.random_base32()
                state.totp_secret = sealing.lock(self._key(), secret.encode(), _PURPOSE)
                state.totp_since_ns, state.totp_step = None, 0
        issuer = f"{ISSUER} {school}".strip()
        grouped = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
        return Setup(grouped, pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=issuer))

    async def confirm(self, account: int, code: str) -> list[str] | None:
        """Put the secret in force if *code* is of it, and give new recovery codes; None if it is not."""
        if not await self._take(account, code, confirmed=False):
            return None
        async with self._database.writing() as session:
            (await state_of(session, account)).totp_since_ns = self._now_ns()
        return await self.new_codes(account)

    async def check(self, account: int, code: str) -> str:
        """Whether *code* lets *account* in: "code", "recovery", or nothing; each works once."""
        if await self._take(account, code, confirmed=True):
            return "code"
        used = (
            update(RecoveryCodeRow)
            .where(RecoveryCodeRow.account == account, RecoveryCodeRow.sha256 == _digest(code))
            .where(RecoveryCodeRow.used_ns.is_(None))
            .values(used_ns=self._now_ns())
            .returning(RecoveryCodeRow.account)
        )
        async with self._database.writing() as session:
            return "recovery" if await session.scalar(used) is not None else ""

    async def new_codes(self, account: int) -> list[str]:
        """New recovery codes for *account*; the ones before hold no longer."""
        codes = [_new_code() for _ in range(CODES)]
        async with self._database.writing() as session:
            await session.execute(delete(RecoveryCodeRow).where(RecoveryCodeRow.account == account))
            session.add_all(RecoveryCodeRow(account=account, sha256=_digest(code)) for code in codes)
        return codes

    async def codes_left(self, account: int) -> int:
        """How many recovery codes *account* has not used."""
        unused = (RecoveryCodeRow.account == account, RecoveryCodeRow.used_ns.is_(None))
        async with self._database.reading() as session:
            return await session.scalar(select(func.count()).select_from(RecoveryCodeRow).where(*unused)) or 0

    async def forget(self, account: int) -> None:
        """Take secret and codes away from *account*: whoever needs a second step makes a new one at the next log-in."""
        async with self._database.writing() as session:
            state = await state_of(session, account)
            state.totp_secret, state.totp_since_ns, state.totp_step = b"", None, 0
            await session.execute(delete(RecoveryCodeRow).where(RecoveryCodeRow.account == account))

    async def _take(self, account: int, code: str, *, confirmed: bool) -> bool:
        """Use *code* up if it is right now and later than the last that was taken."""
        async with self._database.reading() as session:
            state = await session.get(AccountStateRow, account)
        secret = self._open(state.totp_secret) if state else None
        if state is None or secret is None or (state.totp_since_ns is not None) != confirmed:
            return False
        step = _step_of(secret, code, self._now_ns() // (STEP * 10**9))
        if step is None or step <= state.totp_step:
            return False
        unused = (AccountStateRow.account == account, AccountStateRow.totp_step < step)
        taken = update(AccountStateRow).where(*unused).values(totp_step=step)
        async with self._database.writing() as session:
            return await session.scalar(taken.returning(AccountStateRow.account)) is not None

    def _open(self, sealed: bytes) -> str | None:
        opened = sealing.unlock(self._key(), sealed, _PURPOSE) if sealed else None
        return opened.decode() if opened else None

    def _key(self) -> bytes:
        """The key in the file, made if it is missing; ValueError if that is no key."""
        if not self._key_file.exists():
            self._key_file.parent.mkdir(parents=True, exist_ok=True)
            new_file.write_new(self._key_file, secrets.token_bytes(sealing.KEY_SIZE))
        key = self._key_file.read_bytes()
        if len(key) != sealing.KEY_SIZE:
            raise ValueError(f"{self._key_file} holds no key of {sealing.KEY_SIZE} bytes")
        return key


def _step_of(secret: str, code: str, now: int) -> int | None:
    """The step, near the step *now*, whose code *code* is."""
    totp, asked = pyotp.TOTP(secret), "".join(code.split())
    for step in range(now - AROUND, now + AROUND + 1):
        if hmac.compare_digest(totp.at(step * STEP).encode(), asked.encode("utf-8", "replace")):
            return step
    return None


def _new_code() -> str:
    text = base64.b32encode(secrets.token_bytes(CODE_BYTES)).decode()
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))


def _digest(code: str) -> str:
    plain = "".join(code.upper().replace("-", "").split())
    return hashlib.sha256(plain.encode("utf-8", "replace")).hexdigest()
