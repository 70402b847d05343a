"""Incidents: the list, one with all that was written, making one by hand, and taking it out as PDF or CSV.

An incident that is another role's is answered like one that does not exist.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import msgspec
from litestar import Response, get, post
from litestar.exceptions import NotFoundException
from litestar.response import Redirect
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from reporting import incidents
from reporting.case_models import IncidentRow
from reporting.incidents import FIELDS, Change, Linked, Owner
from reporting.models import AccountRow
from reporting.names import ReasonError, reason_given
from reporting.people_models import LookRow
from reporting.permissions import Action
from reporting.web import longer_looks, times
from reporting.web.access import needs, texts
from reporting.web.alerts import THEMES, number_in
from reporting.web.desk import may_see_to
from reporting.web.incident_export import Sheet, as_csv, as_pdf
from reporting.web.office import Asked, Office, office_of
from reporting.web.render import MOST_WRITTEN, html, plain_lines, prose
from reporting.web.rows import severity_name
from reporting.web.viewer import Viewer, viewer_of

PAGE = 100
"""Incidents on the list: a school has fewer in a year."""

ONE_LOOK = 10 * 60 * 1_000_000_000
"""Nanoseconds in which somebody who opens an incident again is still at the same look."""

KINDS = {"pdf": ("application/pdf", as_pdf), "csv": ("text/csv; charset=utf-8", as_csv)}
"""What an incident can leave as."""

NOT_YOURS = "Choose whom it is about; you may write incidents only about people that are yours to look after."
BOTH_WROTE = (
    "Somebody else has written here meanwhile. Their words are kept and stand below each field that you both changed, "
    "yours are still in the field and not saved yet. Put the two together, and save."
)
OTHERS = {"state": "State", "export": "Exported as", "look": "Longer look"}


NOTHING: Mapping[str, str] = MappingProxyType({})


class Listed(msgspec.Struct, frozen=True):
    """An incident in the list."""

    number: int
    title: str
    opened: str
    profile: str
    open: bool


class Written(msgspec.Struct, frozen=True):
    """One line of the history."""

    when: str
    at: str
    by: str
    field: str
    says: Markup


@get("/incidents", opt=needs(Action.INCIDENTS_READ))
async def incident_list(request: Asked) -> Response[str]:
    """The newest incidents, the open ones first."""
    return await _list(request)


@post("/incidents", opt=needs(Action.INCIDENTS_WRITE))
async def make(request: Asked) -> Response[str] | Redirect:
    """Make one by hand, about somebody of a profile."""
    form, office, viewer = await texts(request), office_of(request), await viewer_of(request)
    me, profile = may_see_to(request.user), form.get("profile", "")
    audience = _audience(viewer, profile, office)
    if audience is None:
        return await _list(request, problem=NOT_YOURS, status=400)
    async with office.database.writing() as session:
        row = await incidents.make(session, Owner(audience, "", profile), me.id, office.now_ns())
        await incidents.write(session, row, me.id, office.now_ns(), {"title": form.get("title", "")})
    return Redirect(f"/incidents/{row.number}", status_code=303)


@get("/incidents/{number:str}", opt=needs(Action.INCIDENTS_READ))
async def incident(request: Asked) -> Response[str]:
    """One incident; that somebody opened it is on the record."""
    office, me = office_of(request), may_see_to(request.user)
    async with office.database.writing() as session:
        row = await _find(session, request, await viewer_of(request))
        if not await _has_just_looked(session, row, me.id, office.now_ns()):
            session.add(_look(row, me.id, office.now_ns(), "incident", f"incident {row.number}"))
    return await _page(request, row)


@post("/incidents/{number:str}", opt=needs(Action.INCIDENTS_WRITE), request_max_body_size=MOST_WRITTEN)
async def write(request: Asked) -> Response[str] | Redirect:
    """Write down what was changed in the form; what stood there before stays in the history.

    Where somebody else has written into the same field meanwhile, or a field is too long, nothing that was sent is
    lost: it comes back to be looked at again.
    """
    form, office, me = await texts(request), office_of(request), may_see_to(request.user)
    viewer, seen = await viewer_of(request), number_in(form.get("seen", "")) or None
    async with office.database.writing() as session:
        row = await _find(session, request, viewer)
        sent = _changed(form, await incidents.says(session, row.id, until=seen))
        too_long = [field for field, text in sent.items() if len(text) > incidents.LONGEST]
        left = () if too_long else await incidents.write(session, row, me.id, office.now_ns(), sent, seen=seen)
    if too_long:
        return await _page(request, row, problem=_too_long(sent, too_long), status=400, sent=sent)
    if left:
        kept = {field: sent[field] for field in left}
        problem = f"{BOTH_WROTE} You both changed: {', '.join(_label(field) for field in left)}."
        return await _page(request, row, problem=problem, status=409, sent=kept, theirs=left)
    return Redirect(f"/incidents/{row.number}", status_code=303)


@post("/incidents/{number:str}/state", opt=needs(Action.INCIDENTS_WRITE))
async def state(request: Asked) -> Redirect:
    """Close it, or open it again."""
    form, office, me = await texts(request), office_of(request), may_see_to(request.user)
    viewer = await viewer_of(request)
    async with office.database.writing() as session:
        row = await _find(session, request, viewer)
        await incidents.set_state(session, row, me.id, office.now_ns(), is_open=form.get("state") == "open")
    return Redirect(f"/incidents/{row.number}", status_code=303)


@post("/incidents/{number:str}/export", opt=needs(Action.INCIDENTS_EXPORT))
async def export(request: Asked) -> Response[str] | Response[bytes]:
    """The incident as a file, after a reason that is kept."""
    form, office, me = await texts(request), office_of(request), may_see_to(request.user)
    viewer, kind = await viewer_of(request), form.get("kind", "")
    async with office.database.writing() as session:
        row = await _find(session, request, viewer)
        try:
            reason = reason_given(form.get("reason", "") if kind in KINDS else "")
        except ReasonError as error:
            problem = str(error)
        else:
            problem = ""
            session.add(_look(row, me.id, office.now_ns(), "export", reason))
            await incidents.exported(session, row, me.id, office.now_ns(), f"{kind.upper()}: {reason}")
    if problem:
        return await _page(request, row, problem=problem, status=400)
    media, written = KINDS[kind]
    named = f'attachment; filename="incident-{row.number}.{kind}"'
    async with office.database.reading() as session:
        content = written(await _sheet(session, row, office))
    return Response(content, status_code=200, media_type=media, headers={"content-disposition": named})


PAGES = (incident_list, make, incident, write, state, export)


async def _find(session: AsyncSession, request: Asked, viewer: Viewer) -> IncidentRow:
    """The incident that the path names if it is *viewer*'s; NotFoundException otherwise."""
    number = number_in(str(request.path_params["number"]))
    found = await session.scalar(select(IncidentRow).where(IncidentRow.number == number, viewer.incidents()))
    if found is None:
        raise NotFoundException
    return found


