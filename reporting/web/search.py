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
from reporting.web.pseudonyms import Pseudonyms, Somebody
from reporting.web.viewer import Viewer

PAGE = 50
"""Entries on a page: about four screens of a laptop."""

WALK = 20_000
"""Entries that one page looks at, at most: about 50 ms where they are in memory."""

MOST_NAMES = 400
"""Names that a search by site looks up one by one; with more, it is common enough to be met by walking."""

STEPS = (200, 2_000, WALK)
"""Entries of a search by site that are looked at, until there is a page of them."""

_FIRST = -(2**63)
"""Before any time that a column holds."""

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


async def page(
    session: AsyncSession, viewer: Viewer, asked: Filter, pseudonyms: Pseudonyms, *, size: int = PAGE
) -> Found:
    """The newest *size* entries that *asked* asks for and *viewer* may find; *pseudonyms* know who one is."""
    window, theirs = _window(asked), pseudonyms.who(asked.person)
    exact = _exact(asked, theirs)
    rest = [*exact.values(), *([_in_their_terms(theirs)] if asked.person else []), *_others(asked)]
    names = await _names(session, viewer, asked.host) if asked.host else None
    if names == ():
        return Found([])
    if asked.host:
        rest += [_has_name(names, asked.host), BreachRow.reason != Reason.SEALED, viewer.readable()]
    way = await _best(session, exact, asked, window)
    if names:
        few = host_search.places(names, *window).limit(WALK + 1).subquery()
        if (await session.scalar(select(func.count()).select_from(few)) or 0) <= min(way.count, WALK):
            return await _by_names(session, names, window, rest, size)
    others = [condition for condition in rest if condition is not way.condition]
    floor = await _floor(session, way, window) if others and way.count > WALK else None
    query = _newest(way.index, [*window, *_from(floor), way.condition, *others], size + 1)
    return _found(list(await session.scalars(query)), size, floor)


async def _best(
    session: AsyncSession, exact: dict[str, ColumnElement[bool]], asked: Filter, window: list[ColumnElement[bool]]
) -> _Way:
    """The way with the fewest entries, of those by a column; the last is by time, with all of them."""
    if asked.marked or asked.above:
        return _Way("", _others(asked)[0], 0)
    ways = [await _way(session, INDEXES[name], one, window) for name, one in exact.items() if name in INDEXES]
    return min(ways, key=lambda one: one.count, default=_Way(BY_TIME, BreachRow.at_ns > _FIRST, WALK + 1))


async def _by_names(
    session: AsyncSession,
    names: tuple[str, ...],
    window: list[ColumnElement[bool]],
    rest: list[ColumnElement[bool]],
    size: int,
) -> Found:
    """The page by the index of names: a few of the newest are looked at first, and more while they do not fill it.

    What is looked at lies all over the file, so each entry may cost a read of the disk.
    """
    for step in STEPS:
        ordered = host_search.places(names, *window).subquery()
        newest_first = select(ordered).order_by(ordered.c.at_ns.desc(), ordered.c.id.desc())
        last = (await session.execute(newest_first.offset(step).limit(1))).first()
        floor = Place(last[0], last[1]) if last else None
        inside = host_search.places(names, *window, *_from(floor)).subquery()
        looked_at = [BreachRow.id.in_(select(inside.c.id)), *rest]
        rows = list(await session.scalars(_newest("", looked_at, size + 1)))
        if floor is None or len(rows) > size:
            break
    return _found(rows, size, floor)


async def newest(session: AsyncSession) -> int:
    """The highest number of an entry; 0 while there is none."""
    return await session.scalar(select(func.max(BreachRow.id))) or 0


def _found(rows: list[BreachRow], size: int, floor: Place | None) -> Found:
    if len(rows) > size:
        return Found(rows[:size], Place(rows[size - 1].at_ns, rows[size - 1].id))
    return Found(rows, floor, floor.at_ns if floor else None)


def _newest(index: str, conditions: list[ColumnElement[bool]], most: int) -> Select[BreachRow]:
    found = select(BreachRow).where(*conditions).order_by(BreachRow.at_ns.desc(), BreachRow.id.desc()).limit(most)
    return _by(found, index)


def _by[*T](query: Select[*T], index: str) -> Select[*T]:
    """*query*, walking *index*: SQLite, which counts nothing before it begins, would take the first that fits."""
    return query.with_hint(BreachRow, f"INDEXED BY {index}" if index else "NOT INDEXED", "sqlite")


async def _way(
    session: AsyncSession, index: str, condition: ColumnElement[bool], window: list[ColumnElement[bool]]
) -> _Way:
    few = _by(select(BreachRow.at_ns).where(condition, *window), index).limit(WALK + 1).subquery()
    return _Way(index, condition, await session.scalar(select(func.count()).select_from(few)) or 0)


async def _floor(session: AsyncSession, way: _Way, window: list[ColumnElement[bool]]) -> Place | None:
    """The last of the entries that this page looks at; None if there are no more than that."""
    newest = select(BreachRow.at_ns, BreachRow.id).where(way.condition, *window)
    ordered = newest.order_by(BreachRow.at_ns.desc(), BreachRow.id.desc()).offset(WALK).limit(1)
    last = (await session.execute(_by(ordered, way.index))).first()
    return Place(last[0], last[1]) if last else None


def _from(floor: Place | None) -> list[ColumnElement[bool]]:
    return [tuple_(BreachRow.at_ns, BreachRow.id) >= (floor.at_ns, floor.number)] if floor else []


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
    """What is narrowed by number."""
    above = [BreachRow.id > asked.above] if asked.above else []
    return [*above, *([BreachRow.id.in_(select(MarkRow.breach))] if asked.marked else [])]


async def _names(session: AsyncSession, viewer: Viewer, text: str) -> tuple[str, ...] | None:
    return await host_search.matching(session, text, viewer.readable_names(), MOST_NAMES)


def _has_name(names: tuple[str, ...] | None, text: str) -> ColumnElement[bool]:
    if names is not None:
        return or_(BreachRow.host.in_(names), BreachRow.samples.in_(names))
    return or_(*(column.contains(text, autoescape=True) for column in (BreachRow.host, BreachRow.samples)))
