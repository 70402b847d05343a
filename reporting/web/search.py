"""Finding entries of the breach log, and never looking at more than a few thousand for one page.

Entries follow each other by time and number, so a page costs the same however far back it is. Of what narrows the
search, the index is walked that has the fewest entries in it. If even that has many, a page looks at WALK of them and
says how far back it has looked; the next page goes on from there. So no search, however rare what it looks for, holds
anybody up: not the reader, and not the disk of a small box.
"""

import msgspec
from sqlalchemy import ColumnElement, Select, and_, func, literal_column, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from blocklists.policy import Reason
from reporting import host_search
from reporting.log_models import MarkRow
from reporting.models import BreachRow
from reporting.web.filters import Filter, Place
from reporting.web.people import People, Somebody
from reporting.web.viewer import Viewer

PAGE = 50
"""Entries on a page: about four screens of a laptop."""

WALK = 20_000
"""Entries that one page looks at, at most: about 50 ms where they are in memory."""

MOST_NAMES = 400
"""Names that a search by site looks up one by one; with more, it is common enough to be met by walking."""

BY_TIME = "ix_breaches_at_ns"

INDEXES = {
    "address": "ix_breaches_address_at_ns",
    "person": "ix_breaches_person_at_ns",
    "device": "ix_breaches_device_at_ns",
    "category": "ix_breaches_category_at_ns",
    "severity": "ix_breaches_severity_at_ns",
    "kind": "ix_breaches_kind_at_ns",
    "profile": "ix_breaches_profile_at_ns",
}
"""Columns that have an index by time, those that narrow most first."""


class Found(msgspec.Struct, frozen=True):
    """A page of entries; *older*: where the next begins, or None. *looked_to*: it was not filled, and looked so far."""

    rows: list[BreachRow]
    older: Place | None = None
    looked_to: int | None = None


class _Way(msgspec.Struct, frozen=True):
    """A way to the entries: the index that is walked, and what it gives; *count* is at most WALK + 1."""

    index: str
    condition: ColumnElement[bool]
    count: int


async def page(session: AsyncSession, viewer: Viewer, asked: Filter, people: People, *, size: int = PAGE) -> Found:
    """The newest *size* entries that *asked* asks for and *viewer* may find; *people* know who a pseudonym is."""
    window, theirs = _window(asked), people.who(asked.person)
    exact = _exact(asked, theirs)
    rest = [*exact.values(), *([_in_their_terms(theirs)] if asked.person else [])]
    names = await _names(session, viewer, asked.host) if asked.host else None
    if names == ():
        return Found([])
    if asked.host:
        rest += [_has_name(names, asked.host), BreachRow.reason != Reason.SEALED, viewer.readable()]
    rest += _others(asked)
    ways = [
        await _way(session, INDEXES[name], condition, window) for name, condition in exact.items() if name in INDEXES
    ]
    if names and (few := await _by_names(session, names, window)):
        ways.append(few)
    if asked.above:
        rest.append(BreachRow.id > asked.above)
        ways = [_Way("", rest[-1], 0)]
    if asked.marked:
        ways.append(_Way("", BreachRow.id.in_(select(MarkRow.breach)), 0))
    way = min(ways, key=lambda one: one.count, default=_Way(BY_TIME, BreachRow.at_ns > 0, WALK + 1))
    others = [condition for condition in rest if condition is not way.condition]
    floor = await _floor(session, way, window) if others and way.count > WALK else None
    query = _newest(way, [*window, *([_from(floor)] if floor else []), way.condition, *others], size + 1)
    return _found(list(await session.scalars(query)), size, floor)


async def newest(session: AsyncSession) -> int:
    """The highest number of an entry; 0 while there is none."""
    return await session.scalar(select(func.max(BreachRow.id))) or 0


def _found(rows: list[BreachRow], size: int, floor: Place | None) -> Found:
    if len(rows) > size:
        return Found(rows[:size], Place(rows[size - 1].at_ns, rows[size - 1].id))
    return Found(rows, floor, floor.at_ns if floor else None)


