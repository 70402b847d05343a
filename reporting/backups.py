"""The backups of the database: where they lie, which are kept, and which journals they make dispensable.

A journal goes once its rows are in COPIES backups. Nothing here opens the database that is in use but to copy it.
"""

import contextlib
import datetime
import logging
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from blocklists import snapshot
from reporting import sqlite_file
from reporting.logline import reason
from reporting.settings import COPIES

log = logging.getLogger("schoolgate.backup")

_NAME = re.compile(r"schoolgate-(\d{8}T\d{6}Z)\.db")
_STAMP = "%Y%m%dT%H%M%SZ"
_ROOM = 1.1
"""How much room a backup needs, in sizes of the database: what was written and is not yet in its file comes on top."""


def stamp(at_ns: int) -> str:
    """The UTC time *at_ns* (nanoseconds) as it stands in the names of files."""
    return datetime.datetime.fromtimestamp(at_ns // 1_000_000_000, datetime.UTC).strftime(_STAMP)


def taken_ns(backup: Path) -> int:
    """When *backup* was made, in UTC nanoseconds, by its name; 0 if that is no backup's."""
    found = _NAME.fullmatch(backup.name)
    if not found:
        return 0
    at = datetime.datetime.strptime(found[1], _STAMP).replace(tzinfo=datetime.UTC)
    return int(at.timestamp()) * 1_000_000_000


def all_in(folder: Path) -> list[Path]:
    """The backups in *folder*, the newest first."""
    try:
        return sorted((path for path in folder.iterdir() if _NAME.fullmatch(path.name)), reverse=True)
    except FileNotFoundError:
        return []


def make(database: Path, folder: Path, *, keep: int, now_ns: int) -> Path:
    """Put a backup of *database* into *folder* and take away all but the newest *keep*; returns its path.

    OSError if it cannot be made; then nothing was taken away.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    sqlite_file.give_to_owner(folder)
    target = folder / f"schoolgate-{stamp(now_ns)}.db"
    write(database, target)
    for old in all_in(folder)[max(keep, COPIES) :]:
        old.unlink(missing_ok=True)
    return target


def write(database: Path, target: Path) -> None:
    """Put a whole copy of *database* at *target*; OSError if there is no room for it, or a file that is none."""
    if target.exists() and not sqlite_file.is_one(target):
        raise OSError(f"{target} is there and is no backup; nothing was written over it")
    needed = int(database.stat().st_size * _ROOM)
    if (free := shutil.disk_usage(target.parent).free) < needed:
        raise OSError(f"{target.parent} has {free / 1e6:,.1f} MB free, a backup needs {needed / 1e6:,.1f} MB")
    sqlite_file.copy(database, target)


def dispensable(folder: Path, spool: Path) -> list[Path]:
    """The journals of *spool* that are wholly in each of the two newest backups of *folder* that are whole."""
    held: list[Mapping[str, tuple[str, int]]] = []
    for backup in all_in(folder):
        with contextlib.suppress(OSError):  # of a backup that cannot be read, which is none
            if not sqlite_file.damage(backup):
                held.append(sqlite_file.journals(backup))
        if len(held) == COPIES:
            return [path for path in _journals(spool) if all(_whole(path, known) for known in held)]
    return []


def _journals(spool: Path) -> Iterator[Path]:
    with contextlib.suppress(FileNotFoundError):
        yield from sorted(spool.glob("[!.]*.journal"))


def _whole(journal: Path, known: Mapping[str, tuple[str, int]]) -> bool:
    state, offset = known.get(journal.name, ("", 0))
    with contextlib.suppress(OSError):
        return state == "finished" and journal.lstat().st_size == offset
    return False


def remove_dispensable(folder: Path, spool: Path) -> int:
    """Take away the journals that are not needed any more; returns how many went."""
    gone = 0
    for path in dispensable(folder, spool):
        try:
            path.unlink()
        except OSError as error:
            log.error("%s is in two backups and cannot be taken away: %s", path.name, reason(error))  # noqa: TRY400
            break
        gone += 1
    if gone:
        snapshot.sync_folder(spool)
    return gone
