"""The closed address: the process that shows the page of a name that DNS has refused, on its ports 80 and 443.

Nothing else of ours is there, so no closed site shares a host with our own pages (SAFEGUARDS.md, G17). A connection is
one request and one answer; how long it may take and how many there are is bounded, so that slow clients cost nothing.
"""

import asyncio
import contextlib
import logging
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Protocol

from prometheus_client import CollectorRegistry

from blocklists.clients import Client, network_of
from blocklists.live import Files, Live
from proxy_addons import closed_request
from proxy_addons.bound import bound, numbered
from proxy_addons.closed_answer import Answers
from proxy_addons.closed_metrics import Collected, Counts
from proxy_addons.closed_settings import ClosedSettings
from proxy_addons.closed_tls import Certificates, Tls
from proxy_addons.fresh import REFRESH, last_good_stays
from proxy_addons.leaves import Leaves
from proxy_addons.settings import ProxySettings
from reporting.metrics import process_collector, serve_metrics

log = logging.getLogger("schoolgate.closed")

_PATIENCE = 10.0
"""Seconds from a connection's start until its answer is on its way, a TLS handshake included."""
_LONGEST_HEAD = 16_384
"""Bytes of a request's head; browsers send 1 to 4 KB."""
_EACH = 32
"""Connections of one client at once (an IPv6 one is its /64); a browser opens 6 to a host."""
_ALL = 2048
"""Connections of everybody at once, about 30 KB each."""
_LINGER = 1.0
"""Seconds for a client to take the answer while it still sends: closing at once would cut the answer off."""
_BACKLOG = 1024
_RENEW = 86_400
"""Seconds after which certificates are made anew; they last longer."""

type Ready = Callable[[dict[str, tuple[str, int]]], None]


class Line(Protocol):
    """What a request comes over: plain, or TLS."""

    async def read(self) -> bytes:
        """Some bytes; EOFError if no more come."""
        ...  # pragma: no cover - a protocol

    async def write(self, content: bytes) -> None:
        """Send *content*, which is all that is sent."""
        ...  # pragma: no cover - a protocol


class Plain:
    """A connection without TLS."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Nothing is read yet."""
        self._reader, self._writer = reader, writer

    async def read(self) -> bytes:
        """Some bytes; EOFError if no more come."""
        if chunk := await self._reader.read(_LONGEST_HEAD):
            return chunk
        raise EOFError

    async def write(self, content: bytes) -> None:
        """Send *content*."""
        self._writer.write(content)
        await self._writer.drain()


async def serve(
    settings: ClosedSettings,
    proxy: ProxySettings,
    files: Files,
    *,
    metrics: tuple[str, int] | None,
    ready: Ready,
) -> None:
    """Show pages until cancelled; *proxy* says what stands on them, and where the signer is.

    *ready* is told the addresses that were bound, once a page would be shown. OSError if an address is taken or a file
    cannot be read.
    """
    with contextlib.ExitStack() as stack:
        plain = [stack.enter_context(_alone(f"closed.listen[{n}]", text)) for n, text in enumerate(settings.listen)]
        tls = [
            stack.enter_context(_alone(f"closed.listen_tls[{n}]", text)) for n, text in enumerate(settings.listen_tls)
        ]
        live = Live(files)
        door = Door(live, Answers(live, proxy), Certificates(Leaves(Path(proxy.signer))))
        endpoints = {numbered("http", n): s.getsockname()[:2] for n, s in enumerate(plain)}
        endpoints |= {numbered("https", n): s.getsockname()[:2] for n, s in enumerate(tls)}
        if metrics:
            served = serve_metrics(door.registry(), metrics)
            stack.callback(served)
            endpoints["metrics"] = served.address
        async with asyncio.TaskGroup() as tasks, door.listening(plain, tls):
            tasks.create_task(door.keep_fresh())
            await door.ready.wait()
            ready(endpoints)
            await asyncio.get_running_loop().create_future()


