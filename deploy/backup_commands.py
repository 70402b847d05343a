"""`schoolgate backup` and `schoolgate restore`: a copy of the database while it is in use, and one put back.

Each imports what it needs when it runs, as the other commands do.
"""
# ruff: noqa: PLC0415 - see above

import json
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from deploy import options

if TYPE_CHECKING:
    from deploy.config import Settings


@click.command()
@click.argument("target", metavar="[FILE]", required=False, type=click.Path(path_type=Path))
@options.config
@options.as_json
@options.refusals
def backup(target: Path | None, file: Path | None, as_json: bool) -> None:
    """Write a whole copy of the database to FILE, or into the folder of backups, while reporting goes on.

    The copy is checked, and takes its name only once it is on the disk. It holds names and what people looked for: keep
    it as the database is kept. Example: `schoolgate backup /media/stick/schoolgate.db`
    """
    import time

    from deploy import config
    from reporting import backups, sqlite_file

    settings = config.load(file)
    database = _there(settings, BACK_UP)
    given = settings.config.reporting.backup
    if target is None:
        target = backups.make(database, settings.path(given.folder), keep=given.keep, now_ns=time.time_ns())
    else:
        backups.write(database, target)
    found = sqlite_file.breaches(target)
    size = target.stat().st_size
    if as_json:
        click.echo(json.dumps({"file": str(target), "breaches": found, "bytes": size}))
        return
    click.echo(f"{target} is whole: {found:,} breaches, {size / 1e6:,.1f} MB.")


@click.command()
@click.argument("backup", metavar="FILE", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@options.config
@options.check
@options.refusals
def restore(backup: Path, file: Path | None, check: bool) -> None:
    """Put the backup FILE in the place of the database; reporting must have ended.

    What is there now is kept under another name. When reporting starts, it reads on in the journals from where the
    backup had read them, so that nothing is lost and nothing doubled. Example: `schoolgate restore --check FILE`
    """
    import asyncio
    import time

    from deploy import config
    from reporting import rebuild, sqlite_file
    from reporting.database import only_process

    settings = config.load(file)
    database = _file(settings, RESTORE)
    lost = rebuild.lost(backup, settings.files.spool)
    if check:
        if found := sqlite_file.damage(backup):
            raise sqlite_file.NoBackupError(f"{backup} is damaged: {found}")
        click.echo(f"{backup} is whole: {sqlite_file.breaches(backup):,} breaches; nothing was changed.")
        _say_lost(lost)
        _say_of_keys(backup, database)
        return
    with only_process(database):
        now = time.time_ns()
        aside = rebuild.put_back(backup, database, now)
    _say_lost(lost)
    _say_of_keys(backup, database)
    asyncio.run(rebuild.note_restored(database, backup.name, now))
    if aside:
        click.echo(f"What was there before is kept: {aside}")
    click.echo(f"The database is that of {backup}. Start reporting: it reads the journals on from there.")


def _say_lost(journals: list[str]) -> None:
    """Say of which journals rows are gone that this backup does not have."""
    if journals:
        says = f"{len(journals)} journals that this backup had not read to their end are not kept any more, so what"
        click.echo(f"{says} they held after it is not there: {', '.join(journals[:3])}", err=True)


def _say_of_keys(backup: Path, database: Path) -> None:
    """Say which keys that no backup holds are not beside *database*, where what they open is in *backup*."""
    from reporting import sqlite_file
    from reporting.month_keys import FOLDER, MonthKeys
    from reporting.places import SECOND_STEP

    step, keys = database.parent / SECOND_STEP, MonthKeys(database.parent / FOLDER)
    if sqlite_file.second_steps(backup) and not step.exists():
        says = "put it there before reporting starts, or codes from telephones stop and only recovery codes work"
        click.echo(f"{step} is not there: {says}.", err=True)
    there, limit = {month for month, _ in keys.files()}, keys.limit()
    if missing := [month for month in sqlite_file.months(backup) if month >= limit and month not in there]:
        says = "schoolgate month-keys restore FOLDER puts it there before reporting starts, or their names do not open"
        click.echo(f"{keys.folder} has no key of {', '.join(missing)}: {says}.", err=True)


BACK_UP = "pg_dump makes its backup, as its administrator set it up: pg_dump --format=custom --file=FILE"
RESTORE = "pg_restore puts its backup back while reporting has ended; once started, it reads the journals on from there"


def _file(settings: "Settings", otherwise: str) -> Path:
    """The database's file; RefusedError that says what to do *otherwise* if it is on a server."""
    from deploy import toml_file
    from reporting.settings import on_server

    if on_server(settings.config.reporting.database):
        says = f"reporting.database: it is on a PostgreSQL server, not a file of this machine. {otherwise}"
        raise toml_file.RefusedError([f"{settings.file}: {says}"])
    return settings.path(settings.config.reporting.database)


def _there(settings: "Settings", otherwise: str) -> Path:
    """The database's file; FileNotFoundError if there is none yet, RefusedError if it is on a server."""
    database = _file(settings, otherwise)
    if not database.exists():
        raise FileNotFoundError(2, "there is no database yet; reporting makes it when it first starts", str(database))
    return database
