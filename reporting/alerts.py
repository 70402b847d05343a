"""Which breaches a person must know of, who that person is, and by when they must act.

What asks for an alert stands in a table of rules (`reporting.alert_rules`). URGENT and ILLEGAL are told at once, and
more of the same by the same person (or address) on the same theme within 15 minutes join the nearest open one without a
second mail. CONCERN waits for the digest, and joins within a day; a pattern that grows is raised. Time is an argument;
nothing here reads a clock. What is written is written in the transaction that takes the breach in, so a crash loses
both or neither.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import and_, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from blocklists.rulebook import Severity
from reporting import ladder, shipped_rules
from reporting.accounts import head_is_dsl, roles_held
from reporting.alert_rules import DAY, HOUR, MINUTE, Rules
from reporting.models import AlertBreachRow, AlertRow, OutboxRow
from reporting.pattern import LEAST, MOST, Pattern, grown, open_within, person_of, same, subject_of
from reporting.school_time import SchoolTime
from reporting.settings import ChannelSettings, ContactSettings

JOINING = 15 * MINUTE
"""How far from its latest breach an open alert takes in more of the same: later, or earlier, for journals are read one
after another and clocks are put right."""

LESSER_JOINING = DAY
"""The same for one that waits for the digest."""

LINKED = 50
"""Earlier breaches of a pattern that its alert tells of: as many as a page shows."""

MAIL = "mail"

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


def office_hours() -> SchoolTime:
    """The school's time where no policy says another."""
    return SchoolTime(ZoneInfo("Europe/London"))


class Desk(msgspec.Struct, frozen=True):
    """What opening alerts needs from outside: who is who, which column a profile has, and how a mail reads.

    *column* gives a profile's column, or "" for a profile that nobody knows. *write* makes subject and body. *rules*
    say what asks for an alert, *school* when school is on; *channels* are other ways than mail, by name.
    """

    contacts: ContactSettings
    column: Callable[[str], str]
    write: Callable[[int, Severity, int], tuple[str, str]]
    rules: Rules = msgspec.field(default_factory=shipped_rules.shipped)
    school: Callable[[], SchoolTime] = office_hours
    channels: Mapping[str, ChannelSettings] = {}


def asks_for_alert(severity: int) -> bool:
    """Whether an alert of *severity* is told at once."""
    return severity >= Severity.URGENT


def act_by(severity: Severity, opened_ns: int, school: SchoolTime | None = None) -> int:
    """When somebody must have acted on an alert of *severity*: for a CONCERN the end of the next school day."""
    if severity == Severity.CONCERN and school:
        return school.end_of_next_school_day(opened_ns)
    return opened_ns + (MEANINGS[severity].act_within_ns or 0)


def route(contacts: ContactSettings, column: str, *, same: bool = False, about: int = 0) -> Route:
    """Who is told of somebody whose profile has *column*; *same*: the accounts say that head and DSL are one person.

    Staff, and a profile that nobody knows, go to the headteacher only; where head and DSL are one person, or it is the
    headteacher (the person *about*), to the chair of governors (G7). Everybody else goes to the DSL once confirmed,
    until then to the headteacher (G15); if there is no headteacher's address, to the DSL's rather than to nobody.
    """
    head = Route("headteacher", contacts.headteacher)
    if column in ("staff", ""):
        above = same or one_person(contacts) or ladder.is_subject(contacts, "headteacher", about)
        return Route("chair", contacts.chair) if above and contacts.chair else head
    if contacts.dsl and (contacts.dsl_confirmed or not contacts.headteacher):
        return Route("dsl", contacts.dsl)
    return head


def one_person(contacts: ContactSettings) -> bool:
    """Whether headteacher and DSL are one person, as far as their addresses tell."""
    return bool(contacts.dsl) and contacts.headteacher.casefold() == contacts.dsl.casefold()


async def take(session: AsyncSession, breach: Mapping[str, Any], desk: Desk, now_ns: int) -> bool:
    """Open an alert for *breach* (the columns of its row, `id` too), or let it join one; True if one was opened."""
    column = desk.column(breach["profile"])
    one = head_is_dsl(await roles_held(session))
    told = route(desk.contacts, column, same=one, about=breach["person"])
    severity = desk.rules.at_once(breach, column)
    patterns = desk.rules.patterns(breach, column)
    for rule in patterns:
        if rule.raised_to > severity and (before := await grown(session, breach, rule, told.role)) is not None:
            return await _take_pattern(session, breach, Pattern(rule, before), (told, desk, now_ns))
    joined = await _nearest(session, breach, told.role, severity) if severity or patterns else None
    if joined is None and severity < Severity.CONCERN:
        return False
    alert = joined or await _open(session, breach, severity, (told, desk, now_ns))
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
        .values(state="acknowledged", acknowledged_ns=at_ns, acknowledged_by=account, next_step_ns=None)
        .returning(AlertRow.id)
    )
    return done is not None


NOBODY_YET = "\nThis message comes to you because nobody has acknowledged the alert yet.\n"
"""Why whoever is next on the ladder has a mail: whether and when somebody acknowledged it is nothing about a child."""


def messages(alert: AlertRow, role: str, desk: Desk, now_ns: int, kind: str = "alert") -> Iterator[OutboxRow]:
    """What tells *role* of *alert*: a mail, and a line on each channel of that role."""
    title, body = desk.write(alert.number, Severity(alert.severity), alert.act_by_ns)
    for channel in (MAIL, *_channels(desk, role, alert.severity)):
        address = desk.contacts.address(role) if channel == MAIL else ""
        says = body + NOBODY_YET if kind == "escalation" and channel == MAIL else body
        yield letter(kind, role, (title, says), now_ns, channel=channel, address=address, alert=alert.id)


