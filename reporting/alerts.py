"""Which breaches a person must know of at once, who that person is, and by when they must act.

The rule: URGENT and ILLEGAL open an alert at once, and more of the same by the same person (or address) on the same
theme within 15 minutes join the nearest open one without a second mail. Time is an argument; nothing here reads a
clock. What is written is written in the transaction that takes the breach in, so a crash loses both or neither.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from blocklists.rulebook import Severity
from reporting.accounts import head_is_dsl, roles_held
from reporting.models import AlertBreachRow, AlertRow, OutboxRow
from reporting.settings import ContactSettings

MINUTE = 60 * 1_000_000_000
HOUR = 60 * MINUTE

JOINING = 15 * MINUTE
"""How far from its latest breach an open alert takes in more of the same: later, or earlier, for journals are read one
after another and clocks are put right."""

_LEAST, _MOST = -(2**63), 2**63 - 1
"""What a column holds: a breach's time is what its writer says."""

FIRST_NUMBER = 1001
"""Alerts count from here: a number of four figures is easier to say and to hear."""


class Meaning(msgspec.Struct, frozen=True):
    """What a severity asks of people; *act_within_ns* is None where nobody has to act by a time."""

    title: str
    says: str
    act_within_ns: int | None
    act_by_words: str


MEANINGS: Mapping[Severity, Meaning] = {
    Severity.ILLEGAL: Meaning(
        # at once, and overdue only after the time that it takes to reach a person
        "Illegal",
        "Material on a list of illegal content was asked for; access was refused.",
        15 * MINUTE,
        "at once",
    ),
    Severity.URGENT: Meaning(
        "Urgent",
        "A child may be at risk of serious harm; look within the hour, before they go home.",
        HOUR,
        "within the hour",
    ),
    Severity.CONCERN: Meaning(
        "Concern", "Something to look into and to keep an eye on.", 24 * HOUR, "by the end of the next school day"
    ),
    Severity.NOTE: Meaning("Note", "Worth knowing when a pattern shows.", None, "at the next review"),
    Severity.NONE: Meaning("None", "A line in the log.", None, "never"),
}
"""What each severity means and when somebody must act, in the words that people read."""


class Route(msgspec.Struct, frozen=True):
    """Who is told: the role that may see the alert, and the address that the mail goes to (empty: none is known)."""

    role: str
    address: str


class Desk(msgspec.Struct, frozen=True):
    """What opening alerts needs from outside: who is who, which column a profile has, and how a mail reads.

    *column* gives a profile's column, or "" for a profile that nobody knows. *write* makes subject and body.
    """

    contacts: ContactSettings
    column: Callable[[str], str]
    write: Callable[[int, Severity, int], tuple[str, str]]


def asks_for_alert(severity: int) -> bool:
    """Whether a breach of *severity* opens an alert at once."""
    return severity >= Severity.URGENT


def subject_of(person: int, address: str) -> str:
    """Whom an alert is about: the person if one is known, else the address."""
    return f"person:{person}" if person else f"address:{address}"


def act_by(severity: Severity, opened_ns: int) -> int:
    """When somebody must have acted on an alert of *severity*."""
    return opened_ns + (MEANINGS[severity].act_within_ns or 0)


def route(contacts: ContactSettings, column: str, *, same: bool = False) -> Route:
    """Who is told of somebody whose profile has *column*; *same*: the accounts say that head and DSL are one person.

    Staff, and a profile that nobody knows, go to the headteacher only; where head and DSL are one person, to the chair
    of governors (G7). Everybody else goes to the DSL once confirmed, until then to the headteacher (G15); if there
    is no headteacher's address, to the DSL's rather than to nobody.
    """
    head = Route("headteacher", contacts.headteacher)
    if column in ("staff", ""):
        return Route("chair", contacts.chair) if (same or one_person(contacts)) and contacts.chair else head
    if contacts.dsl and (contacts.dsl_confirmed or not contacts.headteacher):
        return Route("dsl", contacts.dsl)
    return head


