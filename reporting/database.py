"""The database: one file, or one on a PostgreSQL server, that only reporting opens; one writer, many readers.

Whoever writes holds the one writing connection (`writing`); pages read beside it without waiting (`reading`). A second
process is refused by a lock file, or by a lock of the server, not by luck.
"""

import asyncio
import contextlib
import fcntl
import os
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event, make_url
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from reporting import database_server, shared_server, sqlite_file
from reporting.reach import Reach
from reporting.site_schema import School
from reporting.wear import Wear

MIGRATIONS = Path(__file__).parent / "migrations"
READERS = 4
"""Reading connections at most: each is a thread and a page cache."""
READER_KB = 2_000
WRITER_KB = 32_000
"""Page caches. A row goes into eight indexes, each at a place of its own: with the usual 2 MB a row of a large database
took a fifth more CPU."""

_WAIT_MS = 5_000
_DURABLE = "schoolgate_durable"


class DatabaseInUseError(OSError):
    """Another process has the database open; the message says which and what to do."""


class UnusableDatabaseError(OSError):
    """The file is no database, is damaged, or cannot be written; the message says which file and why."""


class UnreachableDatabaseError(UnusableDatabaseError):
    """The server of the database cannot be reached now, and may be later."""


class Database:
    """The open database; make one with `opened`. *connections* counts how often the writer connected to a server.

    A new one may be to a server that has forgotten the last commits that need not be durable.
    """

    def __init__(
        self, url: URL, tls: ssl.SSLContext | None = None, *, school: School | None = None, schema: str = ""
    ) -> None:
        """Connect to nothing yet; each engine connects when it is first used.

        *tls* is for a server elsewhere, and the tables of *school* are in *schema* there.
        """
        self.url, self._school = url, school
        self._one_writer = asyncio.Lock()
        self.wear, self.reach = Wear(), Reach()
        self.connections = 0
        if self.is_file:
            self._writer, self._readers = _engine(url, pool_size=1), _engine(url, pool_size=READERS)
            _tune(self._writer, begin="BEGIN IMMEDIATE", query_only=False)
            _tune(self._readers, begin="BEGIN", query_only=True)
        else:
            self._writer = database_server.writer(url, tls, schema)
            self._readers = database_server.readers(url, tls, READERS, schema)
            _begin_on_server(self._writer)
            event.listen(self._writer.sync_engine, "connect", self._connected)

    @property
    def is_file(self) -> bool:
        """Whether it is a file of this machine, which reporting itself looks after."""
        return self.url.get_backend_name() == "sqlite"

    def _connected(self, _connection: Any, _record: Any) -> None:
        self.connections += 1

    @contextlib.contextmanager
    def _reached(self) -> Iterator[None]:
        """A question to a server in the block; AwayError if that cannot be reached, at once while that is known."""
        self.reach.ask()
        try:
            yield
        except Exception as error:
            if self.is_file or not database_server.is_away(error):
                raise
            raise self.reach.lost(error) from error
        self.reach.there()

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A session that sees one moment of the database and cannot change it; AwayError if its server is away."""
        with self._reached():
            async with AsyncSession(self._readers, expire_on_commit=False, autoflush=False) as session:
                yield session

    @contextlib.asynccontextmanager
    async def writing(self, *, durable: bool = True) -> AsyncIterator[AsyncSession]:
        """The writing session: committed when the block ends well, rolled back when it raises.

        *durable*: the commit survives a power cut (synchronous FULL); without it only a crash (NORMAL), which is
        enough for whatever can be read from a journal again. AwayError if its server is away.
        """
        async with self._one_writer:
            with self._reached():
                async with self._writer.connect() as connection:
                    await connection.execution_options(**{_DURABLE: durable})
                    async with AsyncSession(connection, expire_on_commit=False) as session, session.begin():
                        yield session
        self.wear.count(durable=durable)

    async def upgrade(self) -> None:
        """Bring the tables to this version's shape; all steps or none. NotOursError if they are another gateway's."""
        async with self._one_writer, self._writer.begin() as connection:
            school = None if self.is_file else self._school
            if school:
                await connection.run_sync(shared_server.refuse_anothers, school)
            await connection.run_sync(_upgrade)
            if school:
                await connection.run_sync(shared_server.mark_ours, school)

    async def give_back(self) -> None:
        """Give room that the database does not use any more back to the disk."""
        if not self.is_file:
            return  # a server does so by itself
        async with self._one_writer:
            await asyncio.to_thread(sqlite_file.give_back, Path(self.url.database or ""))

    async def close(self) -> None:
        """Close all connections."""
        await self._writer.dispose()
        await self._readers.dispose()


@contextlib.asynccontextmanager
async def opened(
    where: str | Path | URL,
    *,
    mend: Callable[[Path], object] = lambda _: None,
    tls: ssl.SSLContext | None = None,
    school: School | None = None,
) -> AsyncIterator[Database]:
    """The database at *where* (a file's path or a URL), upgraded; DatabaseInUseError if another process has it.

    A file is made if it is missing and is readable by its owner only. *mend* is called with it, on a thread, when
    nobody else can have it and before anything is read. *tls*: how the way to a server is protected.
    *school*: whose schema of the server it is; UnusableDatabaseError if that cannot be.
    """
    url = as_url(where)
    file = Path(url.database or "")
    is_file = url.get_backend_name() == "sqlite"
    with only_process(file) if is_file else contextlib.nullcontext():
        if is_file:
            await asyncio.to_thread(mend, file)
            _private(file)
        schema = await schema_of(url, tls, school)
        database = Database(url, tls, school=school, schema=schema)
        try:
            await _usable(url, database.upgrade())
            yield database
        finally:
            await database.close()


async def schema_of(url: URL, tls: ssl.SSLContext | None, school: School | None) -> str:
    """Where the tables of *school* are at *url*, "" for a file; UnusableDatabaseError if that cannot be."""
    if url.get_backend_name() == "sqlite":
        return ""
    return await _usable(url, database_server.schema_of(url, tls, school))


async def _usable[T](url: URL, step: Coroutine[Any, Any, T]) -> T:
    """What *step* gives, which asks the database of *url*; an OSError in one sentence if that cannot be used."""
    try:
        return await step
    except shared_server.NotOursError as error:
        raise UnusableDatabaseError(f"The database {shown(url)} cannot be used: {error}") from error
    except database_server.HeldError as error:
        says = (
            f"Another reporting process has the database {shown(url)} open: {error}; stop it before starting this one."
        )
        raise DatabaseInUseError(says) from error
    except DBAPIError as error:
        if found := _sentence(url, error):
            raise found from error
        raise


def _sentence(url: URL, error: DBAPIError) -> UnusableDatabaseError | None:
    """What to say of *error*; None if a statement of ours is wrong, and not the database."""
    of_file = getattr(error.orig, "sqlite_errorname", "")
    if not of_file and database_server.is_away(error):
        return UnreachableDatabaseError(str(_unusable(url, error)))
    if isinstance(error, OperationalError):
        return None if of_file == "SQLITE_ERROR" else _unusable(url, error)
    return _unusable(url, error) if of_file or database_server.is_unfit(error) else None


def _unusable(url: URL, error: DBAPIError) -> UnusableDatabaseError:
    return UnusableDatabaseError(f"The database {shown(url)} cannot be used: {error.orig}")


def shown(url: URL) -> str:
    """The database of *url* as people call it: its file, or its address without the password."""
    if url.get_backend_name() == "sqlite":
        return url.database or ""
    return url._replace(drivername="postgresql", password=None).render_as_string()


async def uninterrupted[T](step: Coroutine[Any, Any, T]) -> T:
    """Do *step*; a cancellation waits until it is done: a connection interrupted in its work is lost, not closed."""
    task = asyncio.create_task(step)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def as_url(where: str | Path | URL) -> URL:
    """*where* as a URL: text with "://" is one, everything else is the path of an SQLite file."""
    if isinstance(where, URL):
        return where
    if "://" in str(where):
        return make_url(str(where))
    return URL.create("sqlite+aiosqlite", database=str(where))


@contextlib.contextmanager
def only_process(file: Path) -> Iterator[None]:
    """Hold the lock file beside *file*; DatabaseInUseError if another process holds it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = file.with_name(f"{file.name}.lock")
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        sqlite_file.give_to_owner(lock)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
            raise DatabaseInUseError(
                f"Another reporting process (pid {holder}) has {file} open; stop it first."
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _private(file: Path) -> None:
    """See that *file* is there and its owner's only."""
    os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    file.chmod(0o600)
    sqlite_file.give_to_owner(file)


def _engine(url: URL, *, pool_size: int) -> AsyncEngine:
    return create_async_engine(url, pool_size=pool_size, max_overflow=0)


def _begin_on_server(engine: AsyncEngine) -> None:
    @event.listens_for(engine.sync_engine, "begin")
    def begins(connection: Connection) -> None:
        database_server.begins(connection, durable=connection.get_execution_options().get(_DURABLE, True))


def _tune(engine: AsyncEngine, *, begin: str, query_only: bool) -> None:
    """Set SQLite up on each connection, and begin transactions ourselves.

    The driver begins late and never IMMEDIATE: two writers would find out only at their first write, and DDL would
    not be part of a transaction.
    """
    engine.sync_engine.dialect.statement_compiler = _Hinting

    @event.listens_for(engine.sync_engine, "connect")
    def connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA page_count")
        if cursor.fetchone() == (0,):  # a new one: what is removed from it can give the disk room
            cursor.execute("PRAGMA auto_vacuum=INCREMENTAL")
        for pragma in (
            f"busy_timeout={_WAIT_MS}",
            "journal_mode=WAL",
            "foreign_keys=ON",
            "synchronous=NORMAL",
            f"query_only={'ON' if query_only else 'OFF'}",
            f"cache_size=-{READER_KB if query_only else WRITER_KB}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begins(connection: Connection) -> None:
        if not query_only:
            durable = connection.get_execution_options().get(_DURABLE, True)
            connection.exec_driver_sql(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        connection.exec_driver_sql(begin)


class _Hinting(SQLiteCompiler):
    """SQL for SQLite with our hints in it (`Select.with_hint`, "INDEXED BY name"), which SQLAlchemy leaves out."""

    def get_from_hint_text(self, table: Any, text: str | None) -> str | None:  # noqa: ARG002 - the library's signature
        return text


def _upgrade(connection: Connection) -> None:
    import alembic.command  # noqa: PLC0415 - at import it logs each of its plugins, before anybody could quieten it
    import alembic.config  # noqa: PLC0415

    config = alembic.config.Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    alembic.command.upgrade(config, "head")
