"""What becomes of a hook that fails: what it was about is refused, and it is counted.

mitmproxy logs an addon's exception and lets the request through, so every hook of the filter is `guarded`: what goes
wrong there is a page, or a closed connection.
"""

import functools
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from mitmproxy import connection, http
from mitmproxy.proxy.server_hooks import ServerConnectionHookData
from mitmproxy.tls import ClientHelloData

from proxy_addons import cut, held
from proxy_addons.counters import Counters
from proxy_addons.judge import Judge
from proxy_addons.refusal import Refusal, Refusals
from proxy_addons.trouble import Trouble

log = logging.getLogger("schoolgate.proxy")

NOT_REACHED = "an address that may not be reached"


class Guard:
    """Refuses for hooks that could not decide. *closed*: connections that end without a handshake, by their id."""

    def __init__(self, judge: Judge, refusals: Refusals, counters: Counters) -> None:
        self._judge, self._refusals, self._counters = judge, refusals, counters
        self.closed: set[str] = set()

    def trouble(self, flow: http.HTTPFlow, why: Trouble) -> Refusal:
        """The page that tells whoever waits for *flow* what went wrong."""
        return self._refusals.trouble(flow, self._judge.who(flow.client_conn), why)

    def failed(self, hook: str, error: Exception, data: Any) -> None:
        """Close what *data* is about, as *hook* could not decide; the error's text is not told: it may name a host."""
        self._counters.failures += 1
        line = error.__traceback__.tb_next.tb_lineno if error.__traceback__ and error.__traceback__.tb_next else 0
        log.error("The filter's %s failed with %s (line %d); it stays closed.", hook, type(error).__name__, line)
        if isinstance(data, http.HTTPFlow):
            self._fail_flow(data)
        elif isinstance(data, ClientHelloData):
            data.ignore_connection = data.establish_server_tls_first = False
            self.closed.add(data.context.client.id)
        elif isinstance(data, connection.Client):
            data.error = "closed"
        elif isinstance(data, ServerConnectionHookData):
            data.server.error = NOT_REACHED

    def _fail_flow(self, flow: http.HTTPFlow) -> None:
        try:
            held.forget(flow)
            refusal = self.trouble(flow, Trouble.FAILURE)
        except Exception:  # noqa: BLE001 - what broke the hook can break the page too: then the flow just ends
            refusal = None
        if refusal and flow.request.method == "CONNECT":
            refusal.of_tunnel(flow)
        elif refusal and flow.response is None and not cut.is_watched(flow):
            refusal.of_request(flow)
        elif flow.killable:
            flow.kill()  # type: ignore[no-untyped-call]


class Guarded(Protocol):
    """An addon whose hooks have a guard."""

    guard: Guard


def guarded[A: Guarded, T](hook: Callable[[A, T], Awaitable[None]]) -> Callable[[A, T], Awaitable[None]]:
    """Make a failure of *hook* a refusal of what it was about."""

    @functools.wraps(hook)
    async def closing(self: A, data: T) -> None:
        try:
            await hook(self, data)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the filter stays closed
            self.guard.failed(hook.__name__, error, data)

    return closing
