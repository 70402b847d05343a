"""Who is told of an alert, one after another, until somebody acknowledges it (G7, G15).

The first to be told is the alert's own audience; then their deputy, then the headteacher, and round again, for an alert
that nobody took on is still somebody's. What is about staff never leaves the headteacher, the headteacher's deputy, and
the chair where head and DSL are one person. Nobody is told of an alert about themselves. This file reads no clock.
"""

from collections.abc import Iterator

from blocklists.rulebook import Severity
from reporting.alert_rules import HOUR, MINUTE
from reporting.settings import ContactSettings

LADDERS = {
    "dsl": ("dsl", "deputy", "headteacher"),
    "deputy": ("deputy", "headteacher"),
    "headteacher": ("headteacher", "head_deputy"),
    "chair": ("chair",),
}
"""Whom an alert goes to by its audience, in this order."""

WAITS = {Severity.ILLEGAL: 10 * MINUTE, Severity.URGENT: 20 * MINUTE}
"""How long somebody has to acknowledge before the next is told: three are told within the hour of an URGENT alert."""

AGAIN_AT_SCHOOL = HOUR
AGAIN_OUTSIDE = 4 * HOUR
"""After the last of the ladder it begins again: each hour while school is on, each four hours at night and in the
holidays, when it is the same few people who are woken."""

LONGEST = 60
"""Steps at most: some ten days, after which another mail is not what is missing; today's page stays red."""


def climbs(severity: int) -> bool:
    """Whether an alert of *severity* goes up the ladder; others wait for the digest."""
    return severity in WAITS


def people(contacts: ContactSettings, audience: str, about: int, *, staff: bool) -> tuple[str, ...]:
    """The roles of the ladder of *audience*, without those that have no address or are the person *about*.

    *staff*: the alert is about staff. Never empty: with nobody else, the audience itself, so that the want of an
    address is seen where mail waits.
    """
    ladder = LADDERS.get(audience, (audience,))
    if not staff and audience == "headteacher":
        ladder = ("headteacher", "head_deputy", "deputy")
    found = tuple(role for role in ladder if _reachable(contacts, role) and not is_subject(contacts, role, about))
    return found or (audience,)


def is_subject(contacts: ContactSettings, role: str, about: int) -> bool:
    """Whether the person *about* is who holds *role* (G7)."""
    return about != 0 and contacts.persons.get(role) == about


def step_at(step: int, told: tuple[str, ...], severity: int, *, at_school: bool) -> int:
    """Nanoseconds from telling step *step* (0: the first) of *told* until the next step."""
    if (step + 1) % len(told):
        return WAITS[Severity(severity)]
    return max(WAITS[Severity(severity)], AGAIN_AT_SCHOOL if at_school else AGAIN_OUTSIDE)


def role_at(step: int, told: tuple[str, ...]) -> str:
    """Who is told at *step*."""
    return told[step % len(told)]


def at_once(contacts: ContactSettings, first: str, *, staff: bool, at_school: bool) -> Iterator[str]:
    """Who is told the moment that a grave alert opens: *first*, and out of hours whoever is on call.

    On call is for pupils: what is about staff is nobody's who was not named for it.
    """
    yield first
    if not at_school and not staff and contacts.on_call:
        yield "on_call"


def _reachable(contacts: ContactSettings, role: str) -> bool:
    if role == "dsl" and not contacts.dsl_confirmed and contacts.headteacher:
        return False  # G15
    return bool(contacts.address(role))
