"""The demo's mail server: takes every message over SMTP and keeps it to be shown."""

import asyncio
import email
import email.policy
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email.message import EmailMessage

from aiosmtpd.smtp import SMTP, Envelope, Session


class Mailbox:
    """Messages as they arrived: *messages*, with the addresses that each was for; *show* is called with each."""

    def __init__(self) -> None:
        """Start empty."""
        self.show: Callable[[list[str], EmailMessage], None] = lambda _to, _message: None
        self.messages: list[tuple[list[str], EmailMessage]] = []
        self._arrived = asyncio.Condition()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802, ARG002 - aiosmtpd's name
        """Keep one message."""
        content = envelope.content or b""
        raw = content if isinstance(content, bytes) else content.encode()
        message = email.message_from_bytes(raw, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        async with self._arrived:
            self.messages.append((list(envelope.rcpt_tos), message))
            self._arrived.notify_all()
        self.show(*self.messages[-1])
        return "250 kept"

    async def has(self, count: int) -> None:
        """Return once *count* messages have arrived."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: len(self.messages) >= count)

    @asynccontextmanager
    async def listening(self, host: str, port: int) -> AsyncIterator[int]:
        """Take mail on *host* and *port* (0: any); yields the port."""
        server = await asyncio.get_running_loop().create_server(lambda: SMTP(self, hostname="demo"), host, port)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            await server.wait_closed()
