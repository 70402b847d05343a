"""Sending what waits in the outbox: at least once, and never given up."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from sqlalchemy import func, select, update

from reporting.alerts import address_of
from reporting.database import Database, uninterrupted
from reporting.logline import reason
from reporting.mail import SECOND, MailRefusedError, message, send
from reporting.models import OutboxRow
from reporting.settings import ContactSettings, MailSettings

log = logging.getLogger("schoolgate.notify")

WAITS = (5, 15, 60, 300, 900)
"""Seconds before each next attempt; the last one for ever: a mail server that is back is noticed in 15 minutes."""

LOOK = 0.5
"""Seconds between two looks at the outbox: an alert is on its way within a second."""

AT_ONCE = 20


def next_attempt(attempts: int, now_ns: int) -> int:
    """When to try again after *attempts* failures (UTC nanoseconds)."""
    return now_ns + WAITS[min(attempts, len(WAITS)) - 1] * SECOND


class Outbox:
    """Sends the messages that wait in *database*. *sent* and *failed* count attempts since the start."""

    def __init__(
        self,
        database: Database,
        mail: MailSettings,
        contacts: ContactSettings,
        *,
        now_ns: Callable[[], int] = time.time_ns,
        waits_until: Callable[[int, int], int] = next_attempt,
    ) -> None:
        """Nothing is sent before `run` or `send_due`."""
        self._database, self._mail, self._contacts = database, mail, contacts
        self._now_ns, self._waits_until = now_ns, waits_until
        self.sent = self.failed = self.waiting = 0
        self.oldest_ns: int | None = None

    async def run(self) -> None:
        """Send what is due, for ever."""
        while True:
            await self.send_due()
            await asyncio.sleep(LOOK)

    async def send_due(self) -> int:
        """Try every message that is due once, in its order; returns how many were sent."""
        done = [await self._try(row) for row in await uninterrupted(self._due())]
        await uninterrupted(self._count())
        return sum(done)

    async def _due(self) -> Sequence[OutboxRow]:
        due = (OutboxRow.state == "waiting", OutboxRow.due_ns <= self._now_ns())
        async with self._database.reading() as session:
            return (await session.scalars(select(OutboxRow).where(*due).order_by(OutboxRow.id).limit(AT_ONCE))).all()

    async def _try(self, row: OutboxRow) -> bool:
        address = row.address or address_of(self._contacts, row.recipient)
        try:
            await self._send(row, address)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with this mail, the next must still go out
            await uninterrupted(self._note_failure(row, error))
            return False
        self.sent += 1
        await uninterrupted(self._note_success(row, address))
        return True

    async def _send(self, row: OutboxRow, address: str) -> None:
        if not address:
            raise MailRefusedError(f"no address is known for the role {row.recipient}: see reporting.contacts")
        await send(self._mail, message(row, address, self._mail.sender))

    async def _note_success(self, row: OutboxRow, address: str) -> None:
        sent = {"state": "sent", "sent_ns": self._now_ns(), "attempts": row.attempts + 1, "last_error": ""}
        async with self._database.writing() as session:
            await session.execute(update(OutboxRow).where(OutboxRow.id == row.id).values(address=address, **sent))

    async def _note_failure(self, row: OutboxRow, error: Exception) -> None:
        self.failed += 1
        attempts = row.attempts + 1
        says = reason(error)
        log.error("The mail about an alert (outbox %d) was not sent, attempt %d: %s", row.id, attempts, says)
        async with self._database.writing() as session:
            waiting = {"attempts": attempts, "due_ns": self._waits_until(attempts, self._now_ns()), "last_error": says}
            await session.execute(update(OutboxRow).where(OutboxRow.id == row.id).values(**waiting))

    async def _count(self) -> None:
        async with self._database.reading() as session:
            waits = select(func.count(), func.min(OutboxRow.created_ns)).where(OutboxRow.state == "waiting")
            self.waiting, self.oldest_ns = (await session.execute(waits)).one()
