"""One batch of a journal's frames, turned into rows and stored; the caller owns the transaction.

Sorting out is pure: repeats of a breach of the same batch are folded into its row, a visit is a row for each of its
sites, and other frames become rows of what was set aside.
"""

import functools
import json
import operator
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, cast

import msgspec
from sqlalchemy import BindParameter, Dialect, String, Table, bindparam, case, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from reporting import alerts, database_server, host_search
from reporting.alerts import Desk
from reporting.breach import Breach, Clean, Heartbeat, Repeat, Visit
from reporting.frames import Frame, Tampered
from reporting.journal import SUFFIX, Header
from reporting.models import AlertBreachRow, BreachRow, DamagedRow, JournalRow, VisitRow
from reporting.payload import Damaged

KEPT = 4_096
"""Bytes of a damaged piece that are kept for a look."""

MOST_REPEATS = 10**9
"""Repeats that one record may claim: 100,000 a second for 10 s is a thousandth of it, and no sum reaches 64 bits."""

MOST_SAMPLES = 800
"""Characters of names that a breach tells of besides its own: three of the longest."""

_LARGEST = 2**63 - 1
_COLUMNS = tuple(field for field in Breach.__struct_fields__ if field not in {"v", "type", "evidence"})
_TEXTS = tuple(field.name for field in msgspec.structs.fields(Breach) if field.type is str)
_values_of, _texts_of = operator.attrgetter(*_COLUMNS), operator.attrgetter(*_TEXTS)
ROW = (*_COLUMNS, "journal", "offset", "samples", "count", "last_ns", "extra")
"""The columns of a breach, in the order in which its row has them."""
_VISIT_COLUMNS = tuple(field for field in Visit.__struct_fields__ if field not in {"v", "type", "sites"})


class More(msgspec.Struct):
    """What repeats add to a breach: how many, the last UTC time, and the names that they tell of."""

    count: int = 0
    last_ns: int = 0
    samples: str = ""

    def add(self, repeat: Repeat) -> None:
        """Take in one record of repeats."""
        self.count += _count(repeat.count)
        self.last_ns = max(self.last_ns, repeat.last_ns)
        self.samples = _with(self.samples, repeat.hosts)


class Batch(msgspec.Struct):
    """Rows to be: breaches, repeats of earlier breaches by offset, visits, and what is set aside."""

    journal: str
    breaches: list[dict[str, Any]] = []
    repeats: dict[int, More] = {}
    visits: list[dict[str, Any]] = []
    aside: list[dict[str, Any]] = []
    clean: list[Clean] = []
    heartbeat_ns: int = 0

    @property
    def grave(self) -> bool:
        """Whether a power cut right after the commit must not undo it."""
        return any(alerts.asks_for_alert(row["severity"]) for row in self.breaches)


def place(row: JournalRow) -> dict[str, Any]:
    """Where a reader goes on, as its arguments."""
    return {"offset": row.offset, "count": row.count, "head": row.head}


def new_journal(name: str, header: Header | None, now_ns: int) -> JournalRow:
    """The row of a journal that was not met before; without a *header*, its name says what can be said."""
    if header is None:
        site, kind, *_ = [*name.removesuffix(SUFFIX).split("-"), "", ""]
        header = Header(0, site, kind, 0, "", now_ns)
    return JournalRow(
        name=name,
        site=clean(header.site),
        kind=clean(header.kind),
        instance=min(header.instance, _LARGEST),
        started_ns=min(header.started_ns, _LARGEST),
        sealed_seed=header.sealed,
        offset=0,
        count=0,
        head=b"",
        state="reading",
        chain="unverified",
        heartbeat_ns=0,
    )


def sorted_out(frames: list[Frame], journal: str, now_ns: int) -> Batch:
    """*frames* of *journal* as rows."""
    batch = Batch(journal)
    by_offset: dict[int, dict[str, Any]] = {}
    for frame in frames:
        record, extra = frame.record, frame.extra
        if isinstance(record, Tampered):
            changed = record
            says = f"tampered: {changed.reason}"
            batch.aside.append(aside(journal, frame.offset, says, changed.raw, now_ns))
            record, extra = changed.record, {**extra, "tampered": changed.reason}
        if isinstance(record, Breach):
            by_offset[frame.offset] = row = breach_row(record, extra, journal, frame.offset)
            batch.breaches.append(row)
        elif isinstance(record, Repeat):
            _repeat(batch, by_offset.get(record.of), record)
        elif isinstance(record, Visit):
            batch.visits += visit_rows(record, journal, frame.offset)
        elif isinstance(record, Clean):
            batch.clean.append(record)
        elif isinstance(record, Heartbeat):
            batch.heartbeat_ns = max(batch.heartbeat_ns, min(record.at_ns, now_ns))
        else:
            batch.aside.append(_set_aside(record, journal, frame.offset, now_ns))
    return batch


