"""The data keys of months, which names are sealed with: a month's key destroyed is all copies of its names gone (G30).

Each month (UTC, so that no setting moves its ends) has a key pair for each role. The private key is sealed to the
role's own key, and lies in a file of its own beside the database and never in it: a backup of the database has rows
that open only while this folder still has their month. What was purged is in a record in the same folder, and counts
before the files do: a key that somebody put back opens nothing here.
"""

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from blocklists import new_file, snapshot
from reporting import sealing, sqlite_file
from reporting.places import home

MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
FOLDER = "month-keys"
"""The folder of the keys, beside the database; for one on a server, where it would be if it were a file."""

RECORD = "purged"
"""The record of what was purged, in the folder of the keys."""

_NAME = re.compile(r"(?P<month>\d{4}-(0[1-9]|1[0-2]))-(?P<role>[a-z]+)-[0-9a-f]{16}\.key")
_SECOND = 1_000_000_000


class PurgedMonthError(ValueError):
    """The month was purged, so nothing is sealed in it any more; the message is a sentence."""


class Purge(msgspec.Struct, frozen=True):
    """A line of the record: that all months before *before* were purged, when (ISO 8601), by whom and why."""

    at: str
    before: str
    by: str
    reason: str


class MonthKeys:
    """The keys in *folder*, which is made when the first is."""

    def __init__(self, folder: Path) -> None:
        """Nothing is read yet."""
        self.folder = folder

    def public(self, month: str, role: str, role_public: bytes) -> bytes:
        """The public key of *month* for *role*, made if there is none; PurgedMonthError, OSError."""
        if month < self.limit():
            raise PurgedMonthError(f"What belongs to {month} was purged, so nothing more can be written in it.")
        path = self._path(month, role, role_public)
        with contextlib.suppress(FileNotFoundError):
            return path.read_bytes()[: sealing.KEY_SIZE]
        private, public = sealing.new_pair()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        sqlite_file.give_to_owner(self.folder)
        new_file.write_new(path, public + sealing.seal(role_public, private, _purpose(month, role)))
        sqlite_file.give_to_owner(path)
        return public

    def opened(self, month: str, role: str, role_private: bytes) -> bytes | None:
        """The private key of *month* for *role*, which *role_private* opens; None if it is not there, or was purged."""
        if month < self.limit():
            return None
        role_public = X25519PrivateKey.from_private_bytes(role_private).public_key().public_bytes_raw()
        with contextlib.suppress(OSError):
            content = self._path(month, role, role_public).read_bytes()
            return sealing.unseal(role_private, content[sealing.KEY_SIZE :], _purpose(month, role))
        return None

    def files(self) -> list[tuple[str, Path]]:
        """Each key's file with its month, the oldest month first."""
        with contextlib.suppress(FileNotFoundError):
            found = ((_NAME.fullmatch(path.name), path) for path in sorted(self.folder.iterdir()))
            return [(name["month"], path) for name, path in found if name]
        return []

    def limit(self) -> str:
        """The month before which everything was purged, or nothing."""
        return max((line.before for line in self.record()), default="")

    def record(self) -> list[Purge]:
        """What was purged, the oldest first."""
        return list(_lines(self.folder / RECORD))

    def destroy(self, before: str) -> int:
        """Overwrite and remove the key of each month before *before*; returns how many files went. OSError."""
        doomed = [path for month, path in self.files() if month < before]
        for path in doomed:
            destroy(path)
        if doomed:
            snapshot.sync_folder(self.folder)
        return len(doomed)

    def _path(self, month: str, role: str, role_public: bytes) -> Path:
        """The file's name has which key of the role it is sealed to: a new database makes new ones."""
        assert MONTH.fullmatch(month)
        return self.folder / f"{month}-{role}-{hashlib.sha256(role_public).hexdigest()[:16]}.key"


def folder_of(database: str, state: Path) -> Path:
    """Where the keys for *database*, as it is set, are kept by a school whose state is in the folder *state*."""
    return home(database, state) / FOLDER


def month_of(at_ns: int) -> str:
    """The month of the UTC time *at_ns* (nanoseconds), as "2026-11"."""
    return f"{datetime.fromtimestamp(at_ns // _SECOND, UTC):%Y-%m}"


def begins_ns(month: str) -> int:
    """The first nanosecond of *month* (UTC)."""
    year, _, number = month.partition("-")
    return int(datetime(int(year), int(number), 1, tzinfo=UTC).timestamp()) * _SECOND


def destroy(path: Path) -> None:
    """Write over the key at *path*, then remove it: on a disk that writes in place, nothing of it is left."""
    with path.open("r+b", buffering=0) as file:
        file.write(bytes(os.fstat(file.fileno()).st_size))
        os.fsync(file.fileno())
    path.unlink()


def _purpose(month: str, role: str) -> bytes:
    return f"schoolgate month key 1 {month} {role}".encode()


def _lines(record: Path) -> Iterator[Purge]:
    try:
        text = record.read_bytes()
    except FileNotFoundError:
        return
    for line in text.splitlines():
        with contextlib.suppress(msgspec.DecodeError):  # of a line that a power cut tore: nothing was done yet
            if MONTH.fullmatch((purge := msgspec.json.decode(line, type=Purge)).before):
                yield purge
