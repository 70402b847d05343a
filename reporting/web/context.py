"""The hour around an alert: what else that person, or that device, was refused or let through to (G11).

Half an hour before its first entry and half an hour after its last. What is about help, information, health or faith is
left out, and so is what somebody else may read only (G10, G12).
"""

import msgspec
from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from blocklists.clients import Client
from blocklists.policy import Kind, Reason, Request, decide
from blocklists.rulebook import SeverityName
from reporting.alert_rules import MINUTE
from reporting.models import AlertBreachRow, AlertRow, BreachRow, VisitRow
from reporting.pattern import person_of
from reporting.web import rows, times
from reporting.web.office import Office
from reporting.web.viewer import Viewer

AROUND = 30 * MINUTE
MOST = 300
"""Entries and visits that are shown of each: an hour's browsing is far less."""


class Moment(msgspec.Struct, frozen=True):
    """One line of the hour."""

    at_ns: int
    when: str
    what: str
    site: str
    more: str
    here: bool


class Lines(msgspec.Struct, frozen=True):
    """What happened in a span, the oldest first; *cut*: there is more than these."""

    moments: list[Moment]
    cut: bool


async def hour(session: AsyncSession, alert: AlertRow, viewer: Viewer, office: Office) -> list[Moment]:
    """The lines of the hour around *alert*, the oldest first."""
    mine = await _entries_of(session, alert)
    times_of = list(await session.scalars(select(BreachRow.at_ns).where(BreachRow.id.in_(mine))))
    first, last = min([*times_of, alert.last_ns]), max([*times_of, alert.last_ns])
    return (await between(session, alert, viewer, office, (first - AROUND, last + AROUND))).moments


async def between(
    session: AsyncSession, alert: AlertRow, viewer: Viewer, office: Office, span: tuple[int, int], *, most: int = MOST
) -> Lines:
    """What whom *alert* is about did in *span*, its ends included: *most* entries and *most* visits."""
    mine = await _entries_of(session, alert)
    entries = select(BreachRow).where(_about(alert, BreachRow), BreachRow.at_ns.between(*span))
    visits = select(VisitRow).where(_about(alert, VisitRow), VisitRow.minute_ns.between(*span))
    found = list(await session.scalars(entries.order_by(BreachRow.at_ns).limit(most + 1)))
    seen = list(await session.scalars(visits.order_by(VisitRow.minute_ns).limit(most + 1)))
    shown, theirs = found[:most], seen[:most]
    lines = [_entry(row, alert, viewer, office, here=row.id in mine) for row in shown if not _private(row, office)]
    lines += [_visit(row, office) for row in theirs if _may_stand(row, viewer, alert, office)]
    cut = len(shown) < len(found) or len(theirs) < len(seen)
    return Lines(sorted(lines, key=lambda line: line.at_ns), cut)


async def _entries_of(session: AsyncSession, alert: AlertRow) -> set[int]:
    return set(await session.scalars(select(AlertBreachRow.breach).where(AlertBreachRow.alert == alert.id)))


def _about(alert: AlertRow, table: type[BreachRow] | type[VisitRow]) -> ColumnElement[bool]:
    """What *table* has of whom *alert* is about: the person, else what the address did under the same profile."""
    person = person_of(alert.subject)
    if person is not None:
        return table.person == person
    return (table.address == alert.subject.partition(":")[2]) & (table.profile == alert.profile) & (table.person == 0)


def _entry(row: BreachRow, alert: AlertRow, viewer: Viewer, office: Office, *, here: bool) -> Moment:
    holder = viewer.alert_holder(row, viewer.reads_as(alert))
    shown = rows.show(row, holder=holder, rulebook=office.rulebook, zone=office.zone)
    site = shown.held or shown.host or ""
    more = f"searched for: {shown.terms}" if shown.terms else shown.category_words
    return Moment(row.at_ns, shown.when, shown.kind_words, site, more, here)


def _visit(row: VisitRow, office: Office) -> Moment:
    often = "" if row.count == 1 else f"{row.count} requests in this minute"
    return Moment(row.minute_ns, times.to_minute(row.minute_ns, office.zone), "Visited", row.site, often, here=False)


def _private(row: BreachRow, office: Office) -> bool:
    """Whether *row* is of a category that may never alert: information, health, faith, relationships (G9, G10)."""
    category = office.rulebook.categories.get(row.category) if office.rulebook else None
    return category is not None and category.alert == SeverityName.NEVER


def _may_stand(row: VisitRow, viewer: Viewer, alert: AlertRow, office: Office) -> bool:
    """Whether a visit may be shown: what is always open, or may never alert, is nobody's."""
    if office.live.policy is None or viewer.alert_holder(alert, alert.audience):
        return False
    asked = Request(Kind.DNS, Client(row.address, row.profile), row.site, row.minute_ns)
    verdict = decide(office.live.policy, asked)
    category = office.rulebook.categories.get(verdict.category) if office.rulebook else None
    never = category is not None and category.alert == SeverityName.NEVER
    return not never and verdict.reason not in {Reason.ALWAYS_OPEN, Reason.FAILURE}
