"""The demo's clients: they ask as a device does, over DNS and through the proxy, each from its own address."""

import asyncio
import html
import http.client
import re
import socket
import ssl
import time
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from deploy.demo.plan import Question
from dns_filter.ask import ask as ask_name


class Outcome(msgspec.Struct, frozen=True):
    """What a question met: *is_open*, the reason given, where it was decided, and how long it took (ms)."""

    question: Question
    is_open: bool
    reason: str
    where: str
    ms: float

    @property
    def as_expected(self) -> bool:
        """Whether it is what the policy says."""
        return self.is_open is self.question.is_open


class Doors(msgspec.Struct, frozen=True):
    """Where devices find DNS, the proxy, and over HTTPS the closed address."""

    dns: tuple[str, int]
    proxy: tuple[str, int]
    closed: tuple[str, int]


class Devices:
    """The devices of the demo school: where they go, and what they trust."""

    def __init__(self, doors: Doors, trusted: Path, origin: str, https_port: int) -> None:
        """*trusted* is the school's CA; *origin* the address of the demo's web sites."""
        self.doors, self.origin, self.https_port = doors, origin, https_port
        self.trust = ssl.create_default_context(cafile=str(trusted))

    async def put(self, question: Question) -> Outcome:
        """Ask one question and say what came back."""
        started = time.perf_counter()
        ask = {"dns": self._name, "web": self._page, "closed": self._at_closed_address}[question.way]
        is_open, reason, where = await ask(question)
        return Outcome(question, is_open, reason, where, (time.perf_counter() - started) * 1000)

    async def _name(self, question: Question) -> tuple[bool, str, str]:
        heard = await ask_name(self.doors.dns, question.target, source=question.source)
        text = heard.extended[1] if heard.extended else ""
        return heard.addresses == (self.origin,), text, f"DNS {', '.join(heard.addresses) or heard.code}"

    async def _page(self, question: Question) -> tuple[bool, str, str]:
        try:
            status, words = await asyncio.to_thread(self._through_proxy, question)
        except (OSError, http.client.HTTPException) as error:
            return False, type(error).__name__, "connection closed"
        return status == http.HTTPStatus.OK, "" if status == http.HTTPStatus.OK else words, f"page {status}"

    async def _at_closed_address(self, question: Question) -> tuple[bool, str, str]:
        status, words = await asyncio.to_thread(self._where_dns_leads, question)
        return status != http.HTTPStatus.FORBIDDEN, words, f"closed address {status}"

    def _through_proxy(self, question: Question) -> tuple[int, str]:
        parts = urlsplit(question.target)
        connection = http.client.HTTPSConnection(
            *self.doors.proxy, context=self.trust, source_address=(question.source, 0), timeout=20
        )
        connection.set_tunnel(parts.hostname or "", self.https_port)
        return _answer(connection, parts.path)

    def _where_dns_leads(self, question: Question) -> tuple[int, str]:
        """The page at the closed address, which a device takes for the site that it asked for."""
        host = urlsplit(question.target).hostname or ""
        line = socket.create_connection(self.doors.closed, 20, (question.source, 0))
        connection = http.client.HTTPConnection(host)
        connection.sock = self.trust.wrap_socket(line, server_hostname=host)
        return _answer(connection, "/")


def _answer(connection: http.client.HTTPConnection, path: str) -> tuple[int, str]:
    """The status that *connection* answers with, and what its page says."""
    try:
        connection.request("GET", path, headers={"Accept": "text/html", "Sec-Fetch-Dest": "document"})
        response = connection.getresponse()
        return response.status, _words_of(response.read().decode("utf-8", "replace"))
    finally:
        connection.close()


def _words_of(page: str) -> str:
    """The sentence that tells why, or else the heading, of a page."""
    for pattern in (r'class="because">(.*?)</p>', r"<h1[^>]*>(.*?)</h1>"):
        if found := re.search(pattern, page, re.DOTALL):
            return html.unescape(re.sub(r"<[^>]+>", "", found[1])).strip()
    return ""