def _repeat(batch: Batch, row: dict[str, Any] | None, repeat: Repeat) -> None:
    """Fold *repeat* into the *row* of its breach, or keep it for one that is stored already."""
    if row is None:
        batch.repeats.setdefault(repeat.of, More()).add(repeat)
        return
    row["count"], row["last_ns"] = row["count"] + _count(repeat.count), max(row["last_ns"], repeat.last_ns)
    row["samples"] = _with(row["samples"], repeat.hosts)


def _count(claimed: int) -> int:
    return min(max(claimed, 0), MOST_REPEATS)


def _with(samples: str, hosts: Iterable[str]) -> str:
    """*samples* and *hosts* as one text of names with blanks between, as long as there is room."""
    for host in map(clean, hosts):
        if host and " " not in host and len(samples) + len(host) < MOST_SAMPLES:
            samples = f"{samples} {host}" if samples else host
    return samples


def _set_aside(record: Damaged | dict[str, Any], journal: str, offset: int, now_ns: int) -> dict[str, Any]:
    if isinstance(record, Damaged):
        kind = "torn" if record.torn else "damaged"
        return aside(journal, offset, f"{kind}: {record.reason}", record.raw, now_ns)
    says = f"unknown: a record of the type {str(record.get('type'))[:40]!r}"
    return aside(journal, offset, says, msgspec.msgpack.encode(record), now_ns)


def aside(journal: str, offset: int, reason: str, raw: bytes, now_ns: int) -> dict[str, Any]:
    """A row of what was set aside."""
    return {"journal": journal, "offset": offset, "found_ns": now_ns, "reason": clean(reason), "bytes": raw[:KEPT]}


def breach_row(breach: Breach, extra: dict[str, Any], journal: str, offset: int) -> dict[str, Any]:
    """The columns of *breach* as it stood at *offset* of *journal*, in the order of ROW."""
    values = _values_of(breach)
    if "\x00" in "".join(_texts_of(breach)):
        values = tuple(clean(value) if isinstance(value, str) else value for value in values)
    if breach.evidence:
        extra = {**extra, "evidence": breach.evidence}
    more = (journal, offset, "", 1, breach.at_ns, jsonable(extra))
    return dict(zip(ROW, values + more, strict=True))


def visit_rows(visit: Visit, journal: str, offset: int) -> Iterator[dict[str, Any]]:
    """A row for each site of *visit*, which stood at *offset* of *journal*."""
    shared: dict[str, Any] = {name: _plain(getattr(visit, name)) for name in _VISIT_COLUMNS}
    sites: Counter[str] = Counter()
    for site, count in visit.sites.items():
        sites[clean(site)] += _count(count)
    for site, count in sites.items():
        yield shared | {"journal": journal, "offset": offset, "site": site, "count": count}


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    return value if isinstance(value, bool) else int(value)


def clean(text: str) -> str:
    """*text* without NUL, which PostgreSQL does not store."""
    return str(text).replace("\x00", "\ufffd")


def jsonable(extra: dict[str, Any]) -> dict[str, Any]:
    """*extra* as JSON can carry it; what it cannot carry becomes text."""
    if not extra:
        return extra
    try:
        return dict(msgspec.json.decode(msgspec.json.encode(extra).replace(b"\\u0000", b"\\ufffd")))
    except (TypeError, ValueError, RecursionError, OverflowError):
        return {clean(key): clean(repr(value)[:1_000]) for key, value in extra.items()}


async def store(session: AsyncSession, batch: Batch, desk: Desk, now_ns: int) -> int:
    """Write *batch*, open its alerts, and return how many were opened."""
    opened = 0
    if batch.breaches:
        await _insert(await session.connection(), batch.breaches)
        await host_search.remember(session, batch.breaches)
        opened = await _raise_alerts(session, batch, desk, now_ns)
    if batch.repeats:
        await _count_repeats(session, batch, now_ns)
    if batch.visits:
        await _insert_visits(await session.connection(), batch.visits)
    if batch.aside:
        await session.execute(insert(DamagedRow), batch.aside)
    return opened


