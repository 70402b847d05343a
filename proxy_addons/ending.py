"""Which connections of a worker end before their clients end them: the overdue ones, and at its own end all."""

import asyncio
import contextlib
from collections.abc import Callable, Collection

from mitmproxy.addons.proxyserver import Proxyserver

from proxy_addons import held
from proxy_addons.filter import Filter
from proxy_addons.settings import ProxySettings

_LOOK = 0.05
"""Seconds between two looks at what is still open while draining."""
_SWEEP = 0.5
"""Seconds between two looks for connections that are to end."""


class Ending:
    """Ends connections of *proxy*, as *filtering* says what goes on on them."""

    def __init__(self, proxy: Proxyserver, filtering: Filter, settings: ProxySettings) -> None:
        self._proxy, self._settings = proxy, settings
        self._connections, self._holds = filtering.connections, filtering.answers.pages.holds

    async def drain(self, writers: Collection[asyncio.StreamWriter], *, replaced: bool) -> None:
        """End idle connections at once, the others when what goes on in them is done or the time is over.

        *writers* are those that are open. A worker that was *replaced* has time, and waits for what it relays too; one
        that is told to end has not.
        """
        seconds = self._settings.handover_seconds if replaced else self._settings.drain_seconds
        goes_on = self._connections.goes_on if replaced else self._connections.answers
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.sleep(_LOOK)  # what was accepted in this turn is no connection of mitmproxy's yet
                while writers:
                    self._end(lambda name: not goes_on(name))
                    await asyncio.sleep(_LOOK)
        while writers:
            self._end(lambda _: True)
            for writer in writers:  # whoever does not read would be waited for
                writer.transport.abort()
            await asyncio.sleep(_LOOK)

    async def end_overdue(self) -> None:
        """End each connection that asks for nothing, and each relayed one that the policy no longer permits."""
        while True:
            self._end(self._connections.overdue)
            await self._judge_overdue()
            await asyncio.sleep(_SWEEP)

    def _end(self, which: Callable[[str], bool]) -> None:
        for name, handler in list(self._proxy.connections.items()):
            transport = handler.transports.get(handler.client)
            if which(str(name)) and transport and transport.handler:
                transport.handler.cancel("the worker ends")

    async def _judge_overdue(self) -> None:
        """Have each answer that is held for too long judged by what has come of it."""
        for flow in self._holds.overdue():
            if handler := self._proxy.connections.get(flow.client_conn.id):
                await handler.server_event(held.Overdue(flow))
