"""What a person does about an alert on its page: judge, note, assign, link, and look at the hour and at the name.

A look is asked for with a reason, goes on the record first, and is then shown once: no address leads back to it. Looks
at staff need a second person (G11).
"""

from litestar import Response, post
from litestar.response import Redirect
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from reporting import incidents, triage
from reporting.accounts import Account
from reporting.case_models import IncidentRow
from reporting.models import AlertRow
from reporting.names import ReasonError, UnwritableNameError, reason_given
from reporting.pattern import person_of
from reporting.people_models import LookRow
from reporting.permissions import Action
from reporting.web import context, meanwhile
from reporting.web.access import needs, texts
from reporting.web.alerts import find, number_in, page, second
from reporting.web.desk import colleagues, is_about_staff, may_see_to
from reporting.web.office import Asked, office_of
from reporting.web.render import MOST_WRITTEN
from reporting.web.second_person import second_person
from reporting.web.viewer import Viewer, viewer_of

CLOSED = "The name could not be opened: your key to names is not open. Log in anew, or ask somebody who has the key."

NAMED = "There is a name already. Show it, and if it is wrong, write the right one beside it."


@post("/alerts/{number:str}/judge", opt=needs(Action.ALERTS_TRIAGE))
async def judge(request: Asked) -> Response[str] | Redirect:
    """Call it a true or a false alarm, and say why if need be."""
    form = await texts(request)
    office, viewer, me = office_of(request), await viewer_of(request), may_see_to(request.user)
    async with office.database.writing() as session:
        row = await find(session, request.path_params["number"], viewer)
        hand = triage.Hand(row.id, me.id, office.now_ns())
        others = await meanwhile.others(session, hand, form.get("seen"))
        judged = not others.did("judged") and await triage.judge(session, hand, form.get("judgement", ""))
        await triage.note(session, hand, form.get("note", ""))
    if others.did("judged"):
        return await second(request, row, others, "judged")
    if not judged:
        return await page(request, row, status=400, problem="Choose a true or a false alarm.")
    return meanwhile.back(row, others)


@post("/alerts/{number:str}/note", opt=needs(Action.ALERTS_TRIAGE), request_max_body_size=MOST_WRITTEN)
async def note(request: Asked) -> Response[str] | Redirect:
    """Add a note to the history."""
    form = await texts(request)
    office, viewer, me = office_of(request), await viewer_of(request), may_see_to(request.user)
    async with office.database.writing() as session:
        row = await find(session, request.path_params["number"], viewer)
        hand = triage.Hand(row.id, me.id, office.now_ns())
        others = await meanwhile.others(session, hand, form.get("seen"))
        written = await triage.note(session, hand, form.get("note", ""))
    if not written:
        return await page(request, row, status=400, problem="The note was empty.")
    return meanwhile.back(row, others)


@post("/alerts/{number:str}/assign", opt=needs(Action.ALERTS_TRIAGE))
async def assign(request: Asked) -> Response[str] | Redirect:
    """Give it to somebody who may see it."""
    form = await texts(request)
    office, viewer, me = office_of(request), await viewer_of(request), may_see_to(request.user)
    async with office.database.writing() as session:
        row = await find(session, request.path_params["number"], viewer)
        to = next(
            (one for one in await colleagues(session, row, office) if one.id == number_in(form.get("to", ""))), None
        )
        hand = triage.Hand(row.id, me.id, office.now_ns())
        others = await meanwhile.others(session, hand, form.get("seen"))
        if to is not None and not others.did("assigned"):
            await triage.assign(session, hand, to)
    if others.did("assigned"):
        return await second(request, row, others, "assigned")
    if to is None:
        return await page(request, row, status=400, problem="Choose somebody who may see it.")
    return meanwhile.back(row, others)


@post("/alerts/{number:str}/incident", opt=needs(Action.INCIDENTS_WRITE))
async def link(request: Asked) -> Response[str] | Redirect:
    """Link it to an open incident, or make one of it and lead there."""
    form = await texts(request)
    office, viewer, me = office_of(request), await viewer_of(request), may_see_to(request.user)
    async with office.database.writing() as session:
        row = await find(session, request.path_params["number"], viewer)
        hand = triage.Hand(row.id, me.id, office.now_ns())
        others = await meanwhile.others(session, hand, form.get("seen"))
        incident = (
            None if others.did("incident") else await _incident(session, form.get("incident", ""), viewer, row, hand)
        )
        if incident is not None:
            await triage.link(session, hand, incident.id, incident.number)
    if others.did("incident"):
        return await second(request, row, others, "incident")
    if incident is None:
        return await page(request, row, status=400, problem="There is no such incident.")
    return Redirect(f"/incidents/{incident.number}", status_code=303)


