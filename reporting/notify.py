"""Sending what waits in the outbox: at least once, never given up, and never more than a number and a link.

A mail carries the alert's number, its severity, the act-by time and a link (G16): no host, no name, no term, neither in
the body nor in the subject. Its Message-ID comes from the outbox row, so a mail that a crash sent twice is
recognisably one.
"""

import asyncio
import datetime
import hashlib
import logging
import ssl
import time
from collections.abc import Callable, Sequence
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import aiosmtplib
from sqlalchemy import func, select, update

from blocklists.rulebook import Severity
from reporting.alerts import MEANINGS, address_of
from reporting.database import Database, uninterrupted
from reporting.models import OutboxRow
from reporting.settings import ContactSettings, MailSettings, MailTls, is_loopback

log = logging.getLogger("schoolgate.notify")

SECOND = 1_000_000_000
WAITS = (5, 15, 60, 300, 900)
"""Seconds before each next attempt; the last one for ever: a mail server that is back is noticed in 15 minutes."""

TIMEOUT = 20.0
"""Seconds for one conversation with the mail server."""

LOOK = 0.5
"""Seconds between two looks at the outbox: an alert is on its way within a second."""

AT_ONCE = 20


class MailRefusedError(ValueError):
    """This mail is not sent as things are; the message says why."""


def next_attempt(attempts: int, now_ns: int) -> int:
    """When to try again after *attempts* failures (UTC nanoseconds)."""
    return now_ns + WAITS[min(attempts, len(WAITS)) - 1] * SECOND


def notice(number: int, severity: Severity, act_by_ns: int, *, link: str, zone: ZoneInfo) -> tuple[str, str]:
    """Subject and body of the mail about the alert *number*."""
    meaning = MEANINGS[severity]
    by = datetime.datetime.fromtimestamp(act_by_ns // SECOND, zone).strftime("%H:%M on %A %d %B %Y")
    body = (
        f"Safeguarding alert {number}\n\n"
        f"Severity: {meaning.title}\n"
        f"Please act: {meaning.act_by_words} (by {by})\n\n"
        f"Open the alert: {link}/alerts/{number}\n\n"
        "You have to log in to read it. This message says no more on purpose.\n"
    )
    return f"Schoolgate alert {number}: {meaning.title}", body


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
        says = plain(error)
        log.error("The mail about an alert (outbox %d) was not sent, attempt %d: %s", row.id, attempts, says)
        async with self._database.writing() as session:
            waiting = {"attempts": attempts, "due_ns": self._waits_until(attempts, self._now_ns()), "last_error": says}
            await session.execute(update(OutboxRow).where(OutboxRow.id == row.id).values(**waiting))

    async def _count(self) -> None:
        async with self._database.reading() as session:
            waits = select(func.count(), func.min(OutboxRow.created_ns)).where(OutboxRow.state == "waiting")
            self.waiting, self.oldest_ns = (await session.execute(waits)).one()


def message(row: OutboxRow, address: str, sender: str) -> EmailMessage:
    """The mail of *row*; MailRefusedError if an address is not plain printable text (no header can be smuggled in)."""
    if not (address + sender + row.subject).isprintable():
        raise MailRefusedError(f"{address!r} is no address that a mail can be sent to")
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, address, row.subject
    created = datetime.datetime.fromtimestamp(row.created_ns // SECOND, datetime.UTC)
    mail["Date"] = format_datetime(created)
    mail["Message-ID"] = message_id(row, sender)
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
    mail["X-Priority"] = "1"
    mail.set_content(row.body)
    return mail


def message_id(row: OutboxRow, sender: str) -> str:
    """The same for every attempt at *row*, and no other row's."""
    unique = hashlib.sha256(f"{row.id} {row.created_ns} {row.recipient}".encode()).hexdigest()[:24]
    return f"<alert-{unique}@{sender.rpartition('@')[2] or 'localhost'}>"


async def send(mail: MailSettings, letter: EmailMessage) -> None:
    """Hand *letter* to the mail server; OSError, MailRefusedError or aiosmtplib.SMTPException if not."""
    if mail.tls is MailTls.NONE and not is_loopback(mail.host):
        raise MailRefusedError(
            f'{mail.host} is another machine: mail goes there only with tls "required" or "starttls"'
        )
    password = Path(mail.password_file).read_text(encoding="utf-8").strip() if mail.password_file else None  # noqa: ASYNC240 - one short file
    await aiosmtplib.send(
        letter,
        hostname=mail.host,
        port=mail.port,
        use_tls=mail.tls is MailTls.REQUIRED,
        start_tls=mail.tls is MailTls.STARTTLS,
        tls_context=None if mail.tls is MailTls.NONE else _trust(mail.ca_file),
        username=mail.username or None,
        password=password,
        timeout=TIMEOUT,
    )


def _trust(extra: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if extra:
        context.load_verify_locations(extra)
    return context


def plain(error: Exception) -> str:
    """*error* as one line of printable text, for the log and the status page."""
    text = f"{type(error).__name__}: {error}"
    return "".join(c if c.isprintable() else " " for c in text)[:300]


def link_base(public_url: str) -> str:
    """*public_url* as links begin: scheme and host only, without a slash at the end."""
    parts = urlsplit(public_url)
    return f"{parts.scheme}://{parts.netloc}"
