"""Longer looks on the pages: asking on an incident's page, answering as the second person, and looking a day at a time.

Only who asked is shown anything, and only while the grant holds and the incident is open. Each day that is shown is on
the record first, and no address leads back to it.
"""

import datetime
from collections.abc import Sequence

import msgspec
from litestar import Response, get, post
from litestar.exceptions import NotFoundException
from litestar.response import Redirect
from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from reporting import incidents, longer_looks
from reporting.accounts import Account
from reporting.case_models import IncidentRow, TriageRow
from reporting.longer_looks import ASKED, GRANTED, WORDS, LongerLook, LongerLookError
from reporting.look_models import LongerLookRow
from reporting.models import AlertRow
from reporting.names import ReasonError, reason_given
from reporting.people_models import LookRow
from reporting.permissions import Action
from reporting.web import alerts, context, times
from reporting.web.access import needs, texts
from reporting.web.context import Lines
from reporting.web.desk import may_see_to
from reporting.web.office import Asked, Office, office_of
from reporting.web.render import html
from reporting.web.second_person import is_about
from reporting.web.viewer import Viewer, viewer_of

MOST = 2000
"""Entries, and visits, of a day that are shown: three in each minute of a school's day."""

LAST_ID = 1 << 63
"""Beyond what a database can count."""

YOURS = "It may be about you, so somebody else has to ask."
NO_DAY = "Choose one of the days that were granted."


class Shown(msgspec.Struct, frozen=True):
    """A longer look in words; *days* are those that the asker may open now, *mine* says that the reader asked."""

    number: int
    incident: int
    alert: int
    who: str
    profile: str
    span: str
    by: str
    asked: str
    reason: str
    state: str
    answered_by: str
    ends: str
    days: tuple[str, ...]
    mine: bool


class Day(msgspec.Struct, frozen=True):
    """One day of a longer look, opened: *look* is what it belongs to."""

    look: Shown
    day: str
    lines: Lines


@get("/longer-looks", opt=needs(Action.LOOKS_ASK))
async def listed(request: Asked) -> Response[str]:
    """What waits for this person's answer, and what they asked for themselves."""
    return await _list(request)


@post("/longer-looks/{number:str}/answer", opt=needs(Action.LOOKS_GRANT))
async def answer(request: Asked) -> Response[str] | Redirect:
    """Grant it or refuse it."""
    said, office, me = (await texts(request)).get("answer", ""), office_of(request), may_see_to(request.user)
    viewer, problem, status = await viewer_of(request), "", 400
    async with office.database.writing() as session:
        of_number = await waiting(session, viewer, me, office, LongerLookRow.id == _number(request))
        if not of_number:
            problem, status = await _answered(session, viewer, me, office, _number(request)), 409
        elif said not in {"grant", "refuse"}:
            problem = "Choose whether you grant it."
        else:
            grant, now = said == "grant", office.now_ns()
            await longer_looks.answer(session, of_number[0], by=me.id, grant=grant, now_ns=now, zone=office.zone)
    return (
        await _list(request, problem=problem, status=status) if problem else Redirect("/longer-looks", status_code=303)
    )


@post("/longer-looks/{number:str}/show", opt=needs(Action.LOOKS_ASK))
async def show(request: Asked) -> Response[str]:
    """Show one day of it to whoever asked, once."""
    day = (await texts(request)).get("day", "")
    try:
        opened = await open_day(request, _number(request), day)
    except LongerLookError as error:
        return await _list(request, problem=str(error), status=400)
    return html(request, office_of(request), "longer_look.html", opened=opened)


@post("/incidents/{number:str}/longer-looks", opt=needs(Action.LOOKS_ASK))
async def ask(request: Asked) -> Response[str] | Redirect:
    """Ask for days of whom an alert of the incident is about."""
    form, office, me = await texts(request), office_of(request), may_see_to(request.user)
    viewer = await viewer_of(request)
    try:
        async with office.database.writing() as session:
            incident = await _incident(session, request, viewer)
            await _ask(session, incident, form, (me, viewer, office))
    except (ReasonError, LongerLookError) as error:
        again = alerts.number_in(str(request.path_params["number"])), form.get("reason", "")
        return await _list(request, problem=str(error), status=400, again=again)
    return Redirect(f"/incidents/{incident.number}", status_code=303)