def letter(
    kind: str,
    role: str,
    words: tuple[str, str],
    now_ns: int,
    *,
    address: str,
    channel: str = MAIL,
    alert: int | None = None,
) -> OutboxRow:
    """A message to *role* that is to be sent at once: *words* are its subject and its body."""
    title, body = words
    return OutboxRow(
        alert=alert,
        kind=kind,
        channel=channel,
        recipient=role,
        address=address,
        subject=title,
        body=body,
        created_ns=now_ns,
        due_ns=now_ns,
    )


def _channels(desk: Desk, role: str, severity: int) -> Iterator[str]:
    for name, channel in desk.channels.items():
        if role in channel.roles and severity >= Severity[channel.least]:
            yield name


type _Where = tuple[Route, Desk, int]
"""Who is told, the desk, and the time."""


async def _take_pattern(session: AsyncSession, breach: Mapping[str, Any], pattern: Pattern, where: _Where) -> bool:
    """Let *breach* join what has the pattern, raise what has less, or open an alert; True if one was opened."""
    severity, told = pattern.rule.raised_to, where[0]
    alert = await open_within(session, breach, told.role, pattern.rule.within)
    opened = alert is None
    if alert is None:
        alert = await _open(session, breach, severity, where)
        alert.rule = pattern.name
    else:
        await add(session, alert.id, breach["count"], breach["last_ns"])
        if alert.severity < severity:
            _raise(session, alert, severity, pattern.name, where)
    await _link(session, alert, breach, pattern)
    return opened


def _raise(session: AsyncSession, alert: AlertRow, severity: Severity, rule: str, where: _Where) -> None:
    """Make *alert* as grave as *severity*, and tell of it anew."""
    told, desk, now_ns = where
    alert.severity, alert.rule = severity, rule
    alert.act_by_ns = act_by(severity, now_ns, desk.school())
    _tell(session, alert, told, desk, now_ns)


async def _link(session: AsyncSession, alert: AlertRow, breach: Mapping[str, Any], pattern: Pattern) -> None:
    """Have *alert* tell of *breach* and of the earlier ones of its pattern, each once."""
    linked = set(await session.scalars(select(AlertBreachRow.breach).where(AlertBreachRow.alert == alert.id)))
    earlier = [(one, count) for one, count in pattern.breaches[:LINKED] if one not in linked]
    alert.count += sum(count for _, count in earlier)
    rows = [{"alert": alert.id, "breach": one} for one in [breach["id"], *(one for one, _ in earlier)]]
    await session.execute(insert(AlertBreachRow), rows)


async def _nearest(
    session: AsyncSession, breach: Mapping[str, Any], audience: str, severity: Severity
) -> AlertRow | None:
    """The open alert that *breach* belongs to: not less grave, and of those within reach the nearest in time.

    The latest one is not always it: a journal that is read late, or a clock that was ahead, leaves alerts on both sides
    of a breach.
    """
    at = breach["at_ns"]
    near, less_near = (
        AlertRow.last_ns.between(max(at - reach, LEAST), min(at + reach, MOST)) for reach in (JOINING, LESSER_JOINING)
    )
    found = (
        select(AlertRow)
        .where(*same(breach, audience), AlertRow.state == "open", AlertRow.severity >= severity)
        .where(or_(near, and_(less_near, AlertRow.severity < Severity.URGENT)))
        .order_by(func.abs(AlertRow.last_ns - at), AlertRow.id)
        .limit(1)
    )
    return await session.scalar(found)


async def _open(session: AsyncSession, breach: Mapping[str, Any], severity: Severity, where: _Where) -> AlertRow:
    told, desk, now_ns = where
    number = (await session.scalar(select(func.max(AlertRow.number))) or FIRST_NUMBER - 1) + 1
    alert = AlertRow(
        number=number,
        opened_ns=now_ns,
        severity=severity,
        theme=breach["theme"],
        audience=told.role,
        subject=subject_of(breach["person"], breach["address"]),
        profile=breach["profile"],
        act_by_ns=act_by(severity, now_ns, desk.school()),
        count=breach["count"],
        last_ns=breach["last_ns"],
        rule="",
        escalated="",
    )
    session.add(alert)
    await session.flush()
    if asks_for_alert(severity):
        _tell(session, alert, told, desk, now_ns)
    return alert


def _tell(session: AsyncSession, alert: AlertRow, told: Route, desk: Desk, now_ns: int) -> None:
    """Tell whoever must know of the grave *alert* now, and set when the next is told."""
    staff = desk.column(alert.profile) in ("staff", "")
    at_school = desk.school().is_school(now_ns)
    roles = tuple(ladder.at_once(desk.contacts, told.role, staff=staff, at_school=at_school))
    for role in roles:
        session.add_all(messages(alert, role, desk, now_ns))
    alert.escalated = ",".join(dict.fromkeys([*filter(None, alert.escalated.split(",")), *roles[1:]]))
    alert.step = 0
    people = ladder.people(desk.contacts, told.role, person_of(alert.subject) or 0, staff=staff)
    alert.next_step_ns = now_ns + ladder.step_at(0, people, alert.severity, at_school=at_school)
