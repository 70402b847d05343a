"""The demo's clients: they ask as a device does, over DNS and through the proxy, each from its own address."""

import asyncio
import html
import http.client
import re
import ssl
import time
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from deploy.demo.plan import Question
from dns_filter.ask import ask


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


class Devices:
    """The devices of the demo school: where they find DNS and the proxy, and what they trust."""

    def __init__(
        self, dns: tuple[str, int], proxy: tuple[str, int], trusted: Path, origin: str, https_port: int
    ) -> None:
        """*trusted* is the school's CA; *origin* the address of the demo's web sites."""
        self.dns, self.proxy, self.origin, self.https_port = dns, proxy, origin, https_port
        self.trust = ssl.create_default_context(cafile=str(trusted))

    async def put(self, question: Question) -> Outcome:
        """Ask one question and say what came back."""
        started = time.perf_counter()
        is_open, reason, where = await (self._name(question) if question.way == "dns" else self._page(question))
        return Outcome(question, is_open, reason, where, (time.perf_counter() - started) * 1000)

    async def _name(self, question: Question) -> tuple[bool, str, str]:
        heard = await ask(self.dns, question.target, source=question.source)
        text = heard.extended[1] if heard.extended else ""
        return heard.addresses == (self.origin,), text, f"DNS {', '.join(heard.addresses) or heard.code}"

    async def _page(self, question: Question) -> tuple[bool, str, str]:
        try:
            status, words = await asyncio.to_thread(self._fetch, question)
        except (OSError, http.client.HTTPException) as error:
            return False, type(error).__name__, "connection closed"
        return status == http.HTTPStatus.OK, "" if status == http.HTTPStatus.OK else words, f"page {status}"

    def _fetch(self, question: Question) -> tuple[int, str]:
        parts = urlsplit(question.target)
        connection = http.client.HTTPSConnection(
            *self.proxy, context=self.trust, source_address=(question.source, 0), timeout=20
        )
        try:
            connection.set_tunnel(parts.hostname or "", self.https_port)
            connection.request("GET", parts.path, headers={"Accept": "text/html", "Sec-Fetch-Dest": "document"})
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
