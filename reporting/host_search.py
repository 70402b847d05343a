"""Which names a search by site means: the one place where text is looked for inside names.

Breaches are many and their names few, so a search looks through the names (`BreachNameRow`) and then takes the breaches
by their index. SQLite finds a text of three letters or more by the trigram index: 250,000 names in 1 ms, where reading
them all takes 70; other databases, and shorter texts, read them. Who may not read a name does not even find it, so
neither the answer nor its time tells them that it is there (G5).
"""

import itertools
import operator
from collections.abc import Iterable, Mapping
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    Table,
    and_,
    column,
    delete,
    exists,
    literal_column,
    select,
    table,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from blocklists.verdict import Reason
from reporting import database_server
from reporting.log_models import BreachNameRow
from reporting.models import BreachRow

TRIGRAM = 3
"""Letters that the index needs."""

AT_ONCE = 1_000
"""Names in one statement: as many as a batch has breaches, and an eighth of what SQLite takes (32,766 values)."""

HAS_SAMPLES = BreachRow.samples != literal_column("''")
"""Written out, as the index of samples is one of the rows of this condition only."""

_names = cast("Table", BreachNameRow.__table__)
_trigrams = table("breach_names_trigrams", column("rowid"))
_KEY = ("theme", "category", "profile")
_COLUMNS = ("text", *_KEY)
_named = operator.itemgetter("host", *_KEY)
_ONE = "(?, ?, ?, ?)"
_SEVERAL = "INSERT INTO breach_names (text, theme, category, profile) VALUES {} ON CONFLICT DO NOTHING"


async def remember(session: AsyncSession, breaches: Iterable[Mapping[str, Any]]) -> None:
    """Add the names of new *breaches* (rows by column) that are not known yet; a sealed hit has none (G6)."""
    if found := {_named(row) for row in breaches if row["host"] and row["reason"] != Reason.SEALED}:
        await _put_in(session, sorted(found))


async def _put_in(session: AsyncSession, names: list[tuple[str, ...]]) -> None:
    """Add those of *names* that are not there.

    To SQLite many in one statement: the trigram index is written at the end of each statement, so of a thousand new
    names one takes 6 us, and 25 where each is a statement.
    """
    connection = await session.connection()
    if connection.dialect.name == "postgresql":
        await database_server.add_new(connection, _names, _COLUMNS, names)
        return
    for some in itertools.batched(names, AT_ONCE):
        values = tuple(itertools.chain.from_iterable(some))
        await connection.exec_driver_sql(_SEVERAL.format(", ".join([_ONE] * len(some))), values)


async def remember_samples(session: AsyncSession, ids: Iterable[int]) -> None:
    """Add what the breaches *ids* have among their samples, once those have grown."""
    texts = select(BreachRow.samples, *(getattr(BreachRow, name) for name in _KEY)).distinct()
    told = texts.where(BreachRow.id.in_(list(ids)), BreachRow.samples != "", BreachRow.reason != Reason.SEALED)
    await session.execute(_ignoring(session).from_select(_COLUMNS, told))


def _ignoring(session: AsyncSession) -> Any:
    """An insert that passes over what is there."""
    maker: Any = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    return maker(_names).on_conflict_do_nothing()


async def forget_unused(session: AsyncSession) -> int:
    """Forget the names that no breach has any more; returns how many. For whoever deletes breaches."""
    same = and_(*(getattr(BreachRow, name) == getattr(BreachNameRow, name) for name in _KEY))
    as_host = exists().where(BreachRow.host == BreachNameRow.text, same)
    as_sample = exists().where(BreachRow.samples != "", BreachRow.samples == BreachNameRow.text, same)
    gone = await session.execute(delete(BreachNameRow).where(~as_host, ~as_sample))
    return int(getattr(gone, "rowcount", 0))


async def matching(
    session: AsyncSession, text: str, readable: ColumnElement[bool], most: int
) -> tuple[str, ...] | None:
    """The names with *text* in them, of those that are *readable*; None if there are more than *most*."""
    found = _containing(session, text).where(readable).limit(most + 1)
    names = tuple(await session.scalars(found))
    return names if len(names) <= most else None


def _containing(session: AsyncSession, text: str) -> Select[str]:
    """The texts with *text* in them; by the trigram index as a join, which ends as soon as there are enough."""
    found = select(BreachNameRow.text).distinct()
    if session.get_bind().dialect.name != "sqlite" or len(text) < TRIGRAM:
        return found.where(BreachNameRow.text.contains(text, autoescape=True))
    quoted = '"' + text.replace('"', '""') + '"'
    matches = literal_column("breach_names_trigrams").op("MATCH")(quoted)
    return found.join_from(_trigrams, BreachNameRow, BreachNameRow.id == _trigrams.c.rowid).where(matches)


def places(names: tuple[str, ...], *window: ColumnElement[bool]) -> CompoundSelect[int, int]:
    """(time, number) of the breaches within *window* that have one of *names* as host or samples; some twice.

    Both halves are read from their index alone.
    """
    place = select(BreachRow.at_ns, BreachRow.id)
    by_sample = place.where(HAS_SAMPLES, BreachRow.samples.in_(names), *window)
    return place.where(BreachRow.host.in_(names), *window).union_all(by_sample)