@post("/alerts/{number:str}/hour", opt=needs(Action.ALERTS_TRIAGE))
async def hour(request: Asked) -> Response[str]:
    """Show the hour around it, after a reason that is kept; of staff, with a second person."""
    form, office, viewer = await texts(request), office_of(request), await viewer_of(request)
    me = may_see_to(request.user)
    async with office.database.reading() as session:
        row = await find(session, request.path_params["number"], viewer)
    try:
        reason, second = await _why(request, row, form)
    except ReasonError as error:
        return await page(request, row, status=400, problem=str(error))
    async with office.database.writing() as session:
        moments = await context.hour(session, row, viewer, office)
        session.add(_look(row, me, office.now_ns(), "context", f"{reason}{f' (with {second})' if second else ''}"))
        says = f"at the hour around it{f', with {second}' if second else ''}: {reason}"
        await triage.done(session, triage.Hand(row.id, me.id, office.now_ns()), "looked", says)
    return await page(request, row, hour=moments)


@post("/alerts/{number:str}/name", opt=needs(Action.NAMES_REVEAL))
async def name(request: Asked) -> Response[str]:
    """Show the name of whom it is about, after a reason that is kept; of staff, with a second person."""
    form, office, viewer = await texts(request), office_of(request), await viewer_of(request)
    me = may_see_to(request.user)
    async with office.database.reading() as session:
        row = await find(session, request.path_params["number"], viewer)
    try:
        reason, second = await _why(request, row, form)
    except ReasonError as error:
        return await page(request, row, status=400, problem=str(error))
    keys = office.keyring.opened(str(request.auth))
    found = await office.names.name(person_of(row.subject) or 0, keys)
    says = f"at the name{f', with {second}' if second else ''}: {reason}"
    async with office.database.writing() as session:
        session.add(_look(row, me, office.now_ns(), "name", f"{reason}{f' (with {second})' if second else ''}"))
        await triage.done(session, triage.Hand(row.id, me.id, office.now_ns()), "looked", says)
    return await page(request, row, status=200 if found else 400, name=found or "", problem="" if found else CLOSED)


@post("/alerts/{number:str}/write-name", opt=needs(Action.NAMES_WRITE))
async def write_name(request: Asked) -> Response[str] | Redirect:
    """Write down, sealed, the name of whom it is about; whoever can read one may replace it, for a reason.

    What is about staff needs a second person for that too.
    """
    form, office, viewer = await texts(request), office_of(request), await viewer_of(request)
    me = may_see_to(request.user)
    async with office.database.reading() as session:
        row = await find(session, request.path_params["number"], viewer)
    person = person_of(row.subject)
    if person is None:
        return await page(request, row, status=400, problem="There is nobody to name here.")
    says = ""
    if await office.names.known(person):
        if "reason" not in form:
            return await page(request, row, status=400, problem=NAMED)
        try:
            reason, second = await _why(request, row, form)
        except ReasonError as error:
            return await page(request, row, status=400, problem=str(error))
        if await office.names.name(person, office.keyring.opened(str(request.auth))) is None:
            return await page(request, row, status=400, problem=CLOSED)
        says = f"in place of another{f', with {second}' if second else ''}: {reason}"
    try:
        pupil = not is_about_staff(row, viewer)
        await office.names.write(person, form.get("name", ""), pupil=pupil, by=me.id)
    except UnwritableNameError as error:
        return await page(request, row, status=400, problem=str(error))
    async with office.database.writing() as session:
        await triage.done(session, triage.Hand(row.id, me.id, office.now_ns()), "named", says)
    return _back(row)


PAGES = (judge, note, assign, link, hour, name, write_name)


async def _why(request: Asked, row: AlertRow, form: dict[str, str]) -> tuple[str, str]:
    """The reason of *form*, and the name of the second person, whom only staff need; ReasonError without either."""
    reason = reason_given(form.get("reason", ""))
    if not is_about_staff(row, await viewer_of(request)):
        return reason, ""
    return reason, await second_person(request, may_see_to(request.user), row, form)


async def _incident(
    session: AsyncSession, chosen: str, viewer: Viewer, row: AlertRow, hand: triage.Hand
) -> IncidentRow | None:
    """The incident with the number *chosen* if it is *viewer*'s, a new one about *row* for "new", or None."""
    if chosen == "new":
        owner = incidents.Owner(viewer.reads_as(row), row.subject, row.profile)
        return await incidents.make(session, owner, hand.account, hand.at_ns)
    theirs = select(IncidentRow).where(viewer.incidents(), IncidentRow.number == number_in(chosen))
    return await session.scalar(theirs)


def _look(row: AlertRow, me: Account, at_ns: int, what: str, reason: str) -> LookRow:
    return LookRow(at_ns=at_ns, account=me.id, subject=row.subject, alert=row.id, what=what, reason=reason)


def _back(row: AlertRow) -> Redirect:
    return Redirect(f"/alerts/{row.number}", status_code=303)
