"""What only SQLite can do: look whether a database's file is whole, copy it while it is in use, put one in its place.

Everything else in reporting works with any database that SQLAlchemy knows; a school whose database is on a server has
its own ways to do these. All of it blocks: not for an event loop.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from blocklists import snapshot

PARTS = ("", "-wal", "-shm")
"""What belongs to one database: its file, what was written and is not yet in it, and the index of that."""

_DAMAGE = ("SQLITE_CORRUPT", "SQLITE_NOTADB")
_MAGIC = b"SQLite format 3\0"


class NoBackupError(OSError):
    """A file is no whole database of ours; the message says which and why."""


def is_damage(error: BaseException | None) -> bool:
    """Whether *error* says that the file itself is damaged, and not that it is busy, or the disk full."""
    return isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorname", "").startswith(_DAMAGE)


def is_one(file: Path) -> bool:
    """Whether *file* begins as an SQLite database does."""
    try:
        with file.open("rb") as content:
            return content.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def damage(file: Path, *, thorough: bool = False) -> str:
    """What is damaged in the database *file*, or nothing; *thorough*: indexes are compared with their tables too.

    OSError if it cannot be read.
    """
    check = "integrity_check" if thorough else "quick_check"
    try:
        with _connected(file) as connection:
            (found,) = connection.execute(f"PRAGMA {check}(1)").fetchone()
    except sqlite3.DatabaseError as error:
        if is_damage(error):
            return str(error)
        raise OSError(f"{file} cannot be read: {error}") from error
    return "" if found == "ok" else str(found).replace("\n", " ")


def first_damage(file: Path) -> str:
    """What keeps the database *file* from being used at all, or nothing; the same time whatever its size."""
    try:
        with _connected(file) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            connection.execute("SELECT name FROM journals ORDER BY name DESC LIMIT 1").fetchone()
    except sqlite3.DatabaseError as error:
        return str(error) if is_damage(error) else ""
    return ""


def copy(source: Path, target: Path) -> None:
    """Put a whole copy of *source* at *target*, readable by its owner only; whoever writes *source* goes on.

    The copy is of one moment, is checked, and takes its name only when it is on the disk; a file of that name is
    replaced. Raises NoBackupError if *source* is damaged, OSError if the disk is full.
    """
    temporary = target.with_name(f".{target.name}.tmp")
    temporary.unlink(missing_ok=True)
    os.close(os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
    try:
        _fill(source, temporary)
        if found := damage(temporary):
            raise NoBackupError(f"{source} is damaged: {found}")
        give_to_owner(temporary)
        snapshot.sync_file(temporary)
        temporary.replace(target)
    finally:
        for part in (*PARTS, "-journal"):
            temporary.with_name(temporary.name + part).unlink(missing_ok=True)
    snapshot.sync_folder(target.parent)


def _fill(source: Path, target: Path) -> None:
    try:
        with _connected(source, read_only=True) as old, _connected(target) as new:
            old.backup(new, pages=-1)  # in one step: a step after somebody wrote begins at the beginning
            new.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.DatabaseError as error:
        if is_damage(error):
            raise NoBackupError(f"{source} is damaged: {error}") from error
        raise OSError(f"{source} cannot be copied to {target.parent}: {error}") from error


def journals(file: Path) -> dict[str, tuple[str, int]]:
    """How far each journal stands in the database *file*, by name: its state and the offset after its last record.

    NoBackupError if it is damaged or has no such table, OSError if it cannot be read.
    """
    try:
        with _connected(file, read_only=True) as connection:
            rows = connection.execute("SELECT name, state, offset FROM journals").fetchall()
    except sqlite3.DatabaseError as error:
        if is_damage(error) or getattr(error, "sqlite_errorname", "") == "SQLITE_ERROR":
            raise NoBackupError(f"{file} is no database of Schoolgate: {error}") from error
        raise OSError(f"{file} cannot be read: {error}") from error
    return {name: (state, offset) for name, state, offset in rows}


def breaches(file: Path) -> int:
    """How many breaches are in the database *file*."""
    with _connected(file, read_only=True) as connection:
        return int(connection.execute("SELECT count(*) FROM breaches").fetchone()[0])


def second_steps(file: Path) -> bool:
    """Whether somebody in the database *file* has a second step; not so in one from before there were any."""
    return bool(_found(file, "SELECT 1 FROM account_states WHERE totp_since_ns IS NOT NULL LIMIT 1"))


def months(file: Path) -> list[str]:
    """The months whose keys seal names in the database *file*; none in one from before they had keys."""
    return [month for (month,) in _found(file, "SELECT DISTINCT month FROM person_names WHERE month != '' ORDER BY 1")]


def _found(file: Path, question: str) -> list[tuple[Any, ...]]:
    """What *question* finds in the database *file*; nothing if that is of before what it asks for."""
    with contextlib.suppress(sqlite3.OperationalError), _connected(file, read_only=True) as connection:
        return connection.execute(question).fetchall()
    return []


def settle(file: Path) -> None:
    """Bring what was written into the database *file* itself, as far as that can be done."""
    if file.exists():
        with contextlib.suppress(sqlite3.DatabaseError), _connected(file) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def set_aside(file: Path, name: str) -> Path | None:
    """Give the database *file*, with all that belongs to it, the name *name* in its folder; None if there is none."""
    aside = file.with_name(name)
    there = [part for part in PARTS if file.with_name(file.name + part).exists()]
    for part in reversed(there):  # the file itself last: until then, it is found damaged again
        file.with_name(file.name + part).rename(file.with_name(name + part))
    snapshot.sync_folder(file.parent)
    return aside if there else None


def replace(file: Path, new: Path, name: str) -> Path | None:
    """Let the database *new* take the place of *file*, which is kept in its folder as *name*; returns that if it was.

    At each moment one of the two is there under the name of *file*: a power cut never leaves none.
    """
    settle(file)
    kept = file.with_name(name) if file.exists() else None
    if kept:
        os.link(file, kept)
    for part in PARTS[1:]:
        with contextlib.suppress(FileNotFoundError):
            file.with_name(file.name + part).rename(file.with_name(name + part))
    new.replace(file)
    snapshot.sync_folder(file.parent)
    return kept


def free_inside(file: Path) -> int:
    """Bytes of the database *file* that hold nothing and are used again before it grows; 0 if that cannot be told."""
    try:
        with _connected(file, read_only=True) as connection:
            (pages,), (size,) = (
                connection.execute(f"PRAGMA {what}").fetchone() for what in ("freelist_count", "page_size")
            )
    except sqlite3.DatabaseError:
        return 0
    return int(pages * size)


def give_back(file: Path) -> None:
    """Give the pages of the database *file* that hold nothing back to the disk, as far as readers let it be."""
    with contextlib.suppress(sqlite3.DatabaseError), _connected(file) as connection:
        connection.execute("PRAGMA incremental_vacuum").fetchall()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def give_to_owner(path: Path) -> None:
    """Let *path* belong to the owner of its folder, as root's commands would leave there what reporting cannot open."""
    if os.geteuid() == 0:
        folder = path.parent.stat()
        os.chown(path, folder.st_uid, folder.st_gid)


@contextlib.contextmanager
def _connected(file: Path, *, read_only: bool = False) -> Iterator[sqlite3.Connection]:
    mode = "ro" if read_only else "rw"
    address = f"{file.absolute().as_uri()}?mode={mode}"
    with contextlib.closing(sqlite3.connect(address, uri=True, isolation_level=None)) as connection:
        connection.execute("PRAGMA busy_timeout=5000")
        yield connection
