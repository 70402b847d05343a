"""Which schema of a PostgreSQL server is a school's, and that no other gateway writes into it.

A school that had the database for itself has its tables in the schema *public*, and keeps them there. Each gateway
leaves its mark where its rows are, so that two with one site are told apart and rows of two schools never mix.
"""

from sqlalchemy import Connection, column, select, table, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from reporting.site_schema import PUBLIC, School, quoted

MARK = "gateway"
"""The row of the table *meta* that says whose rows these are."""

_UNMARK = "DELETE FROM {meta} WHERE name = 'gateway'"
"""What a person does so that another gateway may take over."""

_PRIVILEGE = "42501"
"""SQLSTATE insufficient_privilege."""


class NotOursError(OSError):
    """The place on the server cannot be this gateway's; the message says why and what to do."""


async def place(engine: AsyncEngine, school: School) -> str:
    """The schema of *school*, which is there when this returns; NotOursError if it cannot be."""
    async with engine.begin() as connection:
        if await _has_schema(connection, school.schema):
            await _refuse_a_foreign(connection, school.schema)
            await connection.run_sync(refuse_anothers, school, school.schema)
            return school.schema
        if home := await _home(connection, school):
            return home
        await _make(connection, school)
        return school.schema


async def _has_schema(connection: AsyncConnection, schema: str) -> bool:
    found = text("SELECT count(*) FROM pg_namespace WHERE nspname = :schema")
    return bool(await connection.scalar(found, {"schema": schema}))


async def _refuse_a_foreign(connection: AsyncConnection, schema: str) -> None:
    may = text("SELECT has_schema_privilege(:schema, 'USAGE') AND has_schema_privilege(:schema, 'CREATE')")
    if not await connection.scalar(may, {"schema": schema}):
        raise NotOursError(
            f"the schema {schema} is there, and our role may not use it: either another school has this name, and this"
            " one needs another as site in schoolgate.toml; or, as the database's administrator:"
            f" ALTER SCHEMA {quoted(schema)} OWNER TO {await _role(connection)}"
        )


async def _role(connection: AsyncConnection) -> str:
    """The role that we are, as SQL has it."""
    return quoted(str(await connection.scalar(text("SELECT current_user"))))


async def _home(connection: AsyncConnection, school: School) -> str:
    """Where this gateway's rows are already, if not under its own name; NotOursError if its site has changed."""
    for schema in await _schemas(connection):
        mark = await _mark(connection, schema)
        if mark == school.gateway != "":
            if schema == PUBLIC:
                return PUBLIC
            raise NotOursError(
                f"what this gateway has written is in the schema {schema}, and its site is now {school.site}: take the"
                f" old site, or as the database's administrator: ALTER SCHEMA {quoted(schema)} RENAME TO"
                f" {quoted(school.schema)}"
            )
        if schema == PUBLIC and not (mark and school.gateway) and await _is_from_before(connection, school):
            return PUBLIC
    return ""


async def _schemas(connection: AsyncConnection) -> list[str]:
    """The schemas with tables of ours that this role may read."""
    found = text(
        "SELECT nspname FROM pg_namespace n WHERE has_schema_privilege(oid, 'USAGE') AND (SELECT count(*) FROM pg_class"
        " WHERE relnamespace = n.oid AND relkind = 'r' AND relname IN ('meta', 'journals', 'alembic_version')"
        " AND has_table_privilege(oid, 'SELECT')) = 3 ORDER BY nspname"
    )
    return list(await connection.scalars(found))


async def _mark(connection: AsyncConnection, schema: str) -> str:
    meta = table("meta", column("name"), column("value"), schema=schema)
    return bytes(await connection.scalar(select(meta.c.value).where(meta.c.name == MARK)) or b"").decode()


async def _is_from_before(connection: AsyncConnection, school: School) -> bool:
    """Whether what is in *public*, as far as marks do not tell, was written by this site, or by nobody."""
    sites = set(await connection.scalars(select(table("journals", column("site"), schema=PUBLIC).c.site).distinct()))
    return not sites or school.site in sites


async def _make(connection: AsyncConnection, school: School) -> None:
    role, schema = await _role(connection), school.schema
    try:
        await connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}"))
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", "") != _PRIVILEGE:
            raise
        raise NotOursError(
            f"there is no schema {schema}, as this gateway's site is {school.site}, and our role may not make one:"
            " write another site in schoolgate.toml if that one is not meant, or, as the database's administrator:"
            f" CREATE SCHEMA {quoted(schema)} AUTHORIZATION {role}"
        ) from error


def refuse_anothers(connection: Connection, school: School, schema: str = "") -> None:
    """NotOursError if *schema* is marked as another gateway's; a new one is nobody's.

    Without a name it is the one that *connection* works in. Whoever asks before taking the writer's lock is told of a
    site that two have while the other runs, too, and not to stop the other.
    """
    meta = f"{quoted(schema or connection.scalar(text('SELECT current_schema()')))}.meta"
    if not school.gateway or connection.scalar(text("SELECT to_regclass(:meta)"), {"meta": meta}) is None:
        return
    mark = connection.scalar(text(f"SELECT value FROM {meta} WHERE name = :name"), {"name": MARK})  # noqa: S608 - quoted
    if mark is not None and bytes(mark).decode() != school.gateway:
        raise NotOursError(
            f"another gateway with the site {school.site} writes into it, and what two have written must not mix:"
            " give this one another site in schoolgate.toml. If it takes the other's place for good, as the"
            f" database's administrator: {_UNMARK.format(meta=meta)}"
        )


def mark_ours(connection: Connection, school: School) -> None:
    """Mark the schema as this gateway's, unless it is marked."""
    if school.gateway:
        put = text("INSERT INTO meta (name, value) VALUES (:name, :value) ON CONFLICT DO NOTHING")
        connection.execute(put, {"name": MARK, "value": school.gateway.encode()})
