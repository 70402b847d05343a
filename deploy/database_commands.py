"""`schoolgate database carry`: what is in a file goes to a server.

Each command imports what it needs when it runs, as the other commands do.
"""
# ruff: noqa: PLC0415 - see above

import json
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from deploy import options

if TYPE_CHECKING:
    from deploy.config import Settings
    from reporting.carry import Tell

TARGET = "it is a file. Write the server's address there first, as postgresql://schoolgate@db.school.test/schoolgate"


@click.group(name="database")
def group() -> None:
    """The database of the breach log."""


@group.command()
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@options.config
@options.as_json
@options.refusals
def carry(source: Path, file: Path | None, as_json: bool) -> None:
    """Carry every row of the database FILE over to the server that reporting.database names; reporting must have ended.

    The server's tables must be empty, and are made if need be. It is all or nothing: whatever cuts it off, it can be
    begun again. FILE stays as it is. Example: `schoolgate database carry database/schoolgate.db`
    """
    import asyncio

    from deploy import config, progress, toml_file
    from reporting.settings import on_server

    settings = config.load(file)
    if not on_server(settings.config.reporting.database):
        raise toml_file.RefusedError([f"{settings.file}: reporting.database: {TARGET}"])
    with progress.rows(wanted=not as_json) as tell:
        where, done = asyncio.run(_carry(source, settings, tell))
    _say_of_keys(source, settings)
    if as_json:
        click.echo(json.dumps({"rows": sum(done.values()), "tables": done, "database": where}))
        return
    filled = {table: count for table, count in done.items() if count}
    click.echo(f"{sum(filled.values()):,} rows of {len(filled)} tables are in {where}, and as many as in {source}:")
    for table, count in filled.items():
        click.echo(f"  {count:>12,}  {table}")
    click.echo("The file is as it was. Start reporting: it reads the journals on from there.")


async def _carry(source: Path, settings: "Settings", tell: "Tell") -> tuple[str, dict[str, int]]:
    from deploy import rooms
    from reporting import carry as carrying
    from reporting import database, database_server

    given, school = rooms.reporting_settings(settings), rooms.school(settings)
    where = database_server.address(given)
    with database.only_process(source):
        async with database.opened(where, tls=database_server.tls(given), school=school) as server:
            return database.shown(server.url), await carrying.carry(source, server, tell)


def _say_of_keys(source: Path, settings: "Settings") -> None:
    """Say what lies beside FILE and is looked for elsewhere from now on."""
    from reporting.month_keys import FOLDER
    from reporting.places import SECOND_STEP, home

    there = home(settings.config.reporting.database, settings.files.state)
    if source.parent.resolve() == there.resolve():
        return
    for kept, lost in ((SECOND_STEP, "nobody's second step is known there"), (FOLDER, "no name of a person opens")):
        if (source.parent / kept).exists():
            click.echo(f"Put {source.parent / kept} into {there} too, or {lost}.", err=True)
