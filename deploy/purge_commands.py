"""`schoolgate purge` destroys the data keys of months; `schoolgate month-keys` keeps copies of them elsewhere.

Each imports what it needs when it runs, as the other commands do.
"""
# ruff: noqa: PLC0415, PLR0917 - see above; click hands over a command's options one by one

import json
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from deploy import options

if TYPE_CHECKING:
    from deploy.config import Settings
    from reporting.month_copies import Copied
    from reporting.month_keys import MonthKeys
    from reporting.purging import Doomed


@click.command()
@click.option("--before", required=True, metavar="MONTH", help="The first month that stays, such as 2027-01.")
@click.option("--by", required=True, metavar="NAME", help="Who purges; it stays on record.")
@click.option("--reason", required=True, help="Why; it stays on record.")
@click.option("--yes", is_flag=True, help="Do not ask whether that is meant.")
@options.config
@options.check
@options.as_json
@options.refusals
def purge(before: str, by: str, reason: str, file: Path | None, yes: bool, check: bool, as_json: bool) -> None:
    """Destroy the keys of all months before MONTH: names that they sealed are gone, in every backup too.

    Months are UTC's. It is refused while an open incident needs one of them, and asks first. Who did it and why stays
    on record. Copies of the keys elsewhere die when `schoolgate month-keys copy` is run next.
    Example: `schoolgate purge --before 2027-01 --by "A. Okafor" --reason "The year that we keep is over"`
    """
    from deploy import config, record_file, toml_file
    from reporting import sqlite_file
    from reporting.month_keys import RECORD

    settings = config.load(file)
    months = _months(settings)
    _refuse_month(before)
    _refuse_without(_database(settings))
    who, why = record_file.name_of("--by", by), _reason(reason)
    found, needed = _looked_up(settings, before)
    if needed:
        says = [f"incident {number} is open and needs {month}; close it first" for number, month in needed]
        raise toml_file.RefusedError([f"--before {before}: {one}" for one in says])
    doomed = sorted({month for month, _ in months.files() if month < before})
    _say(before, doomed, found)
    if check:
        click.echo("Nothing was changed.", err=True)
    elif yes or click.confirm("This cannot be taken back. Go on?", err=True, abort=True):
        record_file.append(months.folder / RECORD, {"before": before, "by": who, "reason": why})
        sqlite_file.give_to_owner(months.folder / RECORD)
        months.destroy(before)
        click.echo(
            "Their keys are destroyed here. Bring copies up to date: schoolgate month-keys copy FOLDER", err=True
        )
    if as_json:
        said = {"before": before, "months": doomed, "names": found.names, "later": found.later, "done": not check}
        click.echo(json.dumps({**said, "unsealed": found.unsealed}))


@click.group()
def month_keys() -> None:
    """Copies of the data keys of months, which no backup of the database holds."""


@month_keys.command(name="copy")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@options.config
@options.as_json
@options.refusals
def month_keys_copy(folder: Path, file: Path | None, as_json: bool) -> None:
    """Bring the copy in FOLDER up to date: what is missing there is written, what was purged here is destroyed there.

    Keep it in another place than backups of the database, and no older copies of it. Example: `schoolgate month-keys
    copy /media/keys/month-keys`
    """
    from deploy import config
    from reporting import month_copies

    settings = config.load(file)
    _refuse_place(settings, folder)
    _say_copied(month_copies.copy(_months(settings), folder), folder, as_json=as_json)


@month_keys.command(name="restore")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True))
@options.config
@options.as_json
@options.refusals
def month_keys_restore(folder: Path, file: Path | None, as_json: bool) -> None:
    """Put the keys in FOLDER back that are missing here, on a new machine before reporting starts; never purged ones.

    Example: `schoolgate month-keys restore /media/keys/month-keys`
    """
    from deploy import config
    from reporting import month_copies

    months = _months(config.load(file))
    _say_copied(month_copies.put_back(folder, months), months.folder, as_json=as_json)