def _newest(way: _Way, conditions: list[ColumnElement[bool]], most: int) -> Select[BreachRow]:
    found = select(BreachRow).where(*conditions).order_by(BreachRow.at_ns.desc(), BreachRow.id.desc()).limit(most)
    return _by(found, way.index)


def _by[*T](query: Select[*T], index: str) -> Select[*T]:
    """*query*, walking *index*: SQLite, which counts nothing before it begins, would take the first that fits."""
    return query.with_hint(BreachRow, f"INDEXED BY {index}" if index else "NOT INDEXED", "sqlite")


async def _way(
    session: AsyncSession, index: str, condition: ColumnElement[bool], window: list[ColumnElement[bool]]
) -> _Way:
    few = _by(select(BreachRow.id).where(condition, *window), index).limit(WALK + 1).subquery()
    return _Way(index, condition, await session.scalar(select(func.count()).select_from(few)) or 0)


async def _by_names(session: AsyncSession, names: tuple[str, ...], window: list[ColumnElement[bool]]) -> _Way | None:
    """The way by *names*, if it leads to few enough entries to sort them by time."""
    few = host_search.ids(names, *window).limit(WALK + 1).subquery()
    count = await session.scalar(select(func.count()).select_from(few)) or 0
    return _Way("", BreachRow.id.in_(host_search.ids(names, *window)), count) if count <= WALK else None


async def _floor(session: AsyncSession, way: _Way, window: list[ColumnElement[bool]]) -> Place | None:
    """The last of the entries that this page looks at; None if there are no more than that."""
    newest = select(BreachRow.at_ns, BreachRow.id).where(way.condition, *window)
    ordered = newest.order_by(BreachRow.at_ns.desc(), BreachRow.id.desc()).offset(WALK).limit(1)
    last = (await session.execute(_by(ordered, way.index))).first()
    return Place(last[0], last[1]) if last else None


def _from(floor: Place) -> ColumnElement[bool]:
    return tuple_(BreachRow.at_ns, BreachRow.id) >= (floor.at_ns, floor.number)


def _window(asked: Filter) -> list[ColumnElement[bool]]:
    """The stretch of time and the place that the page begins below."""
    found: list[ColumnElement[bool]] = []
    if asked.since is not None:
        found.append(BreachRow.at_ns >= asked.since)
    if asked.until is not None:
        found.append(BreachRow.at_ns < asked.until)
    if asked.below:
        found.append(tuple_(BreachRow.at_ns, BreachRow.id) < (asked.below.at_ns, asked.below.number))
    return found


def _exact(asked: Filter, theirs: list[Somebody]) -> dict[str, ColumnElement[bool]]:
    """What must be equal, by column."""
    wanted = {
        "address": asked.address,
        "device": asked.device,
        "category": asked.category,
        "severity": asked.severity,
        "kind": asked.kind,
        "profile": asked.profile,
        "source": asked.source,
    }
    given = {name: value for name, value in wanted.items() if value is not None and value != ""}
    found = {name: getattr(BreachRow, name) == value for name, value in given.items()}
    if "device" in found:
        found["device"] = and_(found["device"], BreachRow.device != literal_column("0"))
    return found | ({"person": BreachRow.person.in_([one.number for one in theirs] or [-1])} if asked.person else {})


def _in_their_terms(theirs: list[Somebody]) -> ColumnElement[bool]:
    """Each of *theirs* in the term in which the pseudonym was theirs."""
    spans = (
        and_(BreachRow.person == one.number, BreachRow.at_ns >= one.since, BreachRow.at_ns < one.until)
        for one in theirs
    )
    return or_(BreachRow.id < 0, *spans)


def _others(asked: Filter) -> list[ColumnElement[bool]]:
    return [BreachRow.id.in_(select(MarkRow.breach))] if asked.marked else []


async def _names(session: AsyncSession, viewer: Viewer, text: str) -> tuple[str, ...] | None:
    return await host_search.matching(session, text, viewer.readable_names(), MOST_NAMES)


def _has_name(names: tuple[str, ...] | None, text: str) -> ColumnElement[bool]:
    if names is not None:
        return or_(BreachRow.host.in_(names), BreachRow.samples.in_(names))
    return or_(*(column.contains(text, autoescape=True) for column in (BreachRow.host, BreachRow.samples)))
