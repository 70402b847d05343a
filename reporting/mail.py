"""One mail: what it says, and handing it to the mail server.

It carries the alert's number, its severity, the act-by time and a link (G16): no host, no name, no term, neither in the
body nor in the subject. Its Message-ID comes from the outbox row, so a mail that was sent twice is recognisably one.
Nothing here knows the database or tries again.
"""

import contextlib
import datetime
import hashlib
import ssl
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import aiosmtplib

from blocklists.rulebook import Severity
from reporting.alerts import MEANINGS
from reporting.models import OutboxRow
from reporting.settings import MailSettings, MailTls, is_loopback

SECOND = 1_000_000_000

STEP = 20.0
"""Seconds to connect, and for the answer to each command: giving up there delivers nothing and costs an attempt."""

ANSWER = 600.0
"""Seconds for the answer to a whole mail (RFC 5321, 4.5.3.2.6): a server may search it for minutes and then take it;
whoever gives up earlier has it delivered again with each attempt."""


class MailRefusedError(ValueError):
    """This mail is not sent as things are; the message says why."""


class UnansweredError(OSError):
    """The server has the whole mail and never said whether it took it."""


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


def message(row: OutboxRow, address: str, sender: str, more: str = "") -> EmailMessage:
    """The mail of *row*, with *more* at its end.

    MailRefusedError if an address is not plain printable text (no header can be smuggled in).
    """
    if not (address + sender + row.subject).isprintable():
        raise MailRefusedError(f"{address!r} is no address that a mail can be sent to")
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, address, row.subject
    created = datetime.datetime.fromtimestamp(row.created_ns // SECOND, datetime.UTC)
    mail["Date"] = format_datetime(created)
    mail["Message-ID"] = message_id(row, sender)
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
    if row.kind not in {"digest", "weekly", "notice"}:
        mail["X-Priority"] = "1"
    mail.set_content(row.body + more)
    return mail


def message_id(row: OutboxRow, sender: str) -> str:
    """The same for every attempt at *row*, and no other row's."""
    unique = hashlib.sha256(f"{row.id} {row.created_ns} {row.recipient}".encode()).hexdigest()[:24]
    return f"<alert-{unique}@{sender.rpartition('@')[2] or 'localhost'}>"


async def send(mail: MailSettings, letter: EmailMessage) -> str:
    """Hand *letter* to the mail server; what it says to it, OSError, MailRefusedError or SMTPException if not.

    UnansweredError: the server had all of it.
    """
    if mail.tls is MailTls.NONE and not is_loopback(mail.host):
        raise MailRefusedError(
            f'{mail.host} is another machine: mail goes there only with tls "required" or "starttls"'
        )
    password = Path(mail.password_file).read_text(encoding="utf-8").strip() if mail.password_file else None  # noqa: ASYNC240 - one short file
    conversation = _Conversation(
        hostname=mail.host,
        port=mail.port,
        use_tls=mail.tls is MailTls.REQUIRED,
        start_tls=mail.tls is MailTls.STARTTLS,
        tls_context=None if mail.tls is MailTls.NONE else _trust(mail.ca_file),
        username=mail.username or None,
        password=password,
        timeout=STEP,
    )
    try:
        await conversation.connect()
        receipt = await _handed_over(conversation, letter)
        with contextlib.suppress(aiosmtplib.SMTPException):  # the mail is theirs by now
            await conversation.quit()
        return receipt
    finally:
        conversation.close()  # and no more words: whoever ends us in the middle of a mail must not wait for an answer


async def _handed_over(conversation: "_Conversation", letter: EmailMessage) -> str:
    """Hand *letter* over; what the server says."""
    try:
        _, said = await conversation.send_message(letter)
    except (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError, OSError) as error:
        if conversation.handing_over:
            raise UnansweredError(f"the server has the whole mail and did not answer: {error}") from error
        raise
    return said


class _Conversation(aiosmtplib.SMTP):
    """A conversation with the mail server that waits as long as it must for the answer to the mail itself.

    *handing_over*: the server said that it takes the mail's text, and since then nothing more.
    """

    handing_over = False

    async def data(self, message: str | bytes, /, *, timeout: Any = None) -> aiosmtplib.SMTPResponse:  # noqa: ARG002, ASYNC109 - theirs
        protocol = self.protocol
        if protocol:
            vars(protocol)["write"] = self._noticed(protocol.write)  # the library does not tell how far it came
        answer = await super().data(message, timeout=ANSWER)
        self.handing_over = False
        return answer

    def _noticed(self, write: Callable[[bytes], None]) -> Callable[[bytes], None]:
        def writing(text: bytes) -> None:
            self.handing_over = text != b"DATA\r\n"
            write(text)

        return writing


def _trust(extra: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if extra:
        context.load_verify_locations(extra)
    return context


def link_base(public_url: str) -> str:
    """*public_url* as links begin: scheme and host only, without a slash at the end."""
    parts = urlsplit(public_url)
    return f"{parts.scheme}://{parts.netloc}"
