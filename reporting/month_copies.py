"""Copies of the folder of month keys elsewhere: brought up to date, so that a purge reaches them, and put back."""

from pathlib import Path

import msgspec

from blocklists import new_file, snapshot
from reporting import sqlite_file
from reporting.month_keys import RECORD, MonthKeys


class NoCopyError(OSError):
    """The folder is no copy of month keys, or may be none; the message says why."""


class Copied(msgspec.Struct, frozen=True):
    """How many keys were *written*, *destroyed* as their months are purged, and *kept* as they differ here."""

    written: int
    destroyed: int
    kept: int


def copy(months: MonthKeys, target: Path) -> Copied:
    """Let *target* hold the keys that there are, and none of a month that was purged.

    NoCopyError if *target* knows of a purge that is not on record here; OSError.
    """
    other = MonthKeys(target)
    if other.limit() > months.limit():
        says = f"{target} knows of a purge of all before {other.limit()}, and there is none on record here"
        raise NoCopyError(f"{says}: run schoolgate month-keys restore {target} first")
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    gone = other.destroy(months.limit())
    written, kept = _fill(months, target, "")
    _write_record(months.folder / RECORD, target / RECORD)
    snapshot.sync_folder(target)
    return Copied(written, gone, kept)


def put_back(source: Path, months: MonthKeys) -> Copied:
    """Take the keys that are in *source* and not here, and what it knows of purges; NoCopyError, OSError.

    What either side has purged is not put back.
    """
    copied = MonthKeys(source)
    if not copied.files() and not copied.record():
        raise NoCopyError(f"{source} has no keys of months")
    months.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    sqlite_file.give_to_owner(months.folder)
    if copied.limit() > months.limit():
        _write_record(source / RECORD, months.folder / RECORD)
    limit = months.limit()
    gone = months.destroy(limit)
    written, kept = _fill(copied, months.folder, limit)
    return Copied(written, gone, kept)


def _fill(source: MonthKeys, target: Path, limit: str) -> tuple[int, int]:
    """Write the keys of *source* that *target* has not, from *limit* on; returns how many, and how many differ."""
    written = kept = 0
    for month, path in source.files():
        here = target / path.name
        if month < max(limit, source.limit()):
            continue
        if not here.exists():
            new_file.write_new(here, path.read_bytes())
            sqlite_file.give_to_owner(here)
            written += 1
        elif here.read_bytes() != path.read_bytes():
            kept += 1
    return written, kept


def _write_record(source: Path, target: Path) -> None:
    """Let the record at *target* be what *source* says, whole at each moment."""
    if not source.exists():
        return
    temporary = target.with_name(f".{target.name}.new")
    temporary.unlink(missing_ok=True)
    new_file.write_new(temporary, source.read_bytes())
    sqlite_file.give_to_owner(temporary)
    temporary.replace(target)
    snapshot.sync_folder(target.parent)
