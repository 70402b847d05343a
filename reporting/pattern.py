"""Patterns: what one person met before on a theme, and which alert it belongs to. It asks, and writes nothing."""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncSession

from reporting.alert_rules import HOUR, Rule, occasions
from reporting.models import AlertRow, BreachRow

LEAST, MOST = -(2**63), 2**63 - 1
"""What a column holds: a breach's time is what its writer says."""


def subject_of(person: int, address: str) -> str:
    """Whom an alert is about: the person if one is known, else the address."""
    return f"person:{person}" if person else f"address:{address}"


def person_of(subject: str) -> int | None:
    """The number of the person whom an alert's *subject* names, or None where it is an address."""
    kind, _, rest = subject.partition(":")
    return int(rest) if kind == "person" and rest.isascii() and rest.isdigit() and len(rest) < 19 else None


class Pattern(msgspec.Struct, frozen=True):
    """A *rule* that is fulfilled, and the ids and counts of the earlier breaches that fulfil it."""

    rule: Rule
    breaches: list[tuple[int, int]]

    @property
    def name(self) -> str:
        """The rule as the alert remembers it."""
        return f"{self.rule.theme}: {self.rule.times} within {self.rule.within // HOUR} hours"


def same(breach: Mapping[str, Any], audience: str) -> list[Any]:
    """That an alert is about the same person and theme, and for the same audience.

    Or what staff did at a shared address would reach the DSL.
    """
    whose = AlertRow.subject == subject_of(breach["person"], breach["address"])
    return [whose, AlertRow.theme == breach["theme"], AlertRow.audience == audience]


async def grown(
    session: AsyncSession, breach: Mapping[str, Any], rule: Rule, audience: str
) -> list[tuple[int, int]] | None:
    """The breaches (id, count) since the last such alert that make *breach* complete *rule*, or None if none do.

    An open alert that is as grave already has the pattern: then there is nothing to count.
    """
    at = breach["at_ns"]
    since = max(at - rule.within, LEAST)
    told = select(AlertRow).where(*same(breach, audience), AlertRow.severity >= rule.raised_to)
    latest = await session.scalar(told.where(AlertRow.last_ns >= since).order_by(AlertRow.last_ns.desc()).limit(1))
    if latest and latest.state == "open":
        return []
    found = await session.execute(_of_pattern(breach, rule, max(since, latest.last_ns + 1 if latest else since)))
    rows = found.all()
    if occasions((time for row in rows for time in (row.at_ns, row.last_ns)), rule.within) < rule.times:
        return None
    return [(one, count) for one, _, _, count in rows if one != breach["id"]]


def _of_pattern(breach: Mapping[str, Any], rule: Rule, since: int) -> Any:
    """The query for the newest breaches of the person of *breach* since *since* that count towards *rule*.

    Of those that were taken in before it: what comes after it in the same batch has its own turn. Some of them may be
    later by the clock, as journals are read one after another.
    """
    whose = (
        BreachRow.person == breach["person"]
        if breach["person"]
        else and_(BreachRow.person == 0, BreachRow.address == breach["address"])
    )
    columns = (BreachRow.id, BreachRow.at_ns, BreachRow.last_ns, BreachRow.count)
    counted = select(*columns).where(whose, BreachRow.at_ns.between(since, min(breach["at_ns"] + rule.within, MOST)))
    counted = counted.where(BreachRow.id <= breach["id"])
    counted = counted.where(BreachRow.theme == breach["theme"], BreachRow.severity >= rule.severity)
    counted = counted.where(BreachRow.profile == breach["profile"], BreachRow.background.is_(False))
    return counted.order_by(BreachRow.at_ns.desc()).limit(500)


async def open_within(session: AsyncSession, breach: Mapping[str, Any], audience: str, within: int) -> AlertRow | None:
    """The gravest open alert about the same person and theme whose latest breach is within *within* of this one."""
    near = AlertRow.last_ns.between(max(breach["at_ns"] - within, LEAST), min(breach["at_ns"] + within, MOST))
    found = select(AlertRow).where(*same(breach, audience), AlertRow.state == "open", near)
    return await session.scalar(found.order_by(AlertRow.severity.desc(), AlertRow.last_ns.desc()).limit(1))
