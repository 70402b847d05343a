"""Today at a glance: the kinds of breach each with its own figure (G1), what waits for a person, and what is amiss."""

import msgspec
from litestar import Response, get
from sqlalchemy import ColumnElement, func, not_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from reporting import alert_tests
from reporting import troubles as records
from reporting.case_models import TriageRow
from reporting.longer_looks import GRANTED
from reporting.look_models import LongerLookRow
from reporting.models import AlertRow, BreachRow, DamagedRow, JournalRow, OutboxRow
from reporting.permissions import Action, may
from reporting.school_time import SchoolTime
from reporting.web import alerts, health, longer_looks, proposals, search, times, trends, viewer
from reporting.web.access import needs
from reporting.web.office import Asked, Office, office_of, sees_alerts
from reporting.web.render import html
from reporting.web.rows import KINDS

MEANS = {
    "stopped": "Pages and names that were refused.",
    "got_through": "Found or reported afterwards: somebody may have seen them.",
    "concern": "Allowed, but something in them should be looked at.",
}
"""What each kind means; the figures stand apart and have no sum."""


class Count(msgspec.Struct, frozen=True):
    """One kind's figure for today: entries of the log, and the requests that they stand for."""

    kind: str
    words: str
    means: str
    entries: int
    requests: int


class Post(msgspec.Struct, frozen=True):
    """The state of the mail outbox: how many wait, how many of them failed before, and the last answer to a failure."""

    waiting: int
    failing: int
    since: str
    answer: str


@get("/", opt=needs(Action.TODAY))
async def today(request: Asked) -> Response[str]:
    """The first page after log-in."""
    office = office_of(request)
    assert request.user
    start = times.day_start(office.now_ns(), office.zone)
    mine = (await viewer.viewer_of(request)).alerts()
    theirs = [one.alerts() for one in await viewer.everybody(office)]
    async with office.database.reading() as session:
        counts = await _counts(session, start)
        post = await _post(session, office)
        nobodys = await _open_alerts(session, not_(or_(*theirs)))
        troubles = [*office.notices, *await _troubles(session, office, nobodys), *await _happened(session, office)]
        troubles += await _of_alerts(session, office)
        asked = await proposals.waiting(session, office)
        longer = await _longer_looks(session, request)
        granted = await _granted(session, request)
        over_days = await trends.trends(session, office.now_ns(), office.zone)
        categories = await trends.most_stopped(session, office.now_ns(), office.zone, office.rulebook)
        open_alerts = list(await session.scalars(alerts.soonest_first().where(mine, AlertRow.state == "open")))
        taken_on = list(await session.scalars(alerts.soonest_first().where(mine, *_half_done(request.user.id))))
    return html(
        request,
        office,
        "today.html",
        counts=counts,
        post=post,
        troubles=troubles,
        sees_alerts=sees_alerts(request.user),
        alerts=[alerts.show(row, office) for row in open_alerts],
        taken_on=[alerts.show(row, office) for row in taken_on],
        day=f"{times.local(office.now_ns(), office.zone):%A %-d %B %Y}",
        since=f"{times.local(start, office.zone):%Y-%m-%dT%H:%M}",
        version=office.live.version,
        proposals=asked,
        longer=longer,
        granted=granted,
        trends=over_days,
        categories=categories,
        week=times.form_value(start - 6 * 24 * 3600 * times.SECOND, office.zone)[:16],
        unhealthy=(await health.watch_of(request).recent()).bad,
    )


def _half_done(account: int) -> tuple[ColumnElement[bool], ...]:
    """The alerts that *account* has acknowledged, and that nobody has judged or made part of an incident."""
    dealt_with = select(TriageRow.alert).where(or_(TriageRow.judgement != "", TriageRow.incident.is_not(None)))
    return AlertRow.state == "acknowledged", AlertRow.acknowledged_by == account, AlertRow.id.not_in(dealt_with)


