"""The filters of the list of alerts, and the marks that people have put on them; whose they are is asked elsewhere."""

from collections.abc import Collection, Mapping, Sequence
from urllib.parse import urlencode

import msgspec
from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from blocklists.rulebook import Severity
from reporting.accounts import Account
from reporting.case_models import IncidentRow, TriageRow
from reporting.models import AccountRow, AlertRow, OutboxRow
from reporting.triage import JUDGEMENTS

CHOICES: Mapping[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "severity": ("Severity", tuple((s.name, s.name) for s in sorted(Severity, reverse=True) if s)),
    "whose": ("Whose", (("mine", "Mine"), ("nobody", "Nobody's yet"))),
    "judgement": ("Judged", (*JUDGEMENTS.items(), ("none", "not yet"))),
    "told": ("Told", (("further", "somebody further up too"), ("unanswered", "by a mail without an answer"))),
    "incident": ("Incident", (("yes", "part of one"), ("no", "part of none"))),
}
"""The filters: each with its label and what can be chosen."""


class Mark(msgspec.Struct, frozen=True):
    """What people have made of an alert, in words."""

    judgement: str
    assigned: str
    incident: int | None


def conditions(asked: Mapping[str, str], account: Account | None) -> list[ColumnElement[bool]]:
    """What *asked*, of CHOICES, means in SQL for *account*; what is none of the choices asks for nothing."""
    found: list[ColumnElement[bool]] = []
    if asked["severity"] in Severity.__members__:
        found.append(AlertRow.severity == Severity[asked["severity"]])
    triaged = select(TriageRow.alert)
    number = account.id if account else 0
    silent = select(OutboxRow.alert).where(OutboxRow.alert.is_not(None), OutboxRow.state == "unanswered")
    marked = {
        ("whose", "mine"): AlertRow.id.in_(triaged.where(TriageRow.assigned == number)),
        ("whose", "nobody"): AlertRow.id.not_in(triaged.where(TriageRow.assigned.is_not(None))),
        ("judgement", "true"): AlertRow.id.in_(triaged.where(TriageRow.judgement == "true")),
        ("judgement", "false"): AlertRow.id.in_(triaged.where(TriageRow.judgement == "false")),
        ("judgement", "none"): AlertRow.id.not_in(triaged.where(TriageRow.judgement != "")),
        ("told", "further"): AlertRow.escalated.not_in(("", "on_call")),
        ("told", "unanswered"): AlertRow.id.in_(silent),
        ("incident", "yes"): AlertRow.id.in_(triaged.where(TriageRow.incident.is_not(None))),
        ("incident", "no"): AlertRow.id.not_in(triaged.where(TriageRow.incident.is_not(None))),
    }
    return found + [condition for (name, value), condition in marked.items() if asked[name] == value]


def older(asked: Mapping[str, str], below: int) -> str:
    """The link to the alerts before the number *below*, with the same filters."""
    return f"/alerts?{urlencode({**{name: value for name, value in asked.items() if value}, 'below': below})}"


async def marks(session: AsyncSession, alerts: Sequence[int]) -> dict[int, Mark]:
    """The marks on *alerts*, by id."""
    found = (
        select(TriageRow, AccountRow.name, IncidentRow.number)
        .outerjoin(AccountRow, AccountRow.id == TriageRow.assigned)
        .outerjoin(IncidentRow, IncidentRow.id == TriageRow.incident)
        .where(TriageRow.alert.in_(alerts))
    )
    rows = (await session.execute(found)).all()
    return {row.alert: Mark(JUDGEMENTS.get(row.judgement, ""), name or "", number) for row, name, number in rows}


async def names(session: AsyncSession, accounts: Collection[int | None]) -> dict[int | None, str]:
    """The names of *accounts*, by id."""
    theirs = AccountRow.id.in_([number for number in accounts if number])
    found = await session.execute(select(AccountRow.id, AccountRow.name).where(theirs))
    return {number: name for number, name in found}  # noqa: C416 - rows, not pairs