def _months(settings: "Settings") -> "MonthKeys":
    """The keys of this school; their folder is made."""
    from reporting import sqlite_file
    from reporting.month_keys import MonthKeys, folder_of

    folder = folder_of(_database(settings), settings.files.state)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    sqlite_file.give_to_owner(folder)
    return MonthKeys(folder)


def _database(settings: "Settings") -> str:
    from deploy import rooms

    return rooms.reporting_settings(settings).database


def _looked_up(settings: "Settings", before: str) -> "tuple[Doomed, list[tuple[int, str]]]":
    """What a purge would take, and what needs it, as the database says beside reporting."""
    import asyncio

    from deploy import rooms
    from reporting import database_server, purging

    given = rooms.reporting_settings(settings)
    where, tls = database_server.address(given), database_server.tls(given)
    return asyncio.run(purging.looked_up(where, tls, rooms.school(settings), before))


def _refuse_without(database: str) -> None:
    """FileNotFoundError if *database* is a file that is not there."""
    from reporting.settings import on_server

    if not on_server(database) and not Path(database).exists():
        raise FileNotFoundError(2, "there is no database yet; reporting makes it when it first starts", database)


def _refuse_month(before: str) -> None:
    """RefusedError unless *before* is a month, and not one that is still to come."""
    import time

    from deploy.toml_file import RefusedError
    from reporting.month_keys import MONTH, month_of

    if not MONTH.fullmatch(before):
        raise RefusedError(["--before: write a month, such as 2027-01"])
    if before > (now := month_of(time.time_ns())):
        raise RefusedError(
            [f"--before {before}: this month is {now} (UTC), and its names are still written; {now} is the latest"]
        )


def _reason(text: str) -> str:
    from reporting.names import reason_given

    try:
        return reason_given(text)
    except ValueError as error:
        from deploy.toml_file import RefusedError

        raise RefusedError(["--reason: say in a few words why; the reason is kept"]) from error


def _refuse_place(settings: "Settings", folder: Path) -> None:
    """RefusedError if *folder* is where backups of the database are kept, or the keys themselves."""
    from deploy.toml_file import RefusedError

    place, backups = folder.resolve(), settings.path(settings.config.reporting.backup.folder).resolve()
    keys = _months(settings).folder.resolve()
    if place == keys or keys in place.parents:
        raise RefusedError([f"{folder}: that is where the keys themselves are"])
    if place == backups or backups in place.parents or any(map(_is_backup, folder.glob("*.db"))):
        raise RefusedError([f"{folder}: keys and backups of the database do not belong in one place"])


def _is_backup(file: Path) -> bool:
    """Whether *file* is a database of ours; not so if it cannot be read."""
    from reporting import sqlite_file

    try:
        sqlite_file.journals(file)
    except OSError:
        return False
    return True


def _say(before: str, months: list[str], found: "Doomed") -> None:
    """Say what a purge of *months*, which have keys, takes."""
    which = ", ".join(months) or "no month has a key"
    goes = "1 name goes" if found.names == 1 else f"{found.names} names go"
    click.echo(f"Before {before}: {which}. {goes} with it.", err=True)
    if found.later:
        says = "they go too, unless somebody who has the key to names logs in first"
        click.echo(f"Of {found.later} of these people something later is on record; {says}.", err=True)
    if found.unsealed:
        says = "in older backups they open for the key to names until those backups are gone"
        click.echo(f"{found.unsealed} of the names are of before months had keys: {says}.", err=True)


def _say_copied(done: "Copied", folder: Path, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"written": done.written, "destroyed": done.destroyed, "kept": done.kept}))
        return
    click.echo(f"{folder}: {done.written} keys written, {done.destroyed} destroyed as their months are purged.")
    if done.kept:
        click.echo(f"{done.kept} keys that are different there stay as they are.", err=True)
