"""What an alert's page shows of what people did about it, and what the person before it may do next."""

import msgspec
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from reporting import triage
from reporting.accounts import Account, head_is_dsl
from reporting.case_models import IncidentRow
from reporting.models import AccountRow, AlertRow
from reporting.pattern import person_of
from reporting.people_models import AccountStateRow
from reporting.permissions import Action, may
from reporting.web import inbox, times
from reporting.web.office import Asked, Office, office_of
from reporting.web.render import prose
from reporting.web.viewer import Viewer, viewer, viewer_of

WHAT = {
    "opened": "opened it",
    "acknowledged": "acknowledged it",
    "judged": "called it",
    "note": "noted",
    "assigned": "gave it",
    "incident": "has it",
    "looked": "looked",
    "closed": "closed its site for everybody,",
    "reopened": "opened its site again,",
    "named": "wrote the name down",
}
"""The steps as the history says them, after a name."""

MOST_INCIDENTS = 50


class ShownStep(msgspec.Struct, frozen=True):
    """A step in words."""

    when: str
    at: str
    by: str
    what: str
    says: Markup


async def of(session: AsyncSession, row: AlertRow, request: Asked) -> dict[str, object]:
    """What the template of an alert needs besides the alert."""
    office, mine = office_of(request), await viewer_of(request)
    assert request.user, "the guard lets only people through"
    person = person_of(row.subject)
    found = (await inbox.marks(session, [row.id])).get(row.id)
    return {
        "mark": found or inbox.Mark("", "", None),
        "judgements": list(triage.JUDGEMENTS.items()),
        "seen": await triage.last_step(session, row.id),
        "history": [shown_step(step, office) for step in await triage.history(session, row.id)],
        "colleagues": [(one.id, one.name) for one in await colleagues(session, row, office)],
        "incidents": await _incidents(session, mine),
        "person": person,
        "has_name": person is not None and await office.names.known(person),
        "may_reveal": person is not None and may(request.user.roles, Action.NAMES_REVEAL),
        "about_staff": is_about_staff(row, mine),
        "key_open": bool(office.keyring.opened(str(request.auth))),
    }


async def colleagues(session: AsyncSession, row: AlertRow, office: Office) -> list[AccountRow]:
    """The open accounts that may see the alert *row*: to them it can be given."""
    closed = select(AccountStateRow.account).where(AccountStateRow.closed_ns.is_not(None))
    there = select(AccountRow).where(AccountRow.id.not_in(closed)).order_by(AccountRow.login, AccountRow.name)
    rows = list(await session.scalars(there))
    one_person = (await _one_person(office)) if rows else False
    return [one for one in rows if _sees(one, row, office, one_person=one_person)]


def is_about_staff(row: AlertRow, mine: Viewer) -> bool:
    """Whether *row* is about somebody whose profile is not a pupils': then two people look (G11)."""
    return row.profile not in mine.pupils


def may_see_to(account: Account | None) -> Account:
    """*account*, which the guard has let through."""
    assert account, "the guard lets only people through"
    return account


async def _one_person(office: Office) -> bool:
    return head_is_dsl(await office.accounts.roles_held())


def _sees(account: AccountRow, row: AlertRow, office: Office, *, one_person: bool) -> bool:
    roles = account.roles.split(",")
    theirs = viewer(roles, office.rulebook, one_person=one_person)
    return may(roles, Action.ALERTS_TRIAGE) and not theirs.alert_holder(row, row.audience)


async def _incidents(session: AsyncSession, mine: Viewer) -> list[int]:
    found = select(IncidentRow.number).where(mine.incidents(), IncidentRow.state == "open")
    return list(await session.scalars(found.order_by(IncidentRow.number.desc()).limit(MOST_INCIDENTS)))


def shown_step(step: triage.Step, office: Office) -> ShownStep:
    """*step* in words."""
    when, at = times.shown(step.at_ns, office.zone), times.machine(step.at_ns)
    return ShownStep(when, at, step.by, WHAT.get(step.what, step.what), prose(step.says))