def _audience(viewer: Viewer, profile: str, office: Office) -> str | None:
    """The role that an incident about somebody of *profile* belongs to, if it is *viewer*'s; else None."""
    if office.rulebook is None or profile not in office.rulebook.profiles:
        return None
    row = IncidentRow(audience="", profile=profile)
    mine = (role for role in ("dsl", "headteacher", "chair") if not viewer.alert_holder(row, role))
    fits = (role for role in mine if role != "dsl" or profile in viewer.pupils)
    return next(fits, None)


async def _list(request: Asked, *, problem: str = "", status: int = 200) -> Response[str]:
    office, viewer = office_of(request), await viewer_of(request)
    newest = select(IncidentRow).where(viewer.incidents()).order_by(IncidentRow.state.desc(), IncidentRow.number.desc())
    async with office.database.reading() as session:
        rows = list(await session.scalars(newest.limit(PAGE)))
        shown = [_listed(row, (await incidents.says(session, row.id))["title"], office) for row in rows]
    book = office.rulebook
    profiles = [(n, p.title) for n, p in book.profiles.items() if _audience(viewer, n, office)] if book else []
    return html(request, office, "incidents.html", status=status, problem=problem, incidents=shown, profiles=profiles)


def _listed(row: IncidentRow, title: str, office: Office) -> Listed:
    return Listed(
        number=row.number,
        title=title or "No words yet",
        opened=times.shown(row.opened_ns, office.zone),
        profile=_profile(row, office),
        open=row.state == "open",
    )


def _changed(form: Mapping[str, str], shown: Mapping[str, str]) -> dict[str, str]:
    """The fields of *form* that say something else than the page, which had *shown*, did."""
    written = {field: incidents.tidied(form[field]) for field in FIELDS if field in form}
    return {field: text for field, text in written.items() if text not in (shown[field], plain_lines(shown[field]))}


