"""Somebody saw what should have been closed: one action closes it for all, and readies what has to be said and done.

The host is closed first, by an emergency block that no profile and no pass reaches past (DESIGN.md, "One decision",
3), and only then is anything counted or written: each minute that it stays open is a child who may meet it. Who else
opened it is told as pseudonyms, from visits, which hold no helpline and nothing personal (G9, G12).
"""

import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
from sqlalchemy import ColumnElement, func, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from blocklists import domain, snapshot, suffix
from blocklists.rulebook import Permit, Permits
from reporting.alert_rules import DAY
from reporting.database import Database
from reporting.models import VisitRow

LOOKED_BACK = 30 * DAY
"""How far back it is told who opened the host."""

UNTIL_LIFTED = 2**63 - 1
"""An emergency block has no end: whoever lifts it takes it away."""

MOST = 500
"""Pseudonyms that are listed; a host that more have opened is no secret to anybody, and the count says so."""


class NoHostError(ValueError):
    """What was to be closed is no host name; nothing was done."""


class Opened(msgspec.Struct, frozen=True):
    """Who opened the host: a pseudonym, how often, and when last (UTC nanoseconds, to the minute)."""

    who: str
    count: int
    last_ns: int


class IncidentToOpen(msgspec.Struct, frozen=True):
    """What an incident about it begins with; `reporting.incidents` opens it. *alert* is the report's, or None."""

    kind: str
    host: str
    at_ns: int
    by: int
    alert: int | None
    who: tuple[Opened, ...]
    notice: str


type OpenIncident = Callable[[IncidentToOpen], Awaitable[int]]
"""Opens an incident and returns its number."""


class Done(msgspec.Struct, frozen=True):
    """What one action did: the permit's number, who opened the host before, the notice to send, the incident."""

    permit: int
    who: tuple[Opened, ...]
    notice: str
    incident: int


async def close_for_all(
    host: str,
    *,
    by: int,
    database: Database,
    permits: Path,
    open_incident: OpenIncident,
    called: Callable[[int], str],
    school: str = "",
    whose: ColumnElement[bool] | None = None,
    alert: int | None = None,
    now_ns: Callable[[], int] = time.time_ns,
) -> Done:
    """Close *host* for everybody for the account *by*, list who opened it, draft the notice, and open the incident.

    *permits* is the file of the permits snapshot, *called* gives a person's pseudonym by their number; *whose* visits
    may be told of, all if none. NoHostError if *host* is none; OSError, or snapshot.SnapshotError for a damaged
    snapshot, if it cannot be closed: then nothing else is done.
    """
    name = domain.canonical(host.strip())
    if not name or "." not in name:
        raise NoHostError(f"{host[:80]!r} is no name of a site")
    now = now_ns()
    number = close(permits, name, now)
    async with database.reading() as session:
        who = tuple(await who_opened(session, name, now, called, whose))
    notice = draft(name, school)
    incident = await open_incident(
        IncidentToOpen(kind="got_through", host=name, at_ns=now, by=by, alert=alert, who=who, notice=notice)
    )
    return Done(number, who, notice, incident)


def close(permits: Path, host: str, now_ns: int) -> int:
    """Put an emergency block of *host* into the snapshot *permits*; returns its number, that of an old one too."""
    before, version = _in_force(permits)
    same = [one for one in before.permits if not one.opens and one.entries == (host,) and one.until > now_ns]
    if same:
        return same[0].number
    number = max((one.number for one in before.permits), default=0) + 1
    block = Permit(number=number, opens=False, entries=(host,), until=UNTIL_LIFTED, why="reported: it got through")
    body = Permits((*before.permits, block))
    snapshot.write(permits, body, version=version + 1, written_ns=now_ns)
    return number


def open_again(permits: Path, host: str, now_ns: int) -> bool:
    """Take the emergency block of *host* away, as whoever put it there may; False if there is none."""
    before, version = _in_force(permits)
    kept = tuple(one for one in before.permits if one.opens or one.entries != (host,))
    if len(kept) == len(before.permits):
        return False
    snapshot.write(permits, Permits(kept), version=version + 1, written_ns=now_ns)
    return True


def closed(permits: Path, now_ns: int) -> frozenset[str]:
    """The hosts that are closed for everybody, those of a snapshot that cannot be read left out."""
    try:
        found, _ = _in_force(permits)
    except (OSError, snapshot.SnapshotError):
        return frozenset()
    return frozenset(host for one in found.permits if not one.opens and one.until > now_ns for host in one.entries)


def _in_force(permits: Path) -> tuple[Permits, int]:
    """The permits that hold, and their version."""
    try:
        found = snapshot.read(permits, Permits)
    except FileNotFoundError:
        return Permits(), 0
    return found.body, found.version


async def who_opened(
    session: AsyncSession,
    host: str,
    now_ns: int,
    called: Callable[[int], str],
    whose: ColumnElement[bool] | None = None,
) -> list[Opened]:
    """Who of *whose* visits opened the site of *host* within LOOKED_BACK, the latest first; visits are by site."""
    site = suffix.registrable(host) or host
    latest = func.max(VisitRow.minute_ns)
    found = await session.execute(
        select(VisitRow.person, VisitRow.client, func.sum(VisitRow.count), latest)
        .where(VisitRow.site == site, VisitRow.minute_ns >= now_ns - LOOKED_BACK, true() if whose is None else whose)
        .group_by(VisitRow.person, VisitRow.client)
        .order_by(latest.desc())
        .limit(MOST)
    )
    return [Opened(_who(called(person), client), int(count), last) for person, client, count, last in found]


def _who(person: str, client: int) -> str:
    if person:
        return f"Person {person}"
    return f"Device {client}" if client else "A device that is not known"


def draft(host: str, school: str) -> str:
    """The notice to whoever filters before us or keeps the list: the site, and nothing of who saw it."""
    return (
        "To the provider of our regional filter, and to the author of the list that this site is missing from\n\n"
        f"{school or 'Our school'} found a site open to pupils that should be closed to them:\n\n"
        f"    {host}\n\n"
        "It has been closed here. Please check how you classify it, and tell us when it is closed for your other"
        " schools.\n\n"
        "If it may be illegal, do not visit it: report it to the Internet Watch Foundation (report.iwf.org.uk).\n"
    )