async def _insert(connection: AsyncConnection, rows: list[dict[str, Any]]) -> None:
    """Put *rows* of breaches in, past all that SQLAlchemy does for each value: four times as fast."""
    if connection.dialect.name == "postgresql":
        await database_server.copy(connection, _breaches, [row | {"extra": _text_of(row["extra"])} for row in rows])
        return
    statement, places = _statement(connection.dialect)
    pick = operator.itemgetter(*places)
    await connection.exec_driver_sql(statement, [pick(row | {"extra": _text_of(row["extra"])}) for row in rows])


async def _insert_visits(connection: AsyncConnection, rows: list[dict[str, Any]]) -> None:
    if connection.dialect.name == "postgresql":
        await database_server.copy(connection, _visits, rows)
    else:
        await connection.execute(insert(_visits), rows)


@functools.cache
def _statement(dialect: Dialect) -> tuple[str, tuple[str, ...]]:
    """How *dialect* says that a breach is put in, and the columns in the order of its places."""
    compiled = insert(_breaches).compile(dialect=dialect, column_keys=list(ROW))
    return str(compiled), tuple(compiled.positiontup or ROW)


def _text_of(extra: dict[str, Any]) -> str:
    return json.dumps(extra) if extra else "{}"


async def _raise_alerts(session: AsyncSession, batch: Batch, desk: Desk, now_ns: int) -> int:
    asking = {row["offset"]: row for row in desk.rules.may_ask(batch.breaches)}
    if not asking:
        return 0
    ids = await _ids(session, batch.journal, list(asking))
    return sum([await alerts.take(session, row | {"id": ids[at]}, desk, now_ns) for at, row in asking.items()])


async def _count_repeats(session: AsyncSession, batch: Batch, now_ns: int) -> None:
    """Add the repeats to their breaches, and to the alerts that those are in; one of an unknown breach is set aside."""
    ids = await _ids(session, batch.journal, list(batch.repeats))
    for of, more in batch.repeats.items():
        if of not in ids:
            says = f"damaged: {more.count} repeats of a breach that was not taken in"
            batch.aside.append(aside(batch.journal, of, says, b"", now_ns))
    known = {ids[of]: more for of, more in batch.repeats.items() if of in ids}
    if known:
        added = [{"breach_id": k, "more": m.count, "at": m.last_ns, "names": m.samples} for k, m in known.items()]
        await (await session.connection()).execute(_ADD, added)
        if told := [of for of, more in known.items() if more.samples]:
            await host_search.remember_samples(session, told)
        await _count_on_alerts(session, known)


_breaches, _visits = cast("Table", BreachRow.__table__), cast("Table", VisitRow.__table__)
_at: BindParameter[int] = bindparam("at")
_names: BindParameter[str] = bindparam("names", type_=String)
_told = _breaches.c.samples
_ADD = (
    update(_breaches)
    .where(_breaches.c.id == bindparam("breach_id"))
    .values(
        count=_breaches.c.count + bindparam("more"),
        last_ns=case((_breaches.c.last_ns < _at, _at), else_=_breaches.c.last_ns),
        samples=case(
            (_told == "", _names),
            ((_names == "") | (func.length(_told) + func.length(_names) > MOST_SAMPLES), _told),
            else_=_told + " " + _names,
        ),
    )
)


async def _count_on_alerts(session: AsyncSession, repeats: dict[int, More]) -> None:
    found = select(AlertBreachRow.alert, AlertBreachRow.breach).where(AlertBreachRow.breach.in_(list(repeats)))
    for alert, breach in (await session.execute(found)).all():
        await alerts.add(session, alert, repeats[breach].count, repeats[breach].last_ns)


async def _ids(session: AsyncSession, journal: str, offsets: list[int]) -> dict[int, int]:
    """The ids of the stored breaches at *offsets* of *journal*, at most a batch of them."""
    found = select(BreachRow.offset, BreachRow.id).where(BreachRow.journal == journal, BreachRow.offset.in_(offsets))
    return {row.offset: row.id for row in (await session.execute(found)).all()}
