"""Longer looks: more of a person than an alert's hour, asked for by one and granted by another (G11).

Each is for an incident, and holds while that is open. Each step is in the incident's history. Days are the school's.
Who may see the incident, and who is a second person, is `reporting.web`'s to say; the caller owns the transaction, and
gives the time.
"""

import datetime
from collections.abc import Sequence
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from reporting import incidents
from reporting.case_models import IncidentRow, TriageRow
from reporting.look_models import LongerLookRow
from reporting.models import AccountRow, AlertRow
from reporting.pattern import person_of

HOUR = 3600 * 1_000_000_000
DAY = 24 * HOUR

LONGEST = 14
"""Days of a person that can be asked for at once."""

LONGEST_OF_DEVICE = 1
"""Days of an address, which may be another device's on the next."""

NEAR = 30
"""Days before an alert's first entry and after its last that a look for it may reach: not somebody's history."""

WAITS = 72 * HOUR
"""For how long a question waits for an answer: over a weekend."""

HOLDS = 24 * HOUR
"""For how long a grant holds."""

ASKED, GRANTED, REFUSED = "asked", "granted", "refused"
LAPSED, ENDED = "lapsed", "ended"
WORDS = {
    ASKED: "waits for a second person",
    GRANTED: "granted",
    REFUSED: "refused",
    LAPSED: "nobody answered in time",
    ENDED: "over",
}
"""States as people say them; the last two are what time makes of the first two."""


class LongerLookError(ValueError):
    """Nothing was asked, answered or shown; the message is a sentence."""


class LongerLook(msgspec.Struct, frozen=True):
    """A longer look, with what belongs to it."""

    row: LongerLookRow
    incident: IncidentRow
    alert: AlertRow
    by: str
    answered_by: str


class Span(msgspec.Struct, frozen=True):
    """From the first moment of the day *first* until before the end of the day *last*, in *zone*."""

    first: datetime.date
    last: datetime.date
    zone: ZoneInfo

    @property
    def since_ns(self) -> int:
        """Its first nanosecond."""
        return _midnight(self.first, self.zone)

    @property
    def until_ns(self) -> int:
        """The nanosecond after it."""
        return _midnight(self.last + datetime.timedelta(days=1), self.zone)

    @property
    def days(self) -> Sequence[datetime.date]:
        """Its days."""
        return [self.first + datetime.timedelta(days=n) for n in range((self.last - self.first).days + 1)]


def span(first: str, last: str, alert: AlertRow, now_ns: int, zone: ZoneInfo) -> Span:
    """The days *first* to *last* ("2026-11-20") if they may be asked for about *alert*; LongerLookError otherwise."""
    try:
        asked = Span(datetime.date.fromisoformat(first), datetime.date.fromisoformat(last), zone)
        since_ns, until_ns = asked.since_ns, asked.until_ns
    except (ValueError, OverflowError) as error:
        raise LongerLookError("Say from which day to which, such as 2026-11-20.") from error
    longest = LONGEST if person_of(alert.subject) is not None else LONGEST_OF_DEVICE
    if not 0 < (asked.last - asked.first).days + 1 <= longest:
        days = "one day of a device" if longest == 1 else f"{longest} days"
        raise LongerLookError(f"At most {days} can be asked for at once, the first day first.")
    if since_ns > now_ns:
        raise LongerLookError("These days are still to come.")
    if since_ns < alert.opened_ns - (NEAR + 1) * DAY or until_ns > alert.last_ns + (NEAR + 1) * DAY:
        raise LongerLookError(f"Only days within {NEAR} days of the alert can be asked for.")
    return asked


def span_of(row: LongerLookRow, zone: ZoneInfo) -> Span:
    """The days of *row*; were the school's zone changed since, those that its ends fall into now."""
    return Span(_day(row.since_ns, zone), _day(row.until_ns - 1, zone), zone)


