"""The connections that come to a worker: each is taken, and is its client's where a front door hands it over.

A worker that ends takes what waits at its sockets along: closing them would reset it, and with it a page.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Any

from proxy_addons.bound import pass_on
from proxy_addons.counters import Counters
from proxy_addons.handed_over import Front, Rewound, presented

BACKLOG = 1024
"""A class that opens its laptops at once must not meet a full queue."""
ON_ITS_WAY = 0.05
"""Seconds for what was on its way to us when the next worker was given what comes."""

type Handled = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Listening:
    """Takes connections; *writers* has those that are open. *handled* is what each gets."""

    def __init__(self, handled: Handled, front: Front | None, counters: Counters) -> None:
        """Take what *front* hands over, or with None what clients open by themselves."""
        self._handled, self._front, self._counters = handled, front, counters
        self.writers: set[asyncio.StreamWriter] = set()

    @contextlib.asynccontextmanager
    async def at(
        self, sockets: Sequence[socket.socket], *, succeeded: Callable[[], bool], drain: Callable[[], Awaitable[None]]
    ) -> AsyncIterator[None]:
        """Take connections at *sockets* inside the context; at its end, stop, and *drain* what is in progress.

        *succeeded*: whether another worker listens at the same addresses by then.
        """
        servers = [await _listen(s, self._take) for s in sockets]
        try:
            yield
        finally:
            if succeeded():
                await self._passed_on(sockets)
            rest = [asyncio.create_task(_taken(connection, self._take)) for s in sockets for connection in waiting(s)]
            for server in servers:
                server.close()
            await drain()
            await asyncio.gather(*rest, return_exceptions=True)
            for server in servers:
                await server.wait_closed()

    async def _passed_on(self, sockets: Sequence[socket.socket]) -> None:
        """Let the successor have what comes from now on: what comes between our last look and our end would be lost."""
        if self._front:
            for each in sockets:
                pass_on(each)
            await asyncio.sleep(ON_ITS_WAY)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.add(writer)
        try:
            if theirs := await self._client_behind(reader, writer):
                await self._handled(reader, theirs)
        finally:
            self.writers.discard(writer)
            writer.close()  # mitmproxy leaves it open when it is told to close while data still comes

    async def _client_behind(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> asyncio.StreamWriter | None:
        """The connection as its client's; None if it was to be handed over and is not."""
        if self._front is None:
            return writer
        assert isinstance(reader, Rewound)
        theirs = await presented(self._front.gate, reader, writer)
        self._counters.forged += theirs is None
        return theirs


async def _listen(sock: socket.socket, handled: Handled) -> asyncio.Server:
    """Serve *sock* as asyncio.start_server does, with readers that can give back what was read ahead."""
    loop = asyncio.get_running_loop()

    def protocol() -> asyncio.StreamReaderProtocol:
        return asyncio.StreamReaderProtocol(Rewound(loop=loop), handled, loop=loop)

    return await loop.create_server(protocol, sock=sock, backlog=BACKLOG)


def waiting(listener: socket.socket) -> Iterator[socket.socket]:
    """The connections that wait to be accepted at *listener*."""
    while True:
        try:
            yield listener.accept()[0]
        except OSError:
            return


async def _taken(connection: socket.socket, handled: Callable[[Any, Any], Awaitable[None]]) -> None:
    connection.setblocking(False)
    loop = asyncio.get_running_loop()
    reader = Rewound(loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    transport, _ = await loop.connect_accepted_socket(lambda: protocol, connection)
    await handled(reader, asyncio.StreamWriter(transport, protocol, reader, loop))
