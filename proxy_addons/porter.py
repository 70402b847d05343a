"""What becomes of a connection at the front door: relayed unopened, handed to a worker, or refused.

Nothing is decided here that `decide` and `plan_of` do not say. A name leads to where our own resolver says and never
to the address that the client has chosen, so a false name gains nothing. What a worker shows as a page, a refusal to a
request or to a CONNECT, it also judges and records; what ends here without one is recorded here, before it ends.
"""

import asyncio
import contextlib
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import NamedTuple

from blocklists import domain
from blocklists.clients import Client
from blocklists.policy import Kind, Request, Verdict
from proxy_addons import arrival, original, request_head
from proxy_addons.arrival import Arrival
from proxy_addons.client_hello import ClientHello, State
from proxy_addons.destination import Destinations
from proxy_addons.doorway import FIRST_HELLO, FIRST_REQUEST
from proxy_addons.judge import Judge, Plan, gravest, is_never_opened, plan_of
from proxy_addons.peek_counters import PeekCounters
from proxy_addons.permitted import Permitted
from proxy_addons.remembered import Remembered
from proxy_addons.resolve import Resolver
from proxy_addons.target import host_of
from proxy_addons.visited import Visited
from proxy_addons.watch import Watch
from proxy_addons.workers import NoWorkerError, Workers

HTTPS = 443
CONNECTS = 5.0
"""Seconds for one address of a server."""
ADDRESSES = 4
"""Addresses of a server that are tried."""

type Judged = tuple[Request, Verdict]


class Onward(NamedTuple):
    """Where a connection goes on to, and what goes there before all that the client still sends."""

    far: socket.socket
    first: bytes


type Way = Callable[[Arrival], Awaitable[Onward | None]]