def _too_long(sent: Mapping[str, str], fields: Sequence[str]) -> str:
    """What somebody is told who wrote more into *fields* than is kept."""
    each = "; ".join(f"{FIELDS[field][0]}: {len(sent[field]) - incidents.LONGEST:,} too many" for field in fields)
    return f"Nothing is saved yet. A field holds {incidents.LONGEST:,} characters ({each}). Shorten it, and save again."


async def _page(
    request: Asked,
    row: IncidentRow,
    *,
    problem: str = "",
    status: int = 200,
    sent: Mapping[str, str] = NOTHING,
    theirs: Sequence[str] = (),
) -> Response[str]:
    """The incident; *sent* stands in its form in place of what is kept, which is shown beside it for *theirs*."""
    office = office_of(request)
    async with office.database.reading() as session:
        seen = await incidents.last_change(session, row.id)
        says = await incidents.says(session, row.id)
        changes = await incidents.history(session, row.id)
        alerts = await incidents.linked(session, row.id)
        longer = await longer_looks.of_incident(session, row, request)
    return html(
        request,
        office,
        "incident.html",
        status=status,
        problem=problem,
        incident=_listed(row, says["title"], office),
        seen=seen,
        fields=[
            (field, label, hint, prose(sent.get(field, says[field]), MOST_WRITTEN))
            for field, (label, hint) in FIELDS.items()
        ],
        theirs={field: prose(says[field]) for field in theirs},
        alerts=[(one.number, _alert(one, office)) for one in alerts],
        history=[_written(change, office) for change in changes],
        who=_subject(row, office),
        **longer,
    )


def _written(change: Change, office: Office) -> Written:
    return Written(
        when=times.shown(change.at_ns, office.zone),
        at=times.machine(change.at_ns),
        by=change.by,
        field=_label(change.field),
        says=prose(change.says),
    )


async def _sheet(session: AsyncSession, row: IncidentRow, office: Office) -> Sheet:
    says: Mapping[str, str] = await incidents.says(session, row.id)
    changes = await incidents.history(session, row.id)
    opened_by = await session.get(AccountRow, row.opened_by)
    facts = (
        ("School", office.school),
        ("Opened", f"{times.shown(row.opened_ns, office.zone)} by {opened_by.name if opened_by else ''}"),
        ("State", row.state),
        ("About", f"{_subject(row, office)}, {_profile(row, office)}"),
        ("Exported", times.shown(office.now_ns(), office.zone)),
    )
    return Sheet(
        title=f"Incident {row.number}: {says['title']}",
        facts=facts,
        fields=[(label, says[field]) for field, (label, _) in FIELDS.items()],
        alerts=[_alert(one, office) for one in await incidents.linked(session, row.id)],
        history=[(times.shown(one.at_ns, office.zone), one.by, f"{_label(one.field)}: {one.says}") for one in changes],
    )


def _alert(one: Linked, office: Office) -> str:
    theme = THEMES.get(one.theme, one.theme or "No theme")
    opened = times.shown(one.opened_ns, office.zone)
    often = "once" if one.count == 1 else f"{one.count} times"
    return f"Alert {one.number}, {severity_name(one.severity)}, {theme}, opened {opened}, {often}"


def _label(field: str) -> str:
    return FIELDS[field][0] if field in FIELDS else OTHERS.get(field, field)


def _profile(row: IncidentRow, office: Office) -> str:
    found = office.rulebook.profiles.get(row.profile) if office.rulebook else None
    return found.title if found else row.profile


def _subject(row: IncidentRow, office: Office) -> str:
    """Whom *row* is about, by pseudonym and never by name: the one of the term in which it was opened."""
    return office.pseudonyms().subject(row.subject, row.opened_ns) or "Nobody of the log"


async def _has_just_looked(session: AsyncSession, row: IncidentRow, account: int, now_ns: int) -> bool:
    """Whether it is the same look still: each "Save" shows the page again, and is no further look at the record."""
    theirs = select(LookRow.id).where(LookRow.account == account, LookRow.incident == row.id)
    before = theirs.where(LookRow.what == "incident", LookRow.at_ns > now_ns - ONE_LOOK)
    return await session.scalar(before.limit(1)) is not None


def _look(row: IncidentRow, account: int, at_ns: int, what: str, reason: str) -> LookRow:
    return LookRow(at_ns=at_ns, account=account, subject=row.subject, incident=row.id, what=what, reason=reason)
