"""Incidents: what happened, who, when, what was done, whom one told, and what came of it; each word with its history.

An incident belongs to a role as an alert does. What it says is a list of fields that is only ever added to: the newest
of each is what it says now. The caller owns the transaction, and gives the time.
"""

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import func, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from reporting import triage
from reporting.case_models import IncidentEventRow, IncidentRow, TriageRow
from reporting.models import AccountRow, AlertRow

FIRST_NUMBER = 101
"""Incidents count from here, so that none is mistaken for an alert."""

LONGEST = 20_000
"""Characters of a field: some six pages of writing."""

FIELDS: Mapping[str, tuple[str, str]] = {
    "title": ("In a few words", "For the list. No site, and no word that was searched for."),
    "what": ("What happened", "What you know, and how. Leave out what you only think."),
    "who": ("Who", "As your school writes it: initials or the case system's number do."),
    "when": ("When", "The time of what happened, and when it was noticed."),
    "actions": ("What was done", "By whom and when."),
    "agencies": ("Agencies told", "Children's services, police, IWF, CEOP, LADO: when, and their reference."),
    "risk": ("Could telling the parents put the child at risk?", "Ask this first: yes, no, or not known yet, and why."),
    "parents": ("Parents", "Told, when and by whom; or: not told, because. Name no site and no search."),
    "outcome": ("Outcome", "Where the child is now, and what follows."),
    "lessons": ("Lessons", "For the filter, the classroom or the policy."),
}
"""What an incident says: each field's label, and a hint. The question about risk stands before the parents (G10)."""


class Change(msgspec.Struct, frozen=True):
    """What somebody wrote into a field, and when."""

    at_ns: int
    by: str
    field: str
    says: str


class Linked(msgspec.Struct, frozen=True):
    """An alert that is part of an incident."""

    number: int
    severity: int
    theme: str
    opened_ns: int
    count: int


class Owner(msgspec.Struct, frozen=True):
    """Whose an incident is, as an alert says it: the role that may see it, and whom it is about."""

    audience: str
    subject: str = ""
    profile: str = ""


async def make(session: AsyncSession, owner: Owner, account: int, at_ns: int) -> IncidentRow:
    """A new incident of *owner*, opened by *account*."""
    number = (await session.scalar(select(func.max(IncidentRow.number))) or FIRST_NUMBER - 1) + 1
    row = IncidentRow(
        number=number,
        opened_ns=at_ns,
        opened_by=account,
        audience=owner.audience,
        subject=owner.subject,
        profile=owner.profile,
        state="open",
    )
    session.add(row)
    await session.flush()
    _add(session, row.id, account, at_ns, ("state", "opened"))
    return row


async def write(
    session: AsyncSession,
    incident: IncidentRow,
    account: int,
    at_ns: int,
    fields: Mapping[str, str],
    *,
    seen: int | None = None,
) -> tuple[str, ...]:
    """Write down each of *fields* that says something else than before; returns those that are left as they stand.

    *seen* is the last change that the writer had before them. What somebody else has written into a field since, the
    writer does not know of, so it stays.
    """
    now = await says(session, incident.id)
    then = now if seen is None else await says(session, incident.id, until=seen)
    left = []
    for field in (field for field in FIELDS if field in fields):
        text = tidied(fields[field])[:LONGEST]
        if text != now[field] and now[field] != then[field]:
            left.append(field)
        elif text != now[field]:
            _add(session, incident.id, account, at_ns, (field, text))
    return tuple(left)


def tidied(text: str) -> str:
    """*text* as it is kept: lines end in one character, and nothing blank stands around it."""
    return text.replace("\r\n", "\n").strip()


async def set_state(session: AsyncSession, incident: IncidentRow, account: int, at_ns: int, *, is_open: bool) -> None:
    """Close the incident, or open it again. Of the alerts of one that is closed nobody further is told."""
    if (incident.state == "open") is is_open:
        return
    incident.state, incident.closed_ns = ("open", None) if is_open else ("closed", at_ns)
    if not is_open:
        parts = select(TriageRow.alert).where(TriageRow.incident == incident.id)
        await triage.end_ladder(session, (await session.scalars(parts)).all())
    _add(session, incident.id, account, at_ns, ("state", "opened again" if is_open else "closed"))


async def exported(session: AsyncSession, incident: IncidentRow, account: int, at_ns: int, kind: str) -> None:
    """Note that the incident left these pages as *kind*."""
    _add(session, incident.id, account, at_ns, ("export", kind))


async def looked(session: AsyncSession, incident: IncidentRow, account: int, at_ns: int, words: str) -> None:
    """Note what was asked, granted, refused or shown of a longer look (`reporting.longer_looks`)."""
    _add(session, incident.id, account, at_ns, ("look", words))


async def says(session: AsyncSession, incident: int, *, until: int | None = None) -> dict[str, str]:
    """What each field says now, or said after the change *until*; empty where nobody wrote."""
    newest = (
        select(func.max(IncidentEventRow.id))
        .where(IncidentEventRow.incident == incident)
        .where(IncidentEventRow.id <= until if until is not None else true())
        .group_by(IncidentEventRow.field)
    )
    found = await session.execute(
        select(IncidentEventRow.field, IncidentEventRow.says).where(IncidentEventRow.id.in_(newest))
    )
    written = {row[0]: row[1] for row in found}
    return {field: written.get(field, "") for field in FIELDS}


async def last_change(session: AsyncSession, incident: int) -> int:
    """The number of the newest change of the incident with the id *incident*: what a writer has seen."""
    newest = select(func.max(IncidentEventRow.id)).where(IncidentEventRow.incident == incident)
    return await session.scalar(newest) or 0


async def history(session: AsyncSession, incident: int) -> Sequence[Change]:
    """All that was written, the oldest first."""
    found = (
        select(IncidentEventRow, AccountRow.name)
        .join(AccountRow, AccountRow.id == IncidentEventRow.account)
        .where(IncidentEventRow.incident == incident)
        .order_by(IncidentEventRow.id)
    )
    return [Change(row.at_ns, name, row.field, row.says) for row, name in (await session.execute(found)).all()]


async def linked(session: AsyncSession, incident: int) -> Sequence[Linked]:
    """The alerts that are part of the incident with the id *incident*."""
    found = select(AlertRow).join(TriageRow, TriageRow.alert == AlertRow.id).where(TriageRow.incident == incident)
    rows = await session.scalars(found.order_by(AlertRow.number))
    return [Linked(row.number, row.severity, row.theme, row.opened_ns, row.count) for row in rows]


def _add(session: AsyncSession, incident: int, account: int, at_ns: int, change: tuple[str, str]) -> None:
    field, words = change
    session.add(IncidentEventRow(incident=incident, at_ns=at_ns, account=account, field=field, says=words))