class Porter:
    """Takes what comes. *ports* are those of the web; a way ends with None where the connection ends here."""

    def __init__(
        self,
        judge: Judge,
        resolver: Resolver,
        permitted: Permitted,
        workers: Workers,
        watch: Watch,
        *,
        visited: Visited,
        counts: PeekCounters,
        ports: frozenset[int],
    ) -> None:
        self._judge, self._resolver, self._permitted, self._workers = judge, resolver, permitted, workers
        self._remembered, self._watch, self._visited = Remembered(judge), watch, visited
        self._destinations, self._counts, self._ports = Destinations(judge, resolver), counts, ports
        self._loop = asyncio.get_running_loop()

    # Three ways in

    async def explicit(self, at: Arrival) -> Onward | None:
        """A client that knows of the proxy: it asks for a tunnel, or for a page by plain HTTP."""
        head = await at.head(FIRST_REQUEST)
        asked = request_head.tunnel_of(head) if request_head.is_connect(head) else None
        host = host_of(asked[0]) if asked else None
        if not asked or not host:
            return await self._plain(at, head)
        client, port = self._judge.somebody(at), asked[1]
        judged = self._remembered.of_name(Kind.CONNECT, client, host)
        if self._judge.is_told_at_once(client, judged[1]) or not self._is_reached(client, port):
            return await self._hand_over_request(at, head, judged)
        await at.send(arrival.ESTABLISHED)
        with self._untold(judged):
            hello = await at.hello(FIRST_HELLO)
        way = self._unread if hello.state is State.NOT_TLS else self._tls
        onward = await way(at, hello, host, port)
        if onward:
            self._visited.met(*judged)
        return onward

    async def transparent_tls(self, at: Arrival) -> Onward | None:
        """A connection that the firewall turned to us, to a port where TLS is spoken."""
        wanted = original.destination(at.sock)
        if wanted is None:
            self._counts.broken += 1
            return None
        hello = await at.hello(FIRST_HELLO)
        if hello.state is State.NOT_TLS:
            return await self._unread(at, hello, wanted[0], wanted[1])
        return await self._tls(at, hello, _name_of(hello) or wanted[0], wanted[1])

    async def transparent_http(self, at: Arrival) -> Onward | None:
        """A connection that the firewall turned to us, to a port where plain HTTP is spoken."""
        wanted = original.destination(at.sock)
        if wanted is None:
            self._counts.broken += 1
            return None
        head = await at.head(FIRST_REQUEST)
        host = host_of(request_head.host_line(head) or "") or wanted[0]
        far, answer = await self._workers.tunnel(at.peername[0], host, wanted[1])
        self._counts.handed_over += 1
        if answer:
            await self._loop.sock_sendall(at.sock, answer)  # a page of refusal, to whoever asked for a page
            return Onward(far, b"")
        return Onward(far, request_head.signed(head, b"") + at.data)

    # What they have in common

    async def _plain(self, at: Arrival, head: bytes) -> Onward | None:
        """A page by plain HTTP; a client that asks for others on the same connection is taken to stay with its site."""
        onward = await self._hand_over_request(at, head)
        host, client = host_of(request_head.host_line(head) or ""), self._judge.who(at)
        if host and client:
            self._visited.met(*self._remembered.of_name(Kind.CONNECT, client, host))
        return onward

    def _is_reached(self, client: Client, port: int) -> bool:
        return port in self._ports or self._judge.lets_pass_unseen(client)

    @contextlib.contextmanager
    def _untold(self, judged: Judged) -> Iterator[None]:
        """Record the refusal of a CONNECT after which the client said nothing more."""
        try:
            yield
        except (OSError, asyncio.CancelledError):
            if judged[1].blocked:
                self._judge.note(*judged)
            raise

    async def _hand_over_request(self, at: Arrival, head: bytes, judged: Judged | None = None) -> Onward | None:
        """Give a request, with what came after it, to the client's worker, which answers it."""
        try:
            far, signed = await self._workers.request(at.peername[0], head)
        except NoWorkerError:
            if judged and judged[1].blocked:
                await self._judge.record(*judged)
            raise
        self._counts.handed_over += 1
        return Onward(far, signed + at.data)

    async def _unread(self, at: Arrival, hello: ClientHello, host: str, port: int) -> Onward | None:
        """What is no TLS: HTTP is a worker's to judge, but on 443 it and all else follow the profile's rule."""
        client = self._judge.somebody(at)
        judged = self._judge.of_name(Kind.CONNECT, client, host)
        passes = self._judge.lets_pass_unseen(client)
        if request_head.can_be_request(hello.raw) and port in self._ports and (port != HTTPS or passes):
            return await self._open(at, hello, host, port, judged)
        self._counts.unread += 1
        if passes and not judged[1].blocked and not judged[1].inspect:
            return await self._splice(at, hello, host, port, judged)
        await self._refuse(judged)
        return None

    async def _tls(self, at: Arrival, hello: ClientHello, host: str, port: int) -> Onward | None:
        """Weigh each name that the client gives, and do what follows."""
        client = self._judge.somebody(at)
        name = (host if hello.name == host else _name_of(hello)) if hello.state is State.WHOLE else None
        judged = [self._remembered.of_name(Kind.SNI, client, one) for one in dict.fromkeys((name, host)) if one]
        gravest_of = gravest(judged) or judged[0]
        if hello.state is not State.WHOLE:
            self._counts.broken += 1
            await self._refuse(gravest_of)
            at.alert(arrival.DECODE_ERROR)
            return None
        plan = self._plan(client, judged, name=name, host=host, port=port)
        if plan is Plan.SPLICE:
            return await self._splice(at, hello, host, port, judged[0])
        if plan is Plan.CLOSE:
            await self._refuse(gravest_of, at)
            return None
        return await self._open(at, hello, host, port, gravest_of)

    def _plan(self, client: Client, judged: list[Judged], *, name: str | None, host: str, port: int) -> Plan:
        verdicts = [verdict for _, verdict in judged]
        agree, named = name in (None, host), name is not None and not domain.as_address(name)
        plan = plan_of(verdicts, agree=agree, named=named, opens=self._judge.opens(client))
        if plan in (Plan.OPEN, Plan.SHOW) and (any(map(is_never_opened, verdicts)) or port not in self._ports):
            plan = Plan.CLOSE
        if named or not agree:
            return plan
        self._counts.unread += plan is Plan.CLOSE
        harmless = not any(v.blocked or v.inspect for v in verdicts)
        return Plan.SPLICE if plan is Plan.CLOSE and harmless and self._judge.lets_pass_unseen(client) else plan

    # Three ways on

    async def _splice(self, at: Arrival, hello: ClientHello, host: str, port: int, judged: Judged) -> Onward | None:
        """Relay to an address of *host* or its strict form; where it leads nowhere, or to what is closed, say so."""
        client = judged[0].client
        self._permitted.relayed(at, host, judged[1])
        strict = self._judge.strict_form(client, host)
        try:
            await self._destinations.look_up(client, strict or host, port)
            closed = self._destinations.closed_alias(*judged, strict)
            far = await self._connect(strict or host, port) if closed is None else None
        except OSError:
            self._counts.unreachable += 1
            return await self._without_server(at, hello, host, port, judged)
        if far:
            self._counts.spliced += 1
            return Onward(far, bytes(hello.raw))
        self._permitted.forget(at.id)
        assert closed
        if self._may_open(client, closed[1], port, hello) and not is_never_opened(judged[1]):
            return await self._open(at, hello, host, port, closed)
        await self._refuse(closed, at if hello.state is State.WHOLE else None)
        return None

    async def _without_server(
        self, at: Arrival, hello: ClientHello, host: str, port: int, judged: Judged
    ) -> Onward | None:
        """A permitted host that is not reached: a worker says why, where it may."""
        self._permitted.forget(at.id)
        if self._may_open(judged[0].client, judged[1], port, hello):
            return await self._open(at, hello, host, port, judged)
        if hello.state is State.WHOLE:
            at.alert(arrival.INTERNAL_ERROR)
        return None

    def _may_open(self, client: Client, verdict: Verdict, port: int, hello: ClientHello) -> bool:
        speaks = hello.state is State.WHOLE and port in self._ports
        return speaks and self._judge.opens(client) and not is_never_opened(verdict)

    async def _connect(self, host: str, port: int) -> socket.socket:
        """A connection to *host* by our own resolver; the last error where none of its addresses takes it."""
        failed: OSError = ConnectionError("there is no address")
        for address in (await self._resolver.addresses(host, port))[:ADDRESSES]:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            made = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            try:
                made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                await self._watch.connect(made, (address, port), time.monotonic() + CONNECTS)
                return made
            except OSError as error:
                failed = error
                made.close()
            except BaseException:
                made.close()
                raise
        raise failed

    async def _open(self, at: Arrival, hello: ClientHello, host: str, port: int, judged: Judged) -> Onward | None:
        """Hand the connection to the client's worker, which judges each request, or shows a page."""
        try:
            far, answer = await self._workers.tunnel(at.peername[0], host, port)
        except NoWorkerError:
            if judged[1].blocked:
                await self._judge.record(*judged)
            raise
        if answer:
            far.close()
            return None
        self._counts.handed_over += 1
        return Onward(far, bytes(hello.raw))

    async def _refuse(self, judged: Judged, at: Arrival | None = None) -> None:
        """End it, *at* with an alert, once a refusal is on record."""
        self._counts.refused += 1
        if judged[1].blocked:
            await self._judge.record(*judged)
        if at:
            at.alert(arrival.ACCESS_DENIED if judged[1].blocked else arrival.UNRECOGNIZED_NAME)


def _name_of(hello: ClientHello) -> str | None:
    """The host that *hello* names; None if it names none, several, or one that cannot be read and so not judged."""
    return host_of(hello.name) if hello.name else None
