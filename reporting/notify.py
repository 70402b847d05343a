"""Sending what waits in the outbox: at least once, at most twice, and never given up.

That a message is tried is written down before it is sent: what cannot be written down is not sent, so a full disk or a
process that dies again and again repeats no mail faster than the waits between attempts. A result that cannot be
written is remembered, and this process does not send that message again.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from sqlalchemy import func, or_, select, update

from reporting.alerts import MAIL
from reporting.channels import Channels
from reporting.database import Database, uninterrupted
from reporting.links import Links
from reporting.logline import plain, reason
from reporting.mail import SECOND, MailRefusedError, UnansweredError, message, send
from reporting.models import OutboxRow
from reporting.reach import AwayError
from reporting.seldom import Seldom
from reporting.settings import ContactSettings, MailSettings

log = logging.getLogger("schoolgate.notify")

WAITS = (5, 15, 60, 300, 900)
"""Seconds before each next attempt; the last one for ever: a mail server that is back is noticed in 15 minutes."""

LOOK = 0.5
"""Seconds between two looks at the outbox: an alert is on its way within a second."""

AT_ONCE = 4
"""Conversations with the mail server at a time: few enough for any relay, and with three slow ones mail still goes."""

MOST_UNANSWERED = 2
"""How often a server may take in a whole mail and say nothing of it: it has the mail then, as like as not twice."""

UNANSWERED = "unanswered"

LONGEST_RECEIPT = 200
"""Characters of what the server says when it takes a mail."""

NO_ANSWER = "no answer yet"
"""Stands as the last error while a message is tried for the first time, and if that attempt is cut off."""


def next_attempt(attempts: int, now_ns: int) -> int:
    """When to try again after *attempts* failures (UTC nanoseconds)."""
    return now_ns + WAITS[min(attempts, len(WAITS)) - 1] * SECOND


class Outbox:
    """Sends the messages that wait in *database*. *sent* and *failed* count attempts since the start.

    *troubles* counts what the database refused; neither that nor a mail server ends `run`.
    """

    def __init__(
        self,
        database: Database,
        mail: MailSettings,
        contacts: ContactSettings,
        *,
        now_ns: Callable[[], int] = time.time_ns,
        channels: Channels | None = None,
        links: Links | None = None,
    ) -> None:
        """Nothing is sent before `run` or `look`. *links*, if any, go into mails for acknowledging from outside."""
        self._database, self._mail, self._contacts, self._now_ns = database, mail, contacts, now_ns
        self._channels, self._links = channels or Channels({}), links
        self._room = asyncio.Event()
        self._sending: set[int] = set()
        self._unwritten: dict[int, dict[str, Any]] = {}
        self._complaint = Seldom()
        self.sent = self.failed = self.troubles = self.waiting = 0
        self.oldest_ns: int | None = None

    async def run(self) -> None:
        """Send what is due, for ever; again at once when there is room for more."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._room.clear()
                await self.look(tasks)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._room.wait(), LOOK)

    async def look(self, tasks: asyncio.TaskGroup) -> None:
        """Start a task for each message that is due, so that a slow server holds up none of the others."""
        for number in self._unwritten.keys() - self._sending:
            await self._write(number)
        for row in await self._asked(self._due()) or ():
            self._sending.add(row.id)
            tasks.create_task(self._deliver(row))
        await self._asked(self._count())

    async def _due(self) -> Sequence[OutboxRow]:
        """As many as may be sent now, the oldest first; a time further off than any wait was set by a wrong clock."""
        now = self._now_ns()
        due = or_(OutboxRow.due_ns <= now, OutboxRow.due_ns > now + WAITS[-1] * SECOND)
        ours = OutboxRow.id.not_in([*self._sending, *self._unwritten])
        found = select(OutboxRow).where(OutboxRow.state == "waiting", due, ours).order_by(OutboxRow.id)
        async with self._database.reading() as session:
            return (await session.scalars(found.limit(AT_ONCE - len(self._sending)))).all()

    async def _deliver(self, row: OutboxRow) -> None:
        """Try to send *row* once, after it was written down that it is tried, and write down what came of it."""
        try:
            if await self._asked(self._claim(row)):
                self._unwritten[row.id] = await self._try(row)
                await self._write(row.id)
                if len(self._sending) == 1:  # others that are on their way count when they are done
                    await self._asked(self._count())
        finally:
            self._sending.discard(row.id)
            self._room.set()

    async def _claim(self, row: OutboxRow) -> bool:
        """Write down durably that *row* is tried now, and when next; False if somebody else has it.

        Whoever cannot write that could not write that the mail has gone either, and would send it again for ever.
        """
        attempts = row.attempts + 1
        tried = {
            "attempts": attempts,
            "due_ns": next_attempt(attempts, self._now_ns()),
            "last_error": row.last_error or NO_ANSWER,
        }
        unchanged = (OutboxRow.id == row.id, OutboxRow.state == "waiting", OutboxRow.attempts == row.attempts)
        async with self._database.writing() as session:
            claimed = update(OutboxRow).where(*unchanged).values(**tried).returning(OutboxRow.id)
            return await session.scalar(claimed) is not None

    async def _try(self, row: OutboxRow) -> dict[str, Any]:
        """Send *row*, and return what its columns are to be."""
        try:
            address, receipt = await self._send(row)
        except UnansweredError as error:
            return self._failure(row, error) | self._unanswered(row)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with this mail, the next must still go out
            return self._failure(row, error)
        self.sent += 1
        said = plain(receipt)[:LONGEST_RECEIPT]
        return {"state": "sent", "sent_ns": self._now_ns(), "address": address, "last_error": "", "receipt": said}

    async def _send(self, row: OutboxRow) -> tuple[str, str]:
        """Send *row*; where it went, and what was said there."""
        if row.channel != MAIL:
            return "", await self._channels.send(row)
        address = self._contacts.address(row.recipient) or row.address
        if not address:
            raise MailRefusedError(f"no address is known for the role {row.recipient}: see reporting.contacts")
        more = await self._links.new(row) if self._links else ""
        return address, await send(self._mail, message(row, address, self._mail.sender, more))

    def _unanswered(self, row: OutboxRow) -> dict[str, Any]:
        """What is written of a mail that a server has, as it seems, and does not say so."""
        times = row.unanswered + 1
        return {"unanswered": times} | ({"state": UNANSWERED} if times >= MOST_UNANSWERED else {})

    def _failure(self, row: OutboxRow, error: Exception) -> dict[str, Any]:
        self.failed += 1
        attempts, says = row.attempts + 1, reason(error)
        log.error("The mail about an alert (outbox %d) was not sent, attempt %d: %s", row.id, attempts, says)
        return {"due_ns": next_attempt(attempts, self._now_ns()), "last_error": says}

    async def _write(self, number: int) -> None:
        """Write down what came of the message *number*; what the database refuses is kept, and not sent again."""
        if await self._asked(self._note(number, self._unwritten[number])):
            del self._unwritten[number]

    async def _note(self, number: int, result: dict[str, Any]) -> bool:
        async with self._database.writing() as session:
            await session.execute(update(OutboxRow).where(OutboxRow.id == number).values(**result))
        return True

    async def _count(self) -> None:
        async with self._database.reading() as session:
            waits = select(func.count(), func.min(OutboxRow.created_ns)).where(OutboxRow.state == "waiting")
            self.waiting, self.oldest_ns = (await session.execute(waits)).one()

    async def _asked[T](self, step: Coroutine[Any, Any, T]) -> T | None:
        """What *step* finds or does in the database, or None if the database refuses; that is counted and said."""
        try:
            return await uninterrupted(step)
        except Exception as error:  # noqa: BLE001 - a full disk, a lock, a broken file: mails go out again after it
            self.troubles += 1
            self._complain(error)
            return None

    def _complain(self, error: Exception) -> None:
        if not isinstance(error, AwayError) and self._complaint.due():  # that one the database says itself
            log.error("The outbox cannot be read or written, so mails about alerts wait: %s", reason(error))
