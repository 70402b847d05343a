"""Who is logged in: sessions in files on the server, and a cookie that is only their key.

The file's name is a hash of the key, so whoever can list the folder cannot become anybody. A key is made at log-in and
never taken from a request, so nobody can plant one. Times are UTC seconds and given by the caller's clock.
"""

import asyncio
import secrets
from collections.abc import Callable
from pathlib import Path

import msgspec
from litestar.stores.base import StorageObject
from litestar.stores.file import FileStore

IDLE = 30 * 60.0
"""Seconds without a request after which a session ends: a lesson's length, so a screen left open in a break is shut."""

LONGEST = 10 * 3600.0
"""Seconds after which a session ends whatever happens: a long school day."""

LONGEST_WAIT = 5 * 60.0
"""Seconds for the code of the second step: time to find the telephone."""

TOUCH = 60.0
"""Seconds between two writes of "last seen": a write at each request would wear out an SD card."""


class Session(msgspec.Struct, frozen=True):
    """A log-in of the account number *account*, whose name was *name* and whose epoch *epoch*.

    *waits*: the password was right, and the code of the second step is still to come.
    """

    account: int
    name: str
    started: float
    seen: float
    epoch: int = 0
    waits: bool = False

    def over(self, now: float) -> bool:
        """Whether it has ended at *now*; a clock that went back ends it too."""
        idle, age = now - self.seen, now - self.started
        longest = LONGEST_WAIT if self.waits else LONGEST
        return not (-TOUCH <= idle < IDLE and -TOUCH <= age < longest)


class Sessions:
    """The sessions in one folder; one process writes it."""

    def __init__(self, folder: Path, now: Callable[[], float]) -> None:
        """Make *folder* if need be, readable by nobody else."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
        self._folder = folder
        self._store = FileStore(folder)
        self._now = now
        self._lock = asyncio.Lock()

    async def open(self, account: int, name: str, *, epoch: int = 0, waits: bool = False) -> str:
        """Start a session; returns the new key for the cookie. Ended ones are swept out on the way."""
        key, now = secrets.token_urlsafe(32), self._now()
        async with self._lock:
            await asyncio.to_thread(_sweep, self._folder)
            await self._write(key, Session(account, name, now, now, epoch, waits))
        return key

    async def find(self, key: str, *, touch: bool = True) -> Session | None:
        """The session of *key*, or None if there is none or it has ended.

        Being found keeps it from going idle, unless *touch* says that nobody is there.
        """
        now = self._now()
        async with self._lock:  # or a touch could bring back what a log-out has just ended
            session = await self._read(key)
            if session is None:
                return None
            if session.over(now):
                await self._store.delete(key)
                return None
            if touch and now - session.seen >= TOUCH:
                await self._write(key, msgspec.structs.replace(session, seen=now))
            return session

    async def close(self, key: str) -> None:
        """End the session of *key*, if there is one."""
        async with self._lock:
            await self._store.delete(key)

    async def _read(self, key: str) -> Session | None:
        try:
            kept = await self._store.get(key)
            return msgspec.msgpack.decode(kept, type=Session) if kept else None
        except msgspec.MsgspecError:  # half a file after a power cut: as good as no session
            await self._store.delete(key)
            return None

    async def _write(self, key: str, session: Session) -> None:
        left = session.started + LONGEST - self._now()
        await self._store.set(key, msgspec.msgpack.encode(session), expires_in=max(1, int(left)))


def _sweep(folder: Path) -> None:
    """Delete the files of sessions that are past their longest life, and whatever is no session."""
    for file in folder.iterdir():
        try:
            ended = StorageObject.from_bytes(file.read_bytes()).expired
        except FileNotFoundError:
            continue
        except msgspec.MsgspecError:
            ended = True
        if ended:
            file.unlink(missing_ok=True)