async def ask(
    session: AsyncSession, incident: IncidentRow, alert: AlertRow, asked: Span, reason: str, *, by: int, now_ns: int
) -> LongerLookRow:
    """Ask for *asked* of whom *alert*, a part of *incident*, is about; LongerLookError if it is closed or no part."""
    state = await session.get(TriageRow, alert.id)
    if incident.state != "open" or state is None or state.incident != incident.id:
        raise LongerLookError("A longer look is for an alert of an incident that is open.")
    row = LongerLookRow(
        incident=incident.id,
        alert=alert.id,
        since_ns=asked.since_ns,
        until_ns=asked.until_ns,
        reason=reason,
        asked_by=by,
        asked_ns=now_ns,
        state=ASKED,
    )
    session.add(row)
    await session.flush()
    await incidents.looked(
        session, incident, by, now_ns, f"asked for {in_words(asked)}, alert {alert.number}: {reason}"
    )
    return row


async def answer(
    session: AsyncSession, found: LongerLook, *, by: int, grant: bool, now_ns: int, zone: ZoneInfo
) -> None:
    """Grant it or refuse it; LongerLookError if it waits no longer, or *by* asked it."""
    row = found.row
    await session.refresh(row)
    if row.asked_by == by:
        raise LongerLookError("Somebody else must answer what you asked for.")
    if state(found, now_ns) != ASKED:
        raise LongerLookError("This waits for no answer any more.")
    row.state, row.answered_by, row.answered_ns = GRANTED if grant else REFUSED, by, now_ns
    row.ends_ns = now_ns + HOLDS if grant else None
    words = f"{row.state} {in_words(span_of(row, zone))}, alert {found.alert.number}, to {found.by}"
    await incidents.looked(session, found.incident, by, now_ns, words)


def state(found: LongerLook, now_ns: int) -> str:
    """What became of it by *now_ns*; a clock that was set back opens nothing."""
    row, is_open = found.row, found.incident.state == "open"
    if row.state == ASKED:
        return ASKED if is_open and 0 <= now_ns - row.asked_ns < WAITS else LAPSED
    if row.state == GRANTED:
        return GRANTED if is_open and (row.answered_ns or 0) <= now_ns < (row.ends_ns or 0) else ENDED
    return row.state


async def find(session: AsyncSession, *conditions: ColumnElement[bool], limit: int = 200) -> list[LongerLook]:
    """The longer looks that fit *conditions*, the newest first."""
    asker, other = aliased(AccountRow), aliased(AccountRow)
    found = (
        select(LongerLookRow, IncidentRow, AlertRow, asker.name, other.name)
        .join(IncidentRow, IncidentRow.id == LongerLookRow.incident)
        .join(AlertRow, AlertRow.id == LongerLookRow.alert)
        .join(asker, asker.id == LongerLookRow.asked_by)
        .outerjoin(other, other.id == LongerLookRow.answered_by)
        .where(*conditions)
        .order_by(LongerLookRow.id.desc())
        .limit(limit)
    )
    rows = (await session.execute(found)).all()
    return [LongerLook(row, case, alert, by, who or "") for row, case, alert, by, who in rows]


async def counts(session: AsyncSession, since_ns: int) -> dict[str, int]:
    """How many that were asked for since *since_ns* wait or lapsed, were granted, or refused."""
    found = select(LongerLookRow.state, func.count()).where(LongerLookRow.asked_ns >= since_ns)
    return {row[0]: row[1] for row in await session.execute(found.group_by(LongerLookRow.state))}


def in_words(asked: Span) -> str:
    """The days of *asked*."""
    return f"{asked.first}" if asked.first == asked.last else f"{asked.first} to {asked.last}"


def _midnight(day: datetime.date, zone: ZoneInfo) -> int:
    return int(datetime.datetime.combine(day, datetime.time(), zone).timestamp()) * 1_000_000_000


def _day(at_ns: int, zone: ZoneInfo) -> datetime.date:
    return datetime.datetime.fromtimestamp(at_ns // 1_000_000_000, zone).date()