PAGES = (listed, answer, show, ask)


async def waiting(
    session: AsyncSession, viewer: Viewer, me: Account, office: Office, *conditions: ColumnElement[bool]
) -> list[LongerLook]:
    """What waits for an answer that *me* may give: of others, and not about themselves."""
    others = LongerLookRow.asked_by != me.id
    found = await longer_looks.find(session, LongerLookRow.state == ASKED, others, *conditions)
    open_still = [one for one in found if longer_looks.state(one, office.now_ns()) == ASKED]
    return [one for one in open_still if viewer.seconds(one.alert) and not is_about(me, one.alert, office)]


async def _answered(session: AsyncSession, viewer: Viewer, me: Account, office: Office, number: int) -> str:
    """What became of *number*, to which *me* came too late with an answer; NotFoundException if it was never theirs."""
    others = (LongerLookRow.id == number, LongerLookRow.asked_by != me.id)
    found = await longer_looks.find(session, *others) if number < LAST_ID else []
    late = next((one for one in found if viewer.seconds(one.alert) and not is_about(me, one.alert, office)), None)
    if late is None:
        raise NotFoundException
    state = longer_looks.state(late, office.now_ns())
    by = f" by {late.answered_by}" if late.answered_by else ""
    return f"It waits for no answer any more: {WORDS.get(state, state)}{by}. Yours is not saved."


async def mine(
    session: AsyncSession, viewer: Viewer, me: Account, *conditions: ColumnElement[bool]
) -> list[LongerLook]:
    """What *me* asked for, of incidents and alerts that are still theirs to see."""
    theirs = (LongerLookRow.asked_by == me.id, viewer.incidents(), viewer.alerts())
    return await longer_looks.find(session, *theirs, *conditions)


async def open_day(request: Asked, number: int, day: str) -> Day:
    """One day of the longer look *number*, put on the record first; LongerLookError, NotFoundException."""
    office, me, viewer = office_of(request), may_see_to(request.user), await viewer_of(request)
    async with office.database.writing() as session:
        of_number = await mine(session, viewer, me, LongerLookRow.id == number) if number < LAST_ID else []
        if not of_number:
            raise NotFoundException
        [found], now = of_number, office.now_ns()
        if longer_looks.state(found, now) != GRANTED or is_about(me, found.alert, office):
            raise LongerLookError("It is not granted, or not any more.")
        chosen = _chosen(found, day, office)
        words = f"looked at {day}, alert {found.alert.number}"
        await incidents.looked(session, found.incident, me.id, now, words)
        session.add(_look(found, me, now, day))
        span = (chosen.since_ns, chosen.until_ns - 1)
        lines = await context.between(session, found.alert, viewer, office, span, most=MOST)
    return Day(in_words(found, me, office), day, lines)


def in_words(found: LongerLook, me: Account, office: Office) -> Shown:
    """*found* as *me* reads it; who it is about stays a pseudonym."""
    row, now, zone = found.row, office.now_ns(), office.zone
    shown, state = alerts.show(found.alert, office), longer_looks.state(found, now)
    span = longer_looks.span_of(row, zone)
    own = row.asked_by == me.id
    return Shown(
        number=row.id,
        incident=found.incident.number,
        alert=found.alert.number,
        who=shown.who,
        profile=shown.profile,
        span=longer_looks.in_words(span),
        by=found.by,
        asked=times.shown(row.asked_ns, zone),
        reason=row.reason,
        state=WORDS.get(state, state),
        answered_by=found.answered_by,
        ends=times.to_minute(row.ends_ns, zone) if row.ends_ns and state == GRANTED else "",
        days=tuple(map(str, span.days)) if own and state == GRANTED else (),
        mine=own,
    )


