"""Every row of an SQLite file into the empty tables of a server: all of it, in one transaction, or nothing.

A school's journals are read on from where the file had read them. The file is only read; whatever cuts this off
leaves the server's tables empty, and it can be begun again.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Boolean, Column, LargeBinary, Table, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from reporting import (  # noqa: F401 - the tables of some
    alert_models,
    case_models,
    database_server,
    log_models,
    people_models,
    sqlite_file,
    troubles,
)
from reporting.database import Database, shown
from reporting.intake import clean
from reporting.logline import reason
from reporting.models import MetaRow
from reporting.models import Table as Tables
from reporting.shared_server import MARK
from reporting.site_schema import quoted

BATCH = 5_000
"""Rows in one COPY: some megabytes of memory."""

type Tell = Callable[[str, int, int], None]
"""Hears of a table how many rows have gone, and of how many."""


class CarryRefusedError(OSError):
    """Nothing was carried over; the message says why."""


async def carry(file: Path, database: Database, tell: Tell = lambda *_: None) -> dict[str, int]:
    """Put every row of *file*, which no process has open, into *database* on a server; how many, by table.

    CarryRefusedError if the tables there are not empty, the file is of another version of ours or is no database, or
    something is missing at the end. Then, and if this is cut off, nothing is there.
    """
    try:
        with _reading(file) as source:
            async with database.writing() as session:
                connection = await session.connection()
                await _refuse_what_is_there(connection, database)
                await _refuse_another_version(source, connection, file)
                done = {table.name: await _table(source, connection, table, tell) for table in _tables()}
                await _verify(connection, done)
            return done
    except sqlite3.Error as error:
        raise CarryRefusedError(f"{file} cannot be read: {error}") from error


def _tables() -> Sequence[Table]:
    """The tables, each after those that its rows refer to."""
    return Tables.metadata.sorted_tables


@contextlib.contextmanager
def _reading(file: Path) -> Iterator[sqlite3.Connection]:
    if not sqlite_file.is_one(file):
        raise CarryRefusedError(f"{file} is no SQLite database")
    address = f"{file.absolute().as_uri()}?mode=ro"
    parts = [file.with_name(file.name + part) for part in sqlite_file.PARTS[1:]]
    ours = [part for part in parts if not part.exists()]  # who may only read makes them, and leaves them there
    try:
        with contextlib.closing(sqlite3.connect(address, uri=True, check_same_thread=False)) as source:
            source.text_factory = lambda raw: raw.decode("utf-8", "replace")
            yield source
    finally:
        for part in ours:
            part.unlink(missing_ok=True)


async def _refuse_what_is_there(connection: AsyncConnection, database: Database) -> None:
    for table in _tables():
        rows = select(func.count()).select_from(table)
        if table.name == MetaRow.__tablename__:
            rows = rows.where(table.c.name != MARK)
        if await connection.scalar(rows):
            schema = quoted(str(await connection.scalar(text("SELECT current_schema()"))))
            role = quoted(str(await connection.scalar(text("SELECT current_user"))))
            raise CarryRefusedError(
                f"{shown(database.url)} is not empty: there are rows in {schema}.{table.name}, which would mix with the"
                f" file's. If none of what is there is to be kept, as the database's administrator:"
                f" DROP SCHEMA {schema} CASCADE, and then CREATE SCHEMA {schema} AUTHORIZATION {role}"
            )


async def _refuse_another_version(source: sqlite3.Connection, connection: AsyncConnection, file: Path) -> None:
    ours = await connection.scalar(text("SELECT version_num FROM alembic_version"))
    try:
        row = source.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError as error:
        raise CarryRefusedError(f"{file} is no database of Schoolgate: {error}") from error
    if row is None or row[0] != ours:
        raise CarryRefusedError(
            f"{file} was written by another version of Schoolgate: start reporting with it once, and end it again"
        )


async def _table(source: sqlite3.Connection, connection: AsyncConnection, table: Table, tell: Tell) -> int:
    """Copy one table; how many rows it has in the file."""
    columns = list(table.columns)
    (total,) = source.execute(f"SELECT count(*) FROM {table.name}").fetchone()  # noqa: S608 - the names are our own
    names = ", ".join(f'"{column.name}"' for column in columns)
    rows = source.execute(f"SELECT {names} FROM {table.name}")  # noqa: S608
    done = 0
    tell(table.name, done, total)
    while batch := await asyncio.to_thread(rows.fetchmany, BATCH):
        try:
            await database_server.copy(connection, table, [_row(columns, row) for row in batch])
        except (TypeError, ValueError, OverflowError, DBAPIError) as error:
            if database_server.is_away(error):
                raise
            says = f"the server does not take a row of {table.name}, of those after the first {done:,}"
            raise CarryRefusedError(f"{says}: {reason(getattr(error, 'orig', None) or error)}") from error
        done += len(batch)
        tell(table.name, done, total)
    if done:
        await _settle(connection, table)
    return int(total)


def _row(columns: Sequence[Column[Any]], values: Sequence[Any]) -> Mapping[str, Any]:
    return {column.name: _value(column, value) for column, value in zip(columns, values, strict=True)}


def _value(column: Column[Any], value: Any) -> Any:
    """*value* as the server takes it: SQLite has no truth values, and takes a NUL in a text."""
    if value is None:
        return None
    if isinstance(column.type, Boolean):
        return bool(value)
    if isinstance(column.type, LargeBinary):
        return value if isinstance(value, bytes) else str(value).encode()
    if isinstance(column.type, JSON):
        return str(value).replace("\\u0000", "\\ufffd")
    return clean(value) if isinstance(value, str) else value


async def _settle(connection: AsyncConnection, table: Table) -> None:
    """Let new rows of *table* be numbered after the last one, and let the server know what is in it."""
    if (numbered := table.autoincrement_column) is not None:
        sequence = func.pg_get_serial_sequence(table.name, numbered.name)
        if await connection.scalar(select(sequence)):
            await connection.execute(select(func.setval(sequence, func.max(numbered))))
    await connection.execute(text(f"ANALYZE {table.name}"))


async def _verify(connection: AsyncConnection, carried: Mapping[str, int]) -> None:
    """CarryRefusedError if a table has not as many rows as the file has."""
    for table in _tables():
        rows = select(func.count()).select_from(table)
        if table.name == MetaRow.__tablename__:
            rows = rows.where(table.c.name != MARK)
        found = await connection.scalar(rows)
        if found != carried[table.name]:
            raise CarryRefusedError(
                f"{table.name} has {found} rows on the server and {carried[table.name]} in the file; nothing was kept"
            )