async def _counts(session: AsyncSession, start: int) -> list[Count]:
    figures = (BreachRow.kind, func.count(), func.sum(BreachRow.count))
    today = select(*figures).where(BreachRow.at_ns >= start).group_by(BreachRow.kind)
    # or SQLite takes the index by kind for the grouping, and reads all of the log by it
    found = await session.execute(today.with_hint(BreachRow, f"INDEXED BY {search.BY_TIME}", "sqlite"))
    by_kind = {kind: (entries, int(requests)) for kind, entries, requests in found}
    return [Count(kind, words, MEANS[kind], *by_kind.get(kind, (0, 0))) for kind, words in KINDS.items()]


async def _post(session: AsyncSession, office: Office) -> Post:
    waiting = OutboxRow.state == "waiting"
    figures = select(func.count(), func.count().filter(OutboxRow.attempts > 0), func.min(OutboxRow.created_ns))
    count, failing, oldest = (await session.execute(figures.where(waiting))).one()
    failed = select(OutboxRow.last_error).where(waiting, OutboxRow.attempts > 0).order_by(OutboxRow.due_ns.desc())
    answer = await session.scalar(failed.limit(1))
    return Post(count, failing, times.shown(oldest, office.zone) if oldest else "", answer or "")


async def _open_alerts(session: AsyncSession, condition: ColumnElement[bool]) -> int:
    """How many open alerts fit *condition*."""
    figure = select(func.count()).select_from(AlertRow)
    return await session.scalar(figure.where(AlertRow.state == "open", condition)) or 0


async def _troubles(session: AsyncSession, office: Office, nobodys: int) -> list[str]:
    """A sentence for each thing that somebody must look into; *nobodys* is the number of alerts that wait unseen."""
    broken = await session.scalar(select(func.count()).where(JournalRow.chain == "broken"))
    damaged = await session.scalar(select(func.count()).select_from(DamagedRow))
    sentences = {
        "No policy is in force on this machine: nothing is answered until one is applied.": not office.live.ready,
        "The clock is earlier than what was written before. The strictest timetable holds.": not office.live.clock_ok(),
        f"{_count(broken, 'journal was', 'journals were')} changed after being written. Tell the headteacher.": broken,
        f"{_count(nobodys, 'alert', 'alerts')} can be opened by nobody, as no account has the role that reads"
        f" {'it' if nobodys == 1 else 'them'}. Invite that person with schoolgate account invite.": nobodys,
        f"{_count(damaged, 'piece', 'pieces')} of the journals could not be read."
        " A copy of each is in the folder damaged, beside the database.": damaged,
    }
    return [sentence for sentence, holds in sentences.items() if holds]


async def _longer_looks(session: AsyncSession, request: Asked) -> int:
    """How many longer looks wait for this person's answer."""
    assert request.user
    if not may(request.user.roles, Action.LOOKS_GRANT):
        return 0
    mine = await viewer.viewer_of(request)
    return len(await longer_looks.waiting(session, mine, request.user, office_of(request)))


async def _granted(session: AsyncSession, request: Asked) -> list[longer_looks.Shown]:
    """The longer looks that this person asked for and may open now: a grant holds for a day."""
    assert request.user
    if not may(request.user.roles, Action.LOOKS_ASK):
        return []
    me, office = request.user, office_of(request)
    of_state = LongerLookRow.state == GRANTED
    found = await longer_looks.mine(session, await viewer.viewer_of(request), me, of_state)
    return [one for one in (longer_looks.in_words(each, me, office) for each in found) if one.days]


async def _happened(session: AsyncSession, office: Office) -> list[str]:
    """What came about with the records themselves, each with its time."""
    rows = await records.recent(session, office.now_ns())
    return [f"{times.shown(row.at_ns, office.zone)}: {row.says}" for row in rows]


async def _of_alerts(session: AsyncSession, office: Office) -> list[str]:
    """What is amiss with how alerts reach people."""
    unanswered = await session.scalar(select(func.count()).where(OutboxRow.state == "unanswered")) or 0
    says = "The mail server had a message twice and never said that it took it: ask whether it came."
    school = SchoolTime(office.zone, office.rulebook.calendar if office.rulebook else None)
    test = await alert_tests.due(session, school, office.now_ns())
    return [sentence for sentence in (says if unanswered else "", test) if sentence]


def _count(number: int | None, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
