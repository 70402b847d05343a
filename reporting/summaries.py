"""The digest of what is no hurry, on school days at the DSL's hour, and the weekly report, which always comes.

Counts and numbers of alerts and nothing else: no name, no site, no theme (G16), and kinds of breach each with a figure
of its own (G1). That one was written and the mail are one transaction, so each comes once, late rather than never.
"""

import datetime
import logging
import time
from collections.abc import Callable, Sequence

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from blocklists.rulebook import Severity
from reporting import helplines, summary_words
from reporting.alert_models import SummaryRow
from reporting.alerts import Desk, letter
from reporting.database import Database
from reporting.models import AlertRow, BreachRow, JournalRow, OutboxRow
from reporting.persisting import persist
from reporting.school_time import SchoolTime
from reporting.summary_words import Week

log = logging.getLogger("schoolgate.summaries")

LOOK = 30.0
"""Seconds between two looks at the clock."""

DIGEST, WEEKLY = "digest", "weekly"

WEEKLY_TO = ("dsl", "headteacher")


class Summaries:
    """Writes digests and weekly reports into the outbox of *database*; *link* is how our web address begins.

    *helped* gives the week's total of help services (`helplines.turns_of`).
    """

    def __init__(
        self,
        database: Database,
        desk: Desk,
        link: str,
        *,
        helped: Callable[[datetime.date], int | None] = lambda _: None,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Nothing is written before `run` or `step`."""
        self._database, self._desk, self._link, self._now_ns = database, desk, link, now_ns
        self._helped = helped
        self.written = 0

    async def run(self) -> None:
        """Write what is due, for ever."""
        await persist(self.step, LOOK, log, "Digest and weekly report cannot be written now")

    async def step(self) -> int:
        """Write what is due now; returns how many. Of the week before a school began there is nothing to report."""
        now, school = self._now_ns(), self._desk.school()
        today = school.day_of(now)
        if now < school.moment(today, datetime.time.fromisoformat(self._desk.contacts.digest_at)):
            return 0
        monday = today - datetime.timedelta(days=today.weekday())
        written = 0
        async with self._database.reading() as session:
            began = await session.scalar(select(func.min(JournalRow.started_ns)))
            reported = began is not None and began < school.moment(monday, datetime.time())
            wanted = [(WEEKLY, role, monday) for role in WEEKLY_TO] if reported else []
            if school.is_school_day(today):
                wanted += [(DIGEST, role, today) for role in await _audiences(session)]
            due = [one for one in wanted if await session.get(SummaryRow, (*one[:2], one[2].isoformat())) is None]
        for kind, recipient, day in due:
            async with self._database.writing() as session:
                written += await self._write(session, kind, recipient, day)
        self.written += written
        return written

    async def _write(self, session: AsyncSession, kind: str, recipient: str, day: datetime.date) -> bool:
        now, school = self._now_ns(), self._desk.school()
        if kind == DIGEST:
            found = await self._digest(session, recipient, now, school)
        else:
            found = await self._weekly(session, recipient, day, school)
        session.add(SummaryRow(kind=kind, recipient=recipient, day=day.isoformat(), until_ns=now))
        address = self._desk.contacts.address(recipient)
        if found is None or not (address or kind == DIGEST):
            return False
        session.add(letter(kind, recipient, found, now, address=address))
        return True

    async def _digest(
        self, session: AsyncSession, recipient: str, now: int, school: SchoolTime
    ) -> tuple[str, str] | None:
        """What *recipient* has to look at, or None if that is nothing."""
        before = select(func.max(SummaryRow.until_ns)).where(
            SummaryRow.kind == DIGEST, SummaryRow.recipient == recipient
        )
        since = await session.scalar(before) or 0
        waiting = select(AlertRow).where(AlertRow.audience == recipient, AlertRow.state == "open")
        lesser = waiting.where(AlertRow.severity < Severity.URGENT).order_by(AlertRow.act_by_ns, AlertRow.number)
        rows: Sequence[AlertRow] = (await session.scalars(lesser)).all()
        if not rows:
            return None
        new = [row for row in rows if row.opened_ns > since]
        old = [row for row in rows if row.opened_ns <= since]
        grave = waiting.where(AlertRow.severity >= Severity.URGENT).with_only_columns(func.count())
        graver = await session.scalar(grave) or 0
        return summary_words.digest(new, old, link=self._link, zone=school.zone, now_ns=now, graver=graver)

    async def _weekly(
        self, session: AsyncSession, recipient: str, monday: datetime.date, school: SchoolTime
    ) -> tuple[str, str]:
        first = monday - datetime.timedelta(days=7)
        start, end = school.moment(first, datetime.time()), school.moment(monday, datetime.time())
        whose = AlertRow.audience == recipient if recipient != "headteacher" else AlertRow.audience != ""
        kinds = await session.execute(
            select(BreachRow.kind, func.count()).where(BreachRow.at_ns >= start, BreachRow.at_ns < end).group_by("kind")
        )
        opened = await _by_severity(session, whose, AlertRow.opened_ns >= start, AlertRow.opened_ns < end)
        waiting = await _by_severity(session, whose, AlertRow.state == "open")
        late = await _by_severity(session, whose, AlertRow.state == "open", AlertRow.act_by_ns < end)
        failing = select(func.count()).where(OutboxRow.state == "waiting", OutboxRow.attempts > 0)
        week = Week(
            first=first,
            kinds={kind: count for kind, count in kinds},  # noqa: C416 - rows, not pairs
            opened=opened,
            waiting=waiting,
            late=sum(late.values()),
            unsent=await session.scalar(failing) or 0,
            helped=helplines.shown(self._helped(first)),
        )
        return summary_words.weekly(week, link=self._link)


async def _audiences(session: AsyncSession) -> Sequence[str]:
    """Whose alerts wait that are no hurry."""
    waiting = select(AlertRow.audience).where(AlertRow.state == "open", AlertRow.severity < Severity.URGENT)
    return (await session.scalars(waiting.distinct())).all()


async def _by_severity(session: AsyncSession, *conditions: ColumnElement[bool]) -> dict[Severity, int]:
    found = await session.execute(
        select(AlertRow.severity, func.count()).where(*conditions).group_by(AlertRow.severity)
    )
    return {Severity(severity): count for severity, count in found}
