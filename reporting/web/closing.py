"""Closing a site for everybody from the page of the alert that it got through, and opening it again."""

from litestar import Response, post
from litestar.response import Redirect

from blocklists.snapshot import SnapshotError
from reporting import got_through, incidents, triage
from reporting.accounts import Account
from reporting.case_models import IncidentRow
from reporting.got_through import IncidentToOpen, NoHostError, Opened
from reporting.logline import reason
from reporting.models import AlertRow
from reporting.people_models import LookRow
from reporting.permissions import Action
from reporting.web import through
from reporting.web.access import needs, texts
from reporting.web.alerts import find, page
from reporting.web.desk import may_see_to
from reporting.web.office import Asked, Office, office_of
from reporting.web.viewer import viewer_of

NOT_OF_IT = "Choose a site that this alert is about."
TITLE = "A site that should have been closed was open"


@post("/alerts/{number:str}/close-for-all", opt=needs(Action.ALERTS_TRIAGE))
async def close(request: Asked) -> Response[str]:
    """Close the site for everybody, show who opened it before, and open the incident, or tell where it cannot be."""
    host, row = await _chosen(request)
    office, viewer, me = office_of(request), await viewer_of(request), may_see_to(request.user)

    async def open_incident(about: IncidentToOpen) -> int:
        return await _incident(office, row, me, about)

    try:
        done = await got_through.close_for_all(
            host,
            by=me.id,
            database=office.database,
            permits=office.live.files.permits,
            open_incident=open_incident,
            called=lambda person: office.pseudonyms().called(person, office.now_ns()),
            school=office.school,
            whose=through.whose(row, viewer),
            alert=row.id,
            now_ns=office.now_ns,
        )
    except NoHostError:
        return await page(request, row, status=400, problem=NOT_OF_IT)
    except (OSError, SnapshotError) as error:
        return await page(request, row, status=500, problem=_not_closed(error))
    return await page(request, row, opened_by=[(one.who, one.count) for one in done.who])


@post("/alerts/{number:str}/open-again", opt=needs(Action.ALERTS_TRIAGE))
async def open_again(request: Asked) -> Response[str] | Redirect:
    """Take the emergency block of the site away: what the policy says of it holds again."""
    host, row = await _chosen(request)
    office, me = office_of(request), may_see_to(request.user)
    try:
        lifted = got_through.open_again(office.live.files.permits, host, office.now_ns())
    except (OSError, SnapshotError) as error:
        return await page(request, row, status=500, problem=_not_closed(error))
    if not lifted:
        return await page(request, row, status=400, problem=NOT_OF_IT)
    async with office.database.writing() as session:
        await triage.done(
            session, triage.Hand(row.id, me.id, office.now_ns()), "reopened", "what the policy says holds"
        )
    return Redirect(f"/alerts/{row.number}", status_code=303)


PAGES = (close, open_again)


async def _chosen(request: Asked) -> tuple[str, AlertRow]:
    """The site of the form if the alert is about it, else nothing; and the alert, which is the asker's to see."""
    asked = (await texts(request)).get("host", "")
    office, viewer = office_of(request), await viewer_of(request)
    async with office.database.reading() as session:
        row = await find(session, request.path_params["number"], viewer)
        return (asked if asked in await through.hosts(session, row, viewer) else ""), row


async def _incident(office: Office, row: AlertRow, me: Account, about: IncidentToOpen) -> int:
    """The number of the incident that *row* is part of, made now unless there is one; that it was done is on record."""
    hand = triage.Hand(row.id, me.id, about.at_ns)
    async with office.database.writing() as session:
        before = await triage.state(session, row.id)
        incident = await session.get(IncidentRow, before.incident) if before and before.incident else None
        if incident is None:
            owner = incidents.Owner(row.audience, row.subject, row.profile)
            incident = await incidents.make(session, owner, me.id, about.at_ns)
            await incidents.write(session, incident, me.id, about.at_ns, _says(row, about.who))
            await triage.link(session, hand, incident.id, incident.number)
        await triage.done(session, hand, "closed", "and was shown who opened it within 30 days")
        why = "to close its site for everybody"
        look = LookRow(at_ns=about.at_ns, account=me.id, subject=row.subject, alert=row.id, what="opened", reason=why)
        session.add(look)
        return incident.number


def _says(row: AlertRow, who: tuple[Opened, ...]) -> dict[str, str]:
    """What the incident about *row* says at first: no site (an incident leaves these pages), and no name."""
    return {
        "title": TITLE,
        "what": f"Alert {row.number}: somebody saw a site that should have been closed.",
        "who": "\n".join(f"{one.who}, {one.count} times within 30 days" for one in who),
        "actions": "The site was closed for everybody.",
    }


def _not_closed(error: Exception) -> str:
    return f"That cannot be done now, so tell your technician at once: {reason(error)}"
