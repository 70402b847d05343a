"""A database on a PostgreSQL server: how it is reached, and how each connection to it is set up.

Names nothing of SQLite, whose counterpart of all this is `reporting.sqlite_file` and the pragmas of
`reporting.database`. A password is never part of an address that is shown or logged.
"""

import socket
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
from sqlalchemy import Connection, String, Table, bindparam, cast, event, func, select
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from reporting import shared_server
from reporting.settings import ReportingSettings, is_loopback, on_server
from reporting.site_schema import PUBLIC, School, lock_halves, lock_number, quoted

DRIVER = "postgresql+asyncpg"
WAIT_MS = 5_000
"""How long a statement waits for a lock: as long as SQLite's does. A writer that was killed is gone well before."""

READ_MS = 30_000
"""After that the server ends a question of a page; none should take a hundredth of it."""

CONNECT = 10.0


class HeldError(OSError):
    """Another process holds the writer's lock; the message says which connection of the server that is."""


def address(settings: ReportingSettings) -> str | URL:
    """Where the database of *settings* is: the path of its file, or the server's URL with the password in it.

    OSError if the password's file cannot be read.
    """
    if not on_server(settings.database):
        return settings.database
    url = make_url(settings.database).set(drivername=DRIVER)
    if not settings.server.password_file:
        return url
    return url.set(password=Path(settings.server.password_file).read_text(encoding="utf-8").strip("\r\n"))


def tls(settings: ReportingSettings) -> ssl.SSLContext | None:
    """How the connection to another machine is protected: always, and its certificate is checked; None on this one.

    OSError if the certificates to trust cannot be read.
    """
    host = urlsplit(settings.database).hostname
    if not host or (is_loopback(host) and not settings.server.ca_file):
        return None
    return ssl.create_default_context(cafile=settings.server.ca_file or None)


async def schema_of(url: URL, protected: ssl.SSLContext | None, school: School | None) -> str:
    """The schema of *school*, made if need be; what the server says, *public* usually, where nobody is named.

    NotOursError if it cannot be this school's.
    """
    if school is None:
        return ""
    engine = _engine(url, protected, pool_size=1, lock_timeout=str(WAIT_MS))
    try:
        return await shared_server.place(engine, school)
    finally:
        await engine.dispose()


def writer(url: URL, protected: ssl.SSLContext | None, schema: str = "") -> AsyncEngine:
    """The one writing connection to *schema*; whoever has it holds its lock, HeldError if that is another process."""
    engine = _engine(url, protected, pool_size=1, lock_timeout=str(WAIT_MS), **_within(schema))
    number = lock_number(schema or PUBLIC)

    @event.listens_for(engine.sync_engine, "connect")
    def connected(connection: Any, _record: Any) -> None:
        _lock(connection, number)

    return engine


def _within(schema: str) -> dict[str, str]:
    """The setting by which a connection sees *schema* alone, not even *public*: a table missing here is never there."""
    return {"search_path": quoted(schema)} if schema else {}


def readers(url: URL, protected: ssl.SSLContext | None, count: int, schema: str = "") -> AsyncEngine:
    """Up to *count* connections to *schema* that can change nothing and see one moment in each transaction.

    Each question is planned with its values: what is right for a category that is everywhere is wrong for a rare one.
    """
    settings = {"plan_cache_mode": "force_custom_plan", "statement_timeout": str(READ_MS), **_within(schema)}
    engine = _engine(url, protected, pool_size=count, isolation_level="REPEATABLE READ", **settings)
    return engine.execution_options(postgresql_readonly=True)


def begins(connection: Connection, *, durable: bool) -> None:
    """Begin a transaction that writes; if it need not be *durable*, it ends before the disk has it.

    A power cut may then undo it, wholly.
    """
    connection.exec_driver_sql(f"SET LOCAL synchronous_commit = {'on' if durable else 'off'}")