def one_person(contacts: ContactSettings) -> bool:
    """Whether headteacher and DSL are one person, as far as their addresses tell."""
    return bool(contacts.dsl) and contacts.headteacher.casefold() == contacts.dsl.casefold()


def address_of(contacts: ContactSettings, role: str) -> str:
    """The address of *role* as it is known now, or nothing."""
    return {"dsl": contacts.dsl, "headteacher": contacts.headteacher, "chair": contacts.chair}.get(role, "")


async def take(session: AsyncSession, breach: Mapping[str, Any], desk: Desk, now_ns: int) -> bool:
    """Open an alert for *breach* (the columns of its row, `id` too), or let it join one; True if one was opened."""
    told = route(desk.contacts, desk.column(breach["profile"]), same=head_is_dsl(await roles_held(session)))
    joined = await _nearest(session, breach, told.role)
    alert = joined or await _open(session, breach, told, desk, now_ns)
    if joined:
        await add(session, joined.id, breach["count"], breach["last_ns"])
    session.add(AlertBreachRow(alert=alert.id, breach=breach["id"]))
    return joined is None


async def add(session: AsyncSession, alert: int, count: int, last_ns: int) -> None:
    """Count *count* more breaches, the latest at *last_ns*, onto the alert with the id *alert*.

    Earlier ones leave its latest where it is: it only moves on.
    """
    row = await session.get_one(AlertRow, alert)
    row.count += count
    row.last_ns = max(row.last_ns, last_ns)


async def acknowledge(session: AsyncSession, number: int, account: int, at_ns: int) -> bool:
    """Note that *account* has seen the alert *number*; False if it is not open."""
    done = await session.scalar(
        update(AlertRow)
        .where(AlertRow.number == number, AlertRow.state == "open")
        .values(state="acknowledged", acknowledged_ns=at_ns, acknowledged_by=account)
        .returning(AlertRow.id)
    )
    return done is not None


async def _nearest(session: AsyncSession, breach: Mapping[str, Any], audience: str) -> AlertRow | None:
    """The open alert that *breach* belongs to: not less grave, and of those within JOINING the nearest in time.

    Of the same audience, or what staff did at a shared address would reach the DSL. The latest one is not always it: a
    journal that is read late, or a clock that was ahead, leaves alerts on both sides of a breach.
    """
    at = breach["at_ns"]
    near = AlertRow.last_ns.between(max(at - JOINING, _LEAST), min(at + JOINING, _MOST))
    found = (
        select(AlertRow)
        .where(AlertRow.subject == subject_of(breach["person"], breach["address"]))
        .where(AlertRow.theme == breach["theme"], AlertRow.audience == audience, AlertRow.state == "open")
        .where(AlertRow.severity >= breach["severity"], near)
        .order_by(func.abs(AlertRow.last_ns - at), AlertRow.id)
        .limit(1)
    )
    return await session.scalar(found)


async def _open(session: AsyncSession, breach: Mapping[str, Any], told: Route, desk: Desk, now_ns: int) -> AlertRow:
    severity = Severity(breach["severity"])
    number = (await session.scalar(select(func.max(AlertRow.number))) or FIRST_NUMBER - 1) + 1
    alert = AlertRow(
        number=number,
        opened_ns=now_ns,
        severity=severity,
        theme=breach["theme"],
        audience=told.role,
        subject=subject_of(breach["person"], breach["address"]),
        profile=breach["profile"],
        act_by_ns=act_by(severity, now_ns),
        count=breach["count"],
        last_ns=breach["last_ns"],
    )
    session.add(alert)
    await session.flush()
    session.add(_message(alert, told, desk))
    return alert


def _message(alert: AlertRow, told: Route, desk: Desk) -> OutboxRow:
    title, body = desk.write(alert.number, Severity(alert.severity), alert.act_by_ns)
    now = alert.opened_ns
    return OutboxRow(
        alert=alert.id,
        recipient=told.role,
        address=told.address,
        subject=title,
        body=body,
        created_ns=now,
        due_ns=now,
    )