class Door:
    """Lets clients of the configured networks in, a bounded number at a time, and gives each its page."""

    def __init__(self, live: Live, answers: Answers, certificates: Certificates) -> None:
        """Nothing listens yet."""
        self._live, self._answers, self._certificates = live, answers, certificates
        self._inside: Counter[str] = Counter()
        self._transports: set[asyncio.WriteTransport] = set()
        self.counts, self.ready = Counts(), asyncio.Event()

    def registry(self) -> CollectorRegistry:
        """The process's metrics."""
        made = CollectorRegistry()
        made.register(process_collector(self._live, None))
        made.register(Collected(self.counts, self._answers.pages))
        return made

    @contextlib.asynccontextmanager
    async def listening(self, plain: list[socket.socket], tls: list[socket.socket]) -> AsyncIterator[None]:
        """Answer on the sockets inside the context."""
        servers = [await self._server(s, self._over_http) for s in plain]
        servers += [await self._server(s, self._over_tls) for s in tls]
        try:
            yield
        finally:
            for server in servers:
                server.close()
            for transport in tuple(self._transports):
                transport.abort()

    async def _server(self, bound: socket.socket, give: "_Give") -> asyncio.Server:
        async def met(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._meet(reader, writer, give)

        return await asyncio.start_server(met, sock=bound, backlog=_BACKLOG, limit=_LONGEST_HEAD)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, give: "_Give") -> None:
        """Give whoever came a page, or close the connection; nothing is said of what went wrong but its count."""
        client = self._client(writer)
        whose = network_of(client.address) if client else ""
        self._transports.add(writer.transport)
        try:
            if client is None:
                self.counts.strangers += 1
            elif self._inside[whose] >= _EACH or self._inside.total() >= _ALL:
                self.counts.too_many += 1
            else:
                await self._let_in(client, whose, reader, writer, give)
        finally:
            writer.transport.abort()
            self._transports.discard(writer.transport)

    async def _let_in(
        self, client: Client, whose: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, give: "_Give"
    ) -> None:
        self._inside[whose] += 1
        self.counts.connections += 1
        try:
            async with asyncio.timeout(_PATIENCE):
                await give(client, reader, writer)
            await _take_leave(reader, writer)
        except (TimeoutError, OSError, EOFError):  # an ssl.SSLError is an OSError
            self.counts.unfinished += 1
        except Exception as error:  # noqa: BLE001 - one request must not end the others; nobody sees an open site here
            self.counts.failures += 1
            log.error("A page failed with %s; the connection was closed.", type(error).__name__)  # noqa: TRY400 - its text may name a host
        finally:
            self._inside[whose] -= 1
            if not self._inside[whose]:
                del self._inside[whose]

    def _client(self, writer: asyncio.StreamWriter) -> Client | None:
        peer = writer.get_extra_info("peername")
        clients = self._live.clients if self._live.ready else None
        return clients.of(str(peer[0])) if clients and peer else None

    async def _over_http(self, client: Client, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._answer(client, Plain(reader, writer), None)

    async def _over_tls(self, client: Client, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = Tls(reader, writer)
        name = await line.name()
        if name is None:
            raise EOFError
        context = await self._certificates.context(name)
        if context is None:
            self.counts.uncertified += 1
            raise EOFError
        await line.begin(context)
        await self._answer(client, line, name)

    async def _answer(self, client: Client, line: Line, named: str | None) -> None:
        head = b""
        while b"\r\n\r\n" not in head and len(head) <= _LONGEST_HEAD:
            head += await line.read()
        end = head.find(b"\r\n\r\n")
        asked = closed_request.read(head[:end]) if 0 <= end <= _LONGEST_HEAD else None
        await line.write(self._answers.answer(client, asked, named, time.time_ns()))

    async def keep_fresh(self) -> None:
        """Take up each new snapshot and index, watch the clock, and have certificates made anew in time."""
        renewed = time.monotonic()
        while True:
            with last_good_stays(log):
                self._live.refresh()
                self._answers.clock_ok = self._live.clock_ok()
            if self._live.ready:
                self.ready.set()
            if time.monotonic() - renewed > _RENEW:
                renewed = time.monotonic()
                self._certificates.forget()
            await asyncio.sleep(REFRESH)


type _Give = Callable[[Client, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def _take_leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """End our side, and throw away what still comes (a body, say) until the client ends its own or time is up."""
    with contextlib.suppress(TimeoutError, OSError):
        writer.write_eof()
        async with asyncio.timeout(_LINGER):
            while await reader.read(_LONGEST_HEAD):
                pass


def _alone(key: str, text: str) -> contextlib.AbstractContextManager[socket.socket]:
    """A socket that no second process of this kind shares."""
    return bound(key, text, shared=False, says=f"{key}:")
