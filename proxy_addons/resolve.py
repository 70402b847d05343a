"""Names of servers to addresses, by our own inner DNS listener and by nothing else.

Installed as the event loop's `getaddrinfo`, so that whatever opens a connection gets its address here: sealed lists
and rebinding rules are the listener's, and an address that is private, the gateway's own or a cloud's metadata is
refused after resolution. The system's resolver is never asked, not even when ours does not answer.
"""

import asyncio
import contextlib
import contextvars
import itertools
import secrets
import socket
import struct
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from blocklists import domain
from proxy_addons import query
from proxy_addons.addresses import Reach, is_own
from proxy_addons.target import host_of

TIMEOUT = 3.5
"""Seconds for one try over UDP on the same machine; the listener itself gives its upstream 2.5, and says so."""
TRIES = 2
"""A question is lost only where the listener is started anew."""
KEPT = 10.0
"""Seconds that an answer is kept at most: a page's many connections ask once, and a change is soon seen."""
KEPT_AT_LEAST = 2.0
"""Seconds that an answer is kept whatever its TTL, and that there was none: what was judged is what is connected to."""
MOST_KEPT = 4096

_UNABLE = frozenset({2, 5})
"""SERVFAIL and REFUSED: nothing is known about the name (RFC 1035, 4.1.1)."""

SINK = "sink.schoolgate.invalid"
"""Names under this one mean our own loopback sink; .invalid is nobody's (RFC 2606)."""

STRICT: contextvars.ContextVar[tuple[str, str]] = contextvars.ContextVar("strict", default=("", ""))
"""(host, name of its strict form): whose addresses a task gets in place of the host's own (`blocklists.safe_search`).

A connection to a server is opened by one task, for one client; `server.address` itself must stay, or no connection
would be used twice.
"""

type _Info = tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]]


class RefusedAddressError(OSError):
    """The name leads to an address that may not be reached."""


class NoAnswerError(OSError):
    """The inner DNS listener did not answer."""


class SealedNameError(OSError):
    """The name, or one that it leads to, is on a sealed list."""


class NoSuchNameError(OSError):
    """The name leads nowhere."""


class _Kept(NamedTuple):
    """What was heard of a name, or why nothing was."""

    until: float
    addresses: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    error: str = ""
    sealed: bool = False