async def copy(connection: AsyncConnection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Put *rows* of *table* in by COPY, in the transaction that has begun; as many INSERTs would cost more.

    All have the same columns in the same order, and JSON as text.
    """
    raw = await connection.get_raw_connection()
    records = [tuple(row.values()) for row in rows]
    try:
        await raw.driver_connection.copy_records_to_table(table.name, records=records, columns=list(rows[0]))  # type: ignore[union-attr]
    except asyncpg.IntegrityConstraintViolationError as error:
        raise IntegrityError(None, None, error) from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        gone = raw.driver_connection is None or raw.driver_connection.is_closed()
        raise OperationalError(None, None, LostError(str(error)) if gone else error) from error


async def add_new(
    connection: AsyncConnection, table: Table, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]
) -> None:
    """Add those *rows* of texts to *table* that are not there, in one statement."""
    arrays = [cast(bindparam(name, list(texts)), ARRAY(String)) for name, *texts in zip(columns, *rows, strict=True)]
    given = func.unnest(*arrays).table_valued(*columns).render_derived()
    await connection.execute(insert(table).from_select(columns, select(given)).on_conflict_do_nothing())


def _engine(
    url: URL, protected: ssl.SSLContext | None, *, pool_size: int, isolation_level: str = "READ COMMITTED", **more: str
) -> AsyncEngine:
    # jit: our questions are short
    settings = {"application_name": "schoolgate", "jit": "off", **_ALIVE_THERE, **more}
    given = {"ssl": protected or False, "timeout": CONNECT, "server_settings": settings, "async_creator_fn": _connected}
    return create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_pre_ping=True,  # a server that was started anew costs nobody an error
        isolation_level=isolation_level,
        connect_args=given,
        hide_parameters=True,  # they are what children asked for
    )


class LostError(OSError):
    """There is no way to the server, or no longer one."""


def is_away(error: BaseException) -> bool:
    """Whether *error* says that the server cannot be reached or is going, and not that it refuses us."""
    if isinstance(error, DBAPIError):
        orig = error.orig
        state = getattr(orig, "sqlstate", None) or ""
        return error.connection_invalidated or isinstance(orig, LostError) or state.startswith("08") or state in _GOING
    return isinstance(error, (HeldError, ConnectionError, TimeoutError))


_GOING = frozenset({"57P01", "57P02", "57P03", "53300"})
"""SQLSTATEs: admin_shutdown, crash_shutdown, cannot_connect_now (it starts or recovers), too_many_connections."""


def is_unfit(error: DBAPIError) -> bool:
    """Whether *error* says that the server as it is cannot do what is right to ask: its disk is full, say."""
    state = getattr(error.orig, "sqlstate", None) or ""
    return state[:2] in _UNFIT or state in _REFUSED


_UNFIT = frozenset({"53", "58", "XX"})
"""Classes of SQLSTATE: insufficient_resources, system_error, internal_error (what it has is damaged)."""

_REFUSED = frozenset({"25006", "42501"})
"""SQLSTATEs: read_only_sql_transaction (a standby, say), insufficient_privilege."""


class _Kept(asyncpg.Connection):  # type: ignore[misc]  # asyncpg says nothing of its types
    """A connection that is found dead soon: a cable that was pulled says nothing by itself, for hours."""

    def __init__(self, protocol: Any, transport: Any, *more: Any) -> None:
        super().__init__(protocol, transport, *more)
        if (kept := transport.get_extra_info("socket")) is not None and kept.family != socket.AF_UNIX:
            for option, value in _ALIVE:
                kept.setsockopt(*option, value)


_ALIVE = (
    ((socket.SOL_SOCKET, socket.SO_KEEPALIVE), 1),
    ((socket.IPPROTO_TCP, socket.TCP_KEEPIDLE), 10),
    ((socket.IPPROTO_TCP, socket.TCP_KEEPINTVL), 5),
    ((socket.IPPROTO_TCP, socket.TCP_KEEPCNT), 4),
    ((socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT), 30_000),
)
"""After 30 s without a sign of life, asked for or not, the other side is gone."""

_ALIVE_THERE = {
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "4",
    "tcp_user_timeout": "30000",
}
"""The same from the server's side, or the writer's lock of a connection that was cut off would be held for hours."""


async def _connected(*places: Any, **given: Any) -> asyncpg.Connection:
    """A connection; what keeps it from being made is an error of the database like any other."""
    try:
        return await asyncpg.connect(*places, **given, connection_class=_Kept)
    except (ssl.SSLCertVerificationError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise OperationalError(None, None, error) from error
    except OSError as error:
        raise OperationalError(None, None, LostError(str(error) or type(error).__name__)) from error


def _lock(connection: Any, number: int) -> None:
    cursor = connection.cursor()
    try:
        cursor.execute(f"SELECT pg_advisory_lock({number})")
    except connection.dbapi.Error as error:
        connection.rollback()
        cursor.execute(_HOLDER.format(*lock_halves(number)))
        holder = cursor.fetchone()
        connection.close()
        raise HeldError(_held_by(holder)) from error
    finally:
        cursor.close()


_HOLDER = (
    "SELECT pid, client_addr, backend_start FROM pg_stat_activity JOIN pg_locks USING (pid) WHERE granted"
    " AND locktype = 'advisory' AND datname = current_database() AND classid = {} AND objid = {}"
)


def _held_by(holder: tuple[Any, ...] | None) -> str:
    if holder is None:
        return "another process"
    pid, place, since = holder
    return f"a process on {place or 'the same machine'} since {since:%Y-%m-%d %H:%M} (server process {pid})"
