"""The alerts, for the roles that they are routed to (G7); a page tells what happened, and never leads to the material.

An alert that is another role's is answered like one that does not exist, so its number says nothing.
"""

import msgspec
from litestar import Response, get, post
from litestar.exceptions import NotFoundException
from litestar.response import Redirect
from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from blocklists.rulebook import Severity
from reporting import triage
from reporting.alerts import MEANINGS, acknowledge
from reporting.models import AccountRow, AlertBreachRow, AlertRow, BreachRow
from reporting.permissions import Action
from reporting.web import desk, inbox, meanwhile, rows, through, times
from reporting.web.access import needs, texts
from reporting.web.meanwhile import Others
from reporting.web.office import Asked, Office, office_of
from reporting.web.render import html, json, link
from reporting.web.rows import Shown, severity_name
from reporting.web.viewer import Viewer, viewer_of

PAGE = 50
"""Alerts on a page, and breaches on an alert's page."""

THEMES = {
    "abuse": "Abuse",
    "bullying": "Bullying",
    "bypass": "Getting round the filter",
    "drugs": "Drugs",
    "eating-disorder": "Eating disorders",
    "grooming": "Contact with strangers",
    "hate": "Hate",
    "illegal": "Illegal material",
    "malware": "Harmful software",
    "radicalisation": "Extremism",
    "self-harm": "Self-harm or suicide",
    "sexual": "Sexual content",
    "suicide": "Suicide",
    "violence": "Violence",
}
"""Themes as people say them."""

CHILD_FIRST = frozenset({"abuse", "self-harm", "suicide"})
"""Themes of a child who may need somebody now: what to do comes before everything else on the page."""


class ShownAlert(msgspec.Struct, frozen=True):
    """An alert in words; nothing in it names a site."""

    number: int
    severity: str
    title: str
    says: str
    theme: str
    who: str
    profile: str
    opened: str
    opened_at: str
    latest: str
    act_by: str
    late: bool
    open: bool
    count: int
    acknowledged: str


@get("/alerts", opt=needs(Action.ALERTS_READ))
async def alert_list(request: Asked) -> Response[str] | Response[bytes]:
    """Open alerts with the most pressing first, then the newest that were acknowledged; ?format=json as JSON."""
    office, asked = office_of(request), {name: request.query_params.get(name, "") for name in inbox.CHOICES}
    mine = [(await viewer_of(request)).alerts(), *inbox.conditions(asked, request.user)]
    async with office.database.reading() as session:
        waiting = list(await session.scalars(soonest_first().where(*mine, AlertRow.state == "open")))
        older = number_in(request.query_params.get("below", "")) or 2**62
        done = select(AlertRow).where(*mine, AlertRow.state != "open", AlertRow.number < older)
        found = list(await session.scalars(done.order_by(AlertRow.number.desc()).limit(PAGE + 1)))
        marks = await inbox.marks(session, [row.id for row in (*waiting, *found)])
        names = await inbox.names(session, {row.acknowledged_by for row in found})
    if request.query_params.get("format") == "json":
        return json({"alerts": [show(row, office) for row in (*waiting, *found[:PAGE])]})
    return html(
        request,
        office,
        "alerts.html",
        waiting=[show(row, office) for row in waiting],
        done=[show(row, office, by=names.get(row.acknowledged_by, "")) for row in found[:PAGE]],
        marks={row.number: marks[row.id] for row in (*waiting, *found) if row.id in marks},
        asked=asked,
        narrowed=any(asked.values()),
        choices=inbox.CHOICES,
        older=link(inbox.older(asked, found[PAGE - 1].number)) if len(found) > PAGE else "",
    )


@get("/alerts/{number:str}", opt=needs(Action.ALERTS_READ))
async def alert(request: Asked) -> Response[str]:
    """One alert: what it means, by when to act, what to do, what happened, and what people did about it."""
    office = office_of(request)
    assert request.user, "the guard lets only people through"
    async with office.database.writing() as session:
        row = await find(session, request.path_params["number"], await viewer_of(request))
        hand = triage.Hand(row.id, request.user.id, office.now_ns())
        await triage.opened(session, hand)
        others = await meanwhile.others(session, hand, request.query_params.get("seen"))
    return await page(request, row, others=others)


async def second(request: Asked, row: AlertRow, others: Others, what: str) -> Response[str]:
    """Tell whoever comes second with the step *what* who was first, and what became of their form."""
    return await page(request, row, status=409, others=others, first=meanwhile.FIRST[what])