class Resolver:
    """Answers `getaddrinfo`. *own_ports* are the proxy's own, which no client reaches through it."""

    def __init__(self, inner: tuple[str, int], reach: Reach) -> None:
        """Ask the listener at *inner*; *reach* says which addresses may be given."""
        self._inner, self.reach = inner, reach
        self.own_ports: set[int] = set()
        self.sink: tuple[str, int] | None = None
        self.upstream: tuple[str, int] | None = None
        self._kept: dict[str, _Kept] = {}
        self._permitted: dict[tuple[str, int], tuple[_Kept, tuple[str, ...]]] = {}

    async def getaddrinfo(
        self,
        host: bytes | str | None,
        port: bytes | str | int | None,
        *,
        family: int = 0,
        type: int = 0,  # noqa: A002 - the loop's own keyword
        proto: int = 0,
        flags: int = 0,  # noqa: ARG002 - the loop's own keyword
    ) -> list[_Info]:
        """What `socket.getaddrinfo` gives, for names by our own listener; raises one of this module's errors."""
        text = host.decode("ascii", "replace") if isinstance(host, bytes) else host or ""
        number = int(port or 0)
        asked, strict = STRICT.get()
        text = strict if text == asked and strict else text
        if self.sink and text.endswith(SINK):
            return [_info(*self.sink, type, proto)]
        if (text, number) == self.upstream:  # the other proxy, which no client reaches as a site
            return [_info(text, number, type, proto)]
        found = await self.addresses(text, number)
        return [_info(a, number, type, proto) for a in found if family in (0, _family(a))]

    def known(self, host: str, port: int) -> tuple[str, ...]:
        """What `addresses` gave for *host*, while that is kept; () where it must be asked for."""
        found = self._permitted.get((host, port))
        if found is None or time.monotonic() >= found[0].until or self._kept.get(host) is not found[0]:
            return ()
        return found[1]

    async def addresses(self, host: str, port: int) -> tuple[str, ...]:
        """The addresses of *host* that may be reached on *port*; raises one of this module's errors."""
        if known := self.known(host, port):
            return known
        name = host_of(host)
        if name is None:
            raise NoSuchNameError("no such name")
        literal = domain.as_address(name)
        found = (literal,) if literal else await self._look_up(name)
        permitted = tuple(a for a in found if self.permits(a, port))
        if found and not permitted:
            raise RefusedAddressError("an address that may not be reached")
        if not permitted:
            raise NoSuchNameError("no such name")
        if kept := self._kept.get(name):
            while len(self._permitted) >= MOST_KEPT:
                del self._permitted[next(iter(self._permitted))]
            self._permitted[name, port] = kept, permitted
        return permitted

    def permits(self, address: str, port: int) -> bool:
        """Whether *address* may be reached on *port*; our own listeners never may."""
        return self.reach.permits(address) and not (port in self.own_ports and is_own(address))

    async def _look_up(self, name: str) -> tuple[str, ...]:
        kept = self._kept.get(name)
        if kept is None or time.monotonic() >= kept.until:
            kept = await self._ask_anew(name)
            while len(self._kept) >= MOST_KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[name] = kept
        if kept.sealed:
            raise SealedNameError("a name on a sealed list")
        if kept.error:
            raise NoAnswerError(kept.error)
        return kept.addresses

    async def _ask_anew(self, name: str) -> _Kept:
        try:
            four, six = await asyncio.gather(self._ask(name, query.A), self._ask(name, query.AAAA))
        except NoAnswerError as error:
            return _Kept(time.monotonic() + KEPT_AT_LEAST, error=str(error))
        if four.sealed or six.sealed:
            return _Kept(time.monotonic() + KEPT_AT_LEAST, sealed=True)
        if {four.code, six.code} <= _UNABLE:
            return _Kept(time.monotonic() + KEPT_AT_LEAST, error="the DNS service could not answer")
        seconds = min((a.ttl for a in (four, six) if a.addresses), default=0)
        return _Kept(
            time.monotonic() + max(KEPT_AT_LEAST, min(seconds, KEPT)),
            (*four.addresses, *six.addresses),
            tuple(dict.fromkeys((*four.aliases, *six.aliases))),
        )

    def is_sealed(self, name: str) -> bool:
        """Whether *name* was found to lead to a sealed host."""
        kept = self._kept.get(name)
        return kept is not None and kept.sealed

    def aliases(self, name: str) -> tuple[str, ...]:
        """The canonical aliases of *name* as they stood in the answer that is kept; none where none is."""
        kept = self._kept.get(name)
        return tuple(alias for alias in map(host_of, kept.aliases) if alias) if kept else ()

    async def _ask(self, name: str, kind: int) -> query.Answer:
        for _ in range(TRIES):
            question = query.encode(secrets.randbits(16), name, kind)
            with contextlib.suppress(TimeoutError, OSError):
                async with asyncio.timeout(TIMEOUT):
                    answer = await self._over_udp(question)
                    if answer.truncated:
                        answer = await self._over_tcp(question)
                    return answer
        raise NoAnswerError("the DNS service did not answer")

    async def _over_udp(self, question: bytes) -> query.Answer:
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[query.Answer] = loop.create_future()
        transport, _ = await loop.create_datagram_endpoint(lambda: _Asking(question, waiting), remote_addr=self._inner)
        try:
            return await waiting
        finally:
            transport.close()

    async def _over_tcp(self, question: bytes) -> query.Answer:
        reader, writer = await asyncio.open_connection(*self._inner)
        try:
            writer.write(struct.pack(">H", len(question)) + question)
            length = struct.unpack(">H", await reader.readexactly(2))[0]
            answer = query.decode(await reader.readexactly(length), question)
        except asyncio.IncompleteReadError as error:
            raise ConnectionError("the answer ends early") from error
        finally:
            writer.close()
        if answer is None or answer.truncated:
            raise ConnectionError("no answer to this question")
        return answer


class _Asking(asyncio.DatagramProtocol):
    """One question over UDP; packets that are no answer to it are not looked at."""

    def __init__(self, question: bytes, waiting: "asyncio.Future[query.Answer]") -> None:
        self._question, self._waiting = question, waiting

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.DatagramTransport)
        transport.sendto(self._question)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:  # noqa: ARG002
        answer = query.decode(data, self._question)
        if answer and not self._waiting.done():
            self._waiting.set_result(answer)

    def error_received(self, exc: Exception) -> None:
        if not self._waiting.done():
            self._waiting.set_exception(exc)


@contextlib.contextmanager
def installed(resolver: Resolver, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Have *loop* resolve by *resolver* for as long as the context lasts."""
    before: Callable[..., Any] = loop.getaddrinfo
    loop.getaddrinfo = resolver.getaddrinfo  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        loop.getaddrinfo = before  # type: ignore[method-assign]


_turn = itertools.count()


def sink_name(*, shared: bool) -> str:
    """A name for the sink: one for all that a connection sends in turn, else one of 64 by turns.

    mitmproxy opens at most five connections for one address and client, so uploads that run side by side (HTTP/2)
    would wait for each other under one name.
    """
    return SINK if shared else f"{next(_turn) % 64}.{SINK}"


def _family(address: str) -> int:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _info(address: str, port: int, kind: int, proto: int) -> _Info:
    kind = kind or socket.SOCK_STREAM
    proto = proto or (socket.IPPROTO_TCP if kind == socket.SOCK_STREAM else socket.IPPROTO_UDP)
    if _family(address) == socket.AF_INET6:
        return socket.AF_INET6, kind, proto, "", (address, port, 0, 0)
    return socket.AF_INET, kind, proto, "", (address, port)
