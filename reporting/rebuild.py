"""A database that is damaged or lost is set aside, and a backup takes its place; the journals bring what came after.

Nothing is thrown away: what was there keeps its bytes under a name with its time. All of it blocks, and wants the lock
of `reporting.database.only_process`.
"""

import logging
from pathlib import Path

from reporting import backups, sqlite_file, troubles
from reporting.database import opened
from reporting.logline import reason

log = logging.getLogger("schoolgate.backup")


LARGE = 268_435_456
"""Bytes, about 600,000 breaches: looked over in seconds, before anything else; a larger one while all goes on."""


def suspicion(database: Path) -> Path:
    """The file that says that *database* was found damaged while it was used."""
    return database.with_name(f"{database.name}.suspect")


def mended(database: Path, folder: Path, now_ns: int) -> str:
    """See that *database* is whole; if it is damaged or empty, the newest whole backup of *folder* takes its place.

    Of one that `is_large` only the beginning is looked at here; the caller looks over the rest while it is used.
    Returns a sentence about what was done, or nothing. OSError if the file cannot be read at all, or if there is no
    room for the backup's copy: then the next start tries again, rather than begin without what people did.
    """
    missing = not database.exists() or not database.stat().st_size
    if missing and not backups.all_in(folder):
        return ""
    suspect = suspicion(database)
    found = "it is empty" if missing else _found(database, suspected=suspect.exists())
    if not found:
        suspect.unlink(missing_ok=True)
        return ""
    log.error("The database %s is damaged: %s", database, found)
    aside = sqlite_file.set_aside(database, f"{database.name}.damaged-{backups.stamp(now_ns)}")
    backup = _newest_whole(folder, database)
    if backup is None:
        new = "No backup of it can be read: a new one was made of the journals, and accounts have to be made again"
    else:
        new = f"The backup {backup.name} took its place, and the journals are read again from there"
    suspect.unlink(missing_ok=True)
    kept = f" and is kept as {aside.name}" if aside else ""
    return f"The database was damaged ({found}){kept}. {new}."


def is_large(database: Path) -> bool:
    """Whether looking *database* over takes so long that people would wait for their alerts."""
    return database.exists() and database.stat().st_size > LARGE


def _found(database: Path, *, suspected: bool) -> str:
    """What is damaged in *database*; of a large one that nothing is suspected of, whether it can be used at all."""
    if is_large(database) and not suspected:
        return sqlite_file.first_damage(database)
    return sqlite_file.damage(database, thorough=suspected)


def _newest_whole(folder: Path, database: Path) -> Path | None:
    """The newest backup of *folder* that could take the place of *database*, in its place."""
    for backup in backups.all_in(folder):
        try:
            sqlite_file.journals(backup)
            sqlite_file.copy(backup, database)
        except sqlite_file.NoBackupError as error:
            log.error("The backup %s cannot be used: %s", backup.name, reason(error))  # noqa: TRY400 - one sentence
            continue
        return backup
    return None


def put_back(backup: Path, database: Path, now_ns: int) -> Path | None:
    """Let a copy of *backup* take the place of *database*; returns the path under which that is kept, if it was there.

    NoBackupError, and nothing is changed, if *backup* is not whole or none of ours.
    """
    sqlite_file.journals(backup)
    copied = database.with_name(f"{database.name}.new")
    sqlite_file.copy(backup, copied)
    return sqlite_file.replace(database, copied, f"{database.name}.before-{backups.stamp(now_ns)}")


def lost(backup: Path, spool: Path) -> list[str]:
    """Which journals *backup* had not read to their end and *spool* has no more: what came after is not there."""
    found = sqlite_file.journals(backup)
    return sorted(name for name, (state, _) in found.items() if state == "reading" and not (spool / name).exists())


async def note_restored(database: Path, backup: str, now_ns: int) -> None:
    """Open *database* to see that it can be used, and note in it that it was made of *backup*."""
    async with opened(database) as restored, restored.writing() as session:
        await troubles.note(session, "restored", f"The database was put back from the backup {backup}.", now_ns)