async def page(
    request: Asked, row: AlertRow, *, status: int = 200, others: Others | None = None, **more: object
) -> Response[str]:
    """The page of the alert *row*, which is the asker's to see; *more* is what a form of it has shown or refused.

    *others* is what others did about it meanwhile.
    """
    office, viewer = office_of(request), await viewer_of(request)
    async with office.database.reading() as session:
        found = select(BreachRow).join(AlertBreachRow, AlertBreachRow.breach == BreachRow.id)
        newest = found.where(AlertBreachRow.alert == row.id).order_by(BreachRow.at_ns.desc(), BreachRow.id.desc())
        breaches = list(await session.scalars(newest.limit(PAGE)))
        joined = await session.scalar(select(func.count()).where(AlertBreachRow.alert == row.id))
        by = await session.get(AccountRow, row.acknowledged_by) if row.acknowledged_by else None
        handled = await desk.of(session, row, request)
        got_through = await through.of(session, row, viewer, office)
    return html(
        request,
        office,
        "alert.html",
        alert=show(row, office, by=by.name if by else ""),
        illegal=row.severity == Severity.ILLEGAL,
        help_first=row.theme in CHILD_FIRST,
        rows=_entries(breaches, viewer, viewer.reads_as(row), office),
        unlisted=max(0, (joined or 0) - PAGE),
        status=status,
        through=got_through,
        others=[desk.shown_step(step, office) for step in others.steps] if others else [],
        **handled,
        **{"problem": "", "first": "", "name": "", "hour": None, "opened_by": None, **more},
    )


@post("/alerts/{number:str}/acknowledge", opt=needs(Action.ALERTS_TRIAGE))
async def acknowledged(request: Asked) -> Response[str] | Redirect:
    """Note who has taken the alert on, and when; a second time changes nothing, and says who was first."""
    form, office, viewer = await texts(request), office_of(request), await viewer_of(request)
    assert request.user, "the guard lets only people through"
    async with office.database.writing() as session:
        row = await find(session, request.path_params["number"], viewer)
        hand = triage.Hand(row.id, request.user.id, office.now_ns())
        others = await meanwhile.others(session, hand, form.get("seen"))
        if await acknowledge(session, row.number, request.user.id, hand.at_ns):
            await triage.done(session, hand, "acknowledged")
    if row.acknowledged_by not in {None, request.user.id}:
        return await second(request, row, others, "acknowledged")
    return meanwhile.back(row, others)


def soonest_first() -> Select[AlertRow]:
    """All alerts, those to be acted on first at the top."""
    return select(AlertRow).order_by(AlertRow.act_by_ns, AlertRow.severity.desc(), AlertRow.number).limit(200)


def show(row: AlertRow, office: Office, *, by: str = "") -> ShownAlert:
    """*row* in words; *by* is the name of who acknowledged it."""
    meaning = MEANINGS.get(Severity(row.severity)) if row.severity in set(Severity) else None
    profile = office.rulebook.profiles.get(row.profile) if office.rulebook else None
    is_open, zone = row.state == "open", office.zone
    done = f"{times.shown(row.acknowledged_ns, zone)}{f' by {by}' if by else ''}" if row.acknowledged_ns else ""
    return ShownAlert(
        number=row.number,
        severity=severity_name(row.severity),
        title=meaning.title if meaning else "",
        says=meaning.says if meaning else "",
        theme=THEMES.get(row.theme, row.theme or "No theme"),
        who=office.pseudonyms().subject(row.subject, row.opened_ns) or row.subject.partition(":")[0],
        profile=profile.title if profile else row.profile,
        opened=times.shown(row.opened_ns, zone),
        opened_at=times.machine(row.opened_ns),
        latest=times.shown(row.last_ns, zone),
        act_by=times.to_minute(row.act_by_ns, zone) if 0 < row.act_by_ns < times.LAST_NS else "in your own time",
        late=is_open and row.act_by_ns < office.now_ns(),
        open=is_open,
        count=row.count,
        acknowledged=done,
    )


def _entries(breaches: list[BreachRow], viewer: Viewer, audience: str, office: Office) -> list[Shown]:
    """The breaches of an alert to *audience*: pupils and staff may have been at one address, so each is asked after."""
    book, zone = office.rulebook, office.zone
    return [rows.show(row, holder=viewer.alert_holder(row, audience), rulebook=book, zone=zone) for row in breaches]


async def find(session: AsyncSession, number: str, viewer: Viewer) -> AlertRow:
    """The alert *number* if it is *viewer*'s; NotFoundException otherwise."""
    found = await session.scalar(select(AlertRow).where(AlertRow.number == number_in(number), viewer.alerts()))
    if found is None:
        raise NotFoundException
    return found


def number_in(text: str) -> int:
    """*text* as an alert's number, or 0, which no alert has."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0
