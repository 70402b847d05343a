"""A mail server that keeps what it is given: real SMTP on loopback, with or without TLS."""

import asyncio
import contextlib
import email
import email.policy
import ssl
import warnings
from collections.abc import AsyncIterator, Callable
from email.message import EmailMessage
from typing import Any, NamedTuple

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


class Letter(NamedTuple):
    """A mail as it arrived; *encrypted* says whether the connection was."""

    sender: str
    recipients: list[str]
    message: EmailMessage
    raw: bytes
    encrypted: bool
    user: str


class Sink:
    """What the server got. Set *refuses* to an SMTP answer such as "451 later" and it takes nothing; *judge* answers so
    for a single mail, "" to take it.

    With an event for a recipient in *held*, the answer to a mail for it comes once the event is set.
    """

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.refuses = ""
        self.judge: Callable[[Envelope], str] = lambda _: ""
        self.held: dict[str, asyncio.Event] = {}
        self.tried = 0
        self.address = ("127.0.0.1", 0)
        self._arrived = asyncio.Event()

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        """Keep one mail."""
        self.tried += 1
        if refusal := self.refuses or self.judge(envelope):
            return await self._answer(envelope, refusal)
        raw = bytes(envelope.content or b"")
        message: Any = email.message_from_bytes(raw, policy=email.policy.default)
        user = session.auth_data.login.decode() if isinstance(session.auth_data, LoginPassword) else ""
        self.letters.append(
            Letter(str(envelope.mail_from), list(envelope.rcpt_tos), message, raw, session.ssl is not None, user)
        )
        return await self._answer(envelope, "250 taken")

    async def _answer(self, envelope: Envelope, answer: str) -> str:
        self._arrived.set()
        if held := self.held.get(envelope.rcpt_tos[0]):
            await held.wait()
        return answer

    async def until(self, count: int, *, tried: bool = False) -> list[Letter]:
        """The letters once there are *count* of them (or, with *tried*, once that many were attempted)."""
        while (self.tried if tried else len(self.letters)) < count:
            self._arrived.clear()
            await self._arrived.wait()
        return self.letters


@contextlib.asynccontextmanager
async def smtp_sink(
    *,
    tls: ssl.SSLContext | None = None,
    starttls: ssl.SSLContext | None = None,
    password: str = "",
    port: int = 0,
    keeping: Sink | None = None,
) -> AsyncIterator[Sink]:
    """A mail server on 127.0.0.1 while the block runs; *tls* speaks TLS from the first byte, *starttls* offers it.

    With *password*, nobody gets a letter in without it. What comes goes into *keeping*, if it is there.
    """
    sink = keeping or Sink()
    loop = asyncio.get_running_loop()

    def judge(
        _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: LoginPassword
    ) -> AuthResult:
        return AuthResult(success=given.password.decode() == password, auth_data=given)

    talking: list[SMTP] = []

    def protocol() -> SMTP:
        with warnings.catch_warnings(action="ignore"):  # aiosmtpd does not see that the socket itself is TLS
            made = SMTP(
                sink,
                hostname="mail.test",
                loop=loop,
                tls_context=starttls,
                require_starttls=starttls is not None,
                authenticator=judge,
                auth_required=bool(password),
                auth_require_tls=tls is None,
            )
        talking.append(made)
        return made

    server = await loop.create_server(protocol, "127.0.0.1", port, ssl=tls)
    sink.address = server.sockets[0].getsockname()[:2]
    try:
        yield sink
    finally:
        server.close()
        for one in talking:  # Server.close_clients came with Python 3.13
            if one.transport:
                one.transport.close()
        await server.wait_closed()
