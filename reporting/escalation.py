"""Up the ladder: whoever is next is told of a grave alert that nobody has acknowledged in time.

That somebody was told and the message to them are one transaction, so a crash tells nobody twice and skips nobody.
"""

import logging
import time
from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from reporting import ladder
from reporting.alerts import Desk, messages
from reporting.database import Database
from reporting.models import AlertRow
from reporting.pattern import person_of
from reporting.persisting import persist

log = logging.getLogger("schoolgate.escalation")

LOOK = 5.0
"""Seconds between two looks at what nobody has acknowledged."""

AT_ONCE = 100
"""Alerts of one look: more of them are next."""


class Escalation:
    """Tells the next of *desk*'s people. *steps* counts, *troubles* what the database refused."""

    def __init__(self, database: Database, desk: Desk, *, now_ns: Callable[[], int] = time.time_ns) -> None:
        """Nobody is told before `run` or `step`."""
        self._database, self._desk, self._now_ns = database, desk, now_ns
        self.steps = self.troubles = 0

    async def run(self) -> None:
        """Look again and again."""
        says = "Alerts that nobody acknowledged cannot be passed on now"
        await persist(self.step, LOOK, log, says, self._failed)

    def _failed(self) -> None:
        self.troubles += 1

    async def step(self) -> int:
        """Tell the next of each alert whose time is over; returns of how many."""
        now = self._now_ns()
        due = select(AlertRow).where(AlertRow.state == "open", AlertRow.next_step_ns <= now)
        async with self._database.reading() as session:
            if not (found := (await session.scalars(due.limit(AT_ONCE))).all()):
                return 0
        numbers = [row.id for row in found]
        async with self._database.writing() as session:
            again = (await session.scalars(due.where(AlertRow.id.in_(numbers)))).all()
            for alert in again:
                climb(session, alert, self._desk, now)
        self.steps += len(again)
        return len(again)


def climb(session: AsyncSession, alert: AlertRow, desk: Desk, now_ns: int) -> None:
    """Tell the next person of the open *alert*, who may see it from now on."""
    staff = desk.column(alert.profile) in ("staff", "")
    people = ladder.people(desk.contacts, alert.audience, person_of(alert.subject) or 0, staff=staff)
    alert.step += 1
    role = ladder.role_at(alert.step, people)
    if role != alert.audience:
        known = [*filter(None, alert.escalated.split(",")), role]
        alert.escalated = ",".join(dict.fromkeys(known))
    at_school = desk.school().is_school(now_ns)
    last = alert.step >= ladder.LONGEST
    alert.next_step_ns = (
        None if last else now_ns + ladder.step_at(alert.step, people, alert.severity, at_school=at_school)
    )
    session.add_all(messages(alert, role, desk, now_ns, kind="escalation"))
