"""What those see who watch over the watchers: figures without names for governors, and the record of looks (G11)."""

from litestar import Response, get
from sqlalchemy import func, select

from blocklists.rulebook import Severity
from reporting import helplines, longer_looks
from reporting.case_models import IncidentRow, TriageRow
from reporting.models import AlertRow
from reporting.names import Look, looks, looks_by_role, reveals_by_role
from reporting.permissions import Action, may
from reporting.summary_words import HELPED
from reporting.triage import JUDGEMENTS
from reporting.web import times
from reporting.web.access import needs
from reporting.web.desk import may_see_to
from reporting.web.office import Asked, Office, office_of
from reporting.web.people import shown_events
from reporting.web.render import ROLE_WORDS, html

DAY = 24 * 3600 * 1_000_000_000
DAYS = 30
"""Days that the figures are of."""

MOST = 200
"""Looks, and changes of accounts, that the record shows."""

WHAT = {
    "context": "the hour around",
    "longer": "a day beyond the hour",
    "name": "the name",
    "opened": "who opened its site",
    "incident": "an incident",
    "export": "took out an incident",
}


@get("/oversight", opt=needs(Action.OVERSIGHT_READ))
async def oversight(request: Asked) -> Response[str]:
    """Figures of the last month; nobody is named."""
    office = office_of(request)
    since = office.now_ns() - DAYS * DAY
    by_role = await looks_by_role(office.database, since)
    figures: list[tuple[str, list[tuple[str, int]] | list[tuple[str, str]]]]
    figures = [("Alerts", await _alerts(office, since)), ("Judged", await _judged(office, since))]
    figures += [("Incidents", await _incidents(office, since)), ("Looks at records, by role", _roles(by_role))]
    figures += [("Reveals, by role", await _reveals(office, since)), ("Longer looks", await _longer(office, since))]
    figures += [("Help services, last week", [(HELPED, helplines.last_week(office.live.files.spool, office.now_ns()))])]
    return html(
        request,
        office,
        "oversight.html",
        figures=figures,
        days=DAYS,
        may_look=may(may_see_to(request.user).roles, Action.LOOKS_READ),
    )


@get("/looks", opt=needs(Action.LOOKS_READ))
async def record(request: Asked) -> Response[str]:
    """Who looked at whose record, when and why, and what was done to accounts."""
    office, zone = office_of(request), office_of(request).zone
    shown = [
        (times.shown(one.at_ns, zone), one.account, WHAT.get(one.what, one.what), _subject(one, office), one.reason)
        for one in await looks(office.database, MOST)
    ]
    changes = shown_events(await office.people.changes(MOST), office.zone)
    return html(request, office, "looks.html", looks=shown, changes=changes, purges=office.names.purges())


PAGES = (oversight, record)


async def _alerts(office: Office, since: int) -> list[tuple[str, int]]:
    found = select(AlertRow.severity, func.count()).where(AlertRow.opened_ns >= since).group_by(AlertRow.severity)
    async with office.database.reading() as session:
        counts = {row[0]: row[1] for row in await session.execute(found)}
    return [(severity.name, counts.get(int(severity), 0)) for severity in sorted(Severity, reverse=True) if severity]


async def _judged(office: Office, since: int) -> list[tuple[str, int]]:
    found = select(TriageRow.judgement, func.count()).join(AlertRow, AlertRow.id == TriageRow.alert)
    async with office.database.reading() as session:
        rows = await session.execute(found.where(AlertRow.opened_ns >= since).group_by(TriageRow.judgement))
        counts = {row[0]: row[1] for row in rows}
    return [(words, counts.get(value, 0)) for value, words in JUDGEMENTS.items()]


async def _incidents(office: Office, since: int) -> list[tuple[str, int]]:
    found = select(IncidentRow.state, func.count()).where(IncidentRow.opened_ns >= since).group_by(IncidentRow.state)
    async with office.database.reading() as session:
        counts = {row[0]: row[1] for row in await session.execute(found)}
    return [(state, counts.get(state, 0)) for state in ("open", "closed")]


REVEALED = {
    "name": "names",
    "context": "hours around an alert",
    "longer": "days beyond the hour",
    "opened": "lists of who opened a site",
}
"""What can be revealed of a person, as figures say it."""


async def _reveals(office: Office, since: int) -> list[tuple[str, int]]:
    """Each role with each kind of reveal, for governors (G11)."""
    found = sorted((await reveals_by_role(office.database, since)).items())
    return [(f"{_words(roles)}: {REVEALED[what]}", count) for (roles, what), count in found] or [("nobody", 0)]


async def _longer(office: Office, since: int) -> list[tuple[str, int]]:
    async with office.database.reading() as session:
        found = await longer_looks.counts(session, since)
    words = ((longer_looks.GRANTED, "granted"), (longer_looks.REFUSED, "refused"), (longer_looks.ASKED, "not answered"))
    return [(said, found.get(state, 0)) for state, said in words]


def _roles(by_role: dict[str, int]) -> list[tuple[str, int]]:
    return [(_words(roles), count) for roles, count in sorted(by_role.items())] or [("nobody", 0)]


def _words(roles: str) -> str:
    return ", ".join(ROLE_WORDS.get(role, role) for role in roles.split(","))


def _subject(one: Look, office: Office) -> str:
    """Whose record it was, by pseudonym; of a device, only the alert, for its address is not the auditor's."""
    called = office.pseudonyms().subject(one.subject, one.at_ns)
    who = "A device" if one.subject.startswith("address:") else called
    about = f"alert {one.alert}" if one.alert else f"incident {one.incident}" if one.incident else ""
    return ", ".join(filter(None, (who, about)))
