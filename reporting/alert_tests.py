"""Test alerts: asked for by a file in the state's folder (`schoolgate alert test`), due once a term.

A test takes the way of a real alert from the outbox on, by every address and channel, and says in its first words that
it is none. Whoever may write into the school's folder may ask for one.
"""

import asyncio
import logging
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from reporting.alert_models import AlertTestRow
from reporting.alerts import MAIL, Desk, letter
from reporting.database import Database
from reporting.models import OutboxRow
from reporting.persisting import persist
from reporting.school_time import SchoolTime
from reporting.settings import CONTACT_ROLES

log = logging.getLogger("schoolgate.alert_tests")

FOLDER = "alert_tests"
NAME = re.compile(r"[0-9a-f]{32}")

LOOK = 2.0
"""Seconds between two looks into the folder."""

AT_MOST = 5
"""Requests that are taken up at a look: a mistake in a script must not fill a mailbox at once."""

SUBJECT = "Schoolgate TEST alert: please tell the technician that it came"
BODY = (
    "This is a test and no alert. Nothing happened.\n\n"
    "Please act: tell the technician that it came, and how long it took.\n\n"
    "If it came to the wrong place, or to somebody who should not get alerts, say that too.\n"
)


class AlertTests:
    """Takes up the requests for a test in *state*."""

    def __init__(
        self, database: Database, state: Path, desk: Desk, *, now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        """Nothing is looked at before `run` or `step`."""
        self._database, self._folder, self._desk, self._now_ns = database, state / FOLDER, desk, now_ns

    async def run(self) -> None:
        """Look again and again."""
        await persist(self.step, LOOK, log, "A test alert cannot be sent now")

    async def step(self) -> int:
        """Put a test for each new request into the outbox; returns how many requests there were."""
        names = await asyncio.to_thread(self._names)
        async with self._database.reading() as session:
            known = set(await session.scalars(select(AlertTestRow.name)))
        new = [name for name in names if name not in known][:AT_MOST]
        for name in new:
            async with self._database.writing() as session:
                session.add(AlertTestRow(name=name, asked_ns=self._now_ns()))
                session.add_all(self._messages())
        return len(new)

    def _names(self) -> list[str]:
        try:
            return sorted(one.name for one in self._folder.iterdir() if NAME.fullmatch(one.name))
        except FileNotFoundError:
            return []

    def _messages(self) -> Iterator[OutboxRow]:
        """A mail to each address that is known, and a line on each channel."""
        contacts, now = self._desk.contacts, self._now_ns()
        ways = [(MAIL, role, contacts.address(role)) for role in CONTACT_ROLES if contacts.address(role)]
        ways += [
            (name, channel.roles[0] if channel.roles else "dsl", "") for name, channel in self._desk.channels.items()
        ]
        for channel, role, address in ways:
            yield letter("test", role, (SUBJECT, BODY), now, channel=channel, address=address)


async def due(session: AsyncSession, school: SchoolTime, now_ns: int) -> str:
    """A sentence while no test alert has been delivered this term, else nothing."""
    term = school.term_of(school.day_of(now_ns))
    latest = await session.scalar(
        select(func.max(OutboxRow.sent_ns)).where(OutboxRow.kind == "test", OutboxRow.state == "sent")
    )
    if latest is not None and school.day_of(latest) >= term.first:
        return ""
    return "No test alert was delivered this term. Ask the technician for one (schoolgate alert test), and who got it."
