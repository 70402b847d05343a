"""The door of the staff pages: who may speak to them at all, and the headers that each answer carries (G29).

It stands outside the application, so an answer that no page gave (an unknown path, a broken request) passes it too.
A Host that is not exactly one of ours is refused, so a name that somebody points at this address opens nothing.
"""

import ipaddress
import logging
from collections.abc import Callable, Collection

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from blocklists.live import Live
from reporting.web.office import STAFF_COLUMN

log = logging.getLogger("schoolgate.web")

POLICY = (
    b"default-src 'none';script-src 'self';connect-src 'self';style-src 'self';img-src 'self';form-action 'self';"
    b"base-uri 'none';frame-ancestors 'none'"
)
HEADERS = (
    (b"content-security-policy", POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)
"""What every answer says to the browser: our own style, script and pictures, nothing inline, no frame, no referrer."""

NO_STORE = (b"cache-control", b"no-store")
"""For every answer that does not say something else: pages about children stay in no cache."""


def pupils_network(live: Live) -> Callable[[str], bool]:
    """Tells of an address whether the pages refuse it because it is a pupil's, a visitor's or a device's.

    Loopback is the box itself and passes. A network that the policy does not know passes too: it is the management
    network, and whoever else could route here is the firewall's business. While no snapshot has been read, nobody
    beyond the box is let in.
    """

    def refuses(text: str) -> bool:
        address = ipaddress.ip_address(text.partition("%")[0])
        address = getattr(address, "ipv4_mapped", None) or address
        if address.is_loopback:
            return False
        if live.clients is None or live.policy is None:
            return True
        client = live.clients.of(str(address))
        if client is None:
            return False
        profile = live.policy.rulebook.profiles.get(client.profile)
        return profile is None or profile.column != STAFF_COLUMN

    return refuses


class Guard:
    """An ASGI application around *app*.

    *hosts* are the exact Host values, as "name:port"; *refuses* says whether an address is in a pupils' network, and
    when it raises the answer is no. *error_page* makes the body of a refusal from its status.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: Collection[str],
        refuses: Callable[[str], bool],
        error_page: Callable[[int], bytes],
    ) -> None:
        """Put the guard before *app*."""
        self.inner = app
        self._hosts = frozenset(host.lower().encode() for host in hosts)
        self._refuses = refuses
        self._error_page = error_page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, with our headers on its answer, or refuse it."""
        if scope["type"] != ScopeType.HTTP:
            return  # no page has a WebSocket, and the server closes what nobody accepts
        with_headers = _with_headers(send)
        if status := self._refusal(scope):
            await _answer(with_headers, status, self._error_page(status))
        else:
            await self.inner(scope, receive, with_headers)

    def _refusal(self, scope: Scope) -> int:
        """The status of a refusal, or 0."""
        if not self._welcome(scope):
            return 403
        named = [value.lower() for name, value in scope["headers"] if name == b"host"]
        return 0 if len(named) == 1 and named[0] in self._hosts else 421

    def _welcome(self, scope: Scope) -> bool:
        client = scope["client"]
        try:
            return client is not None and not self._refuses(client[0])
        except Exception:
            log.exception("Whether an address is a pupil's could not be told, so it was refused.")
            return False


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", ()))
            if not any(name.lower() == NO_STORE[0] for name, _ in headers):
                headers.append(NO_STORE)
            message["headers"] = [*headers, *HEADERS]
        await send(message)

    return sending


async def _answer(send: Send, status: int, body: bytes) -> None:
    kind = (b"content-type", b"text/html; charset=utf-8")
    headers = [kind, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