async def of_incident(session: AsyncSession, row: IncidentRow, request: Asked) -> dict[str, object]:
    """What the template of an incident needs of it: what was asked, and the alerts that one may ask about."""
    office, me, viewer = office_of(request), may_see_to(request.user), await viewer_of(request)
    found = await longer_looks.find(session, LongerLookRow.incident == row.id)
    numbers = [one.number for one in await _alerts(session, row, viewer)] if row.state == "open" else []
    return {"longer": [in_words(one, me, office) for one in found], "longer_alerts": numbers}


async def both(request: Asked) -> tuple[list[Shown], list[Shown]]:
    """What whoever asks has asked for, and what waits for their answer, in words."""
    office, me, viewer = office_of(request), may_see_to(request.user), await viewer_of(request)
    async with office.database.reading() as session:
        own, asked = await mine(session, viewer, me), await waiting(session, viewer, me, office)
    return [in_words(one, me, office) for one in own], [in_words(one, me, office) for one in asked]


async def _list(
    request: Asked, *, problem: str = "", status: int = 200, again: tuple[int, str] | None = None
) -> Response[str]:
    """The page; *again* is the incident from which somebody may ask anew, and the reason that they wrote."""
    own, asked = await both(request)
    return html(
        request,
        office_of(request),
        "longer_looks.html",
        status=status,
        problem=problem,
        again=again,
        waiting=asked,
        mine=own,
        hours=longer_looks.HOLDS // longer_looks.HOUR,
    )


async def _ask(
    session: AsyncSession, incident: IncidentRow, form: dict[str, str], who: tuple[Account, Viewer, Office]
) -> None:
    me, viewer, office = who
    chosen = alerts.number_in(form.get("alert", ""))
    alert = next((one for one in await _alerts(session, incident, viewer) if one.number == chosen), None)
    if alert is None:
        raise LongerLookError("Choose an alert of this incident: a longer look is at whom it is about.")
    if is_about(me, alert, office):
        raise LongerLookError(YOURS)
    reason, now = reason_given(form.get("reason", "")), office.now_ns()
    asked = longer_looks.span(form.get("first", ""), form.get("last", ""), alert, now, office.zone)
    await longer_looks.ask(session, incident, alert, asked, reason, by=me.id, now_ns=now)


async def _alerts(session: AsyncSession, row: IncidentRow, viewer: Viewer) -> Sequence[AlertRow]:
    """The alerts of the incident *row* that are *viewer*'s to see."""
    found = select(AlertRow).join(TriageRow, TriageRow.alert == AlertRow.id).where(TriageRow.incident == row.id)
    return (await session.scalars(found.where(viewer.alerts()).order_by(AlertRow.number))).all()


async def _incident(session: AsyncSession, request: Asked, viewer: Viewer) -> IncidentRow:
    number = alerts.number_in(str(request.path_params["number"]))
    found = await session.scalar(select(IncidentRow).where(IncidentRow.number == number, viewer.incidents()))
    if found is None:
        raise NotFoundException
    return found


def _chosen(found: LongerLook, day: str, office: Office) -> longer_looks.Span:
    try:
        chosen = datetime.date.fromisoformat(day)
    except ValueError as error:
        raise LongerLookError(NO_DAY) from error
    if chosen not in longer_looks.span_of(found.row, office.zone).days:
        raise LongerLookError(NO_DAY)
    return longer_looks.Span(chosen, chosen, office.zone)


def _look(found: LongerLook, me: Account, now_ns: int, day: str) -> LookRow:
    row = found.row
    why = f"{row.reason} ({day}, granted by {found.answered_by})"
    about = {"subject": found.alert.subject, "alert": row.alert, "incident": row.incident}
    return LookRow(at_ns=now_ns, account=me.id, what="longer", reason=why, **about)


def _number(request: Asked) -> int:
    return alerts.number_in(str(request.path_params["number"]))
