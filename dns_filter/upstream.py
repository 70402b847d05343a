"""Asking a resolver outside: UDP from a fresh port with a fresh number, TCP when the answer was cut.

An answer counts only if it comes from the address that was asked, carries our number and repeats our question; all
else is ignored and counted. This file keeps nothing: the resolver caches.
"""

import asyncio
import logging
import math
import secrets
import socket
import struct
import time
from collections.abc import Sequence

from dns_filter import answer, reply, wire
from dns_filter.answer import Answer
from dns_filter.turns import Share, Turns

log = logging.getLogger("schoolgate.dns")

AT_ONCE = 2000
"""Questions under way at a time, each with a socket and 4 kB: a silent zone holds one until its time is over, so there
are enough that dozens of clients must act together to shut others out (`dns_filter.turns`)."""
WAITING = 5000
"""Questions under way or waiting for their turn: 1,000 of our own proxies, and of 80 clients that have 50 each."""
ROUNDS = 2
"""How often the list of upstreams is gone through, as a UDP packet may be lost."""
SILENCE = 5.0
"""Seconds without any answer after which a failure is the resolvers' and not a slow name's."""
COMPLAIN = 60.0
"""Seconds between two lines of the log about that."""

_OPT = struct.Struct(">BHHIH")
_HEADER = struct.Struct(">HHHHHH")


class UpstreamError(Exception):
    """This upstream gave no answer that can be used."""


class Upstream:
    """One resolver: where it is, and what became of the questions that it was asked."""

    def __init__(self, host: str, port: int) -> None:
        """Remember the address; nothing is sent yet."""
        self.host, self.port = host, port
        self.family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.answers = self.timeouts = self.failures = self.mismatches = self.by_tcp = 0

    async def ask(self, query: bytes) -> bytes:
        """The answer to *query*, whole; UpstreamError or TimeoutError (from the caller's clock) if there is none."""
        try:
            message = await self._by_udp(query)
            if message[2] & wire.TC >> 8:
                self.by_tcp += 1
                message = await self._by_tcp(query)
        except (OSError, EOFError) as error:
            raise UpstreamError(str(error)) from error
        return message

    async def _by_udp(self, query: bytes) -> bytes:
        """Ask from a socket of its own: the kernel gives it a random port and only this peer's packets."""
        loop = asyncio.get_running_loop()
        with socket.socket(self.family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as peer:
            peer.connect((self.host, self.port))
            peer.send(query)
            arrived: asyncio.Future[bytes] = loop.create_future()
            loop.add_reader(peer.fileno(), self._receive, peer, query, arrived)
            try:
                return await arrived
            finally:
                loop.remove_reader(peer.fileno())

    def _receive(self, peer: socket.socket, query: bytes, arrived: "asyncio.Future[bytes]") -> None:
        try:
            message = peer.recv(wire.MAX_TCP)
        except BlockingIOError:
            return
        except OSError as error:
            if not arrived.done():
                arrived.set_exception(error)
            return
        if not answers(query, message):
            self.mismatches += 1
        elif not arrived.done():
            arrived.set_result(message)

    async def _by_tcp(self, query: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            writer.write(len(query).to_bytes(2) + query)
            length = int.from_bytes(await reader.readexactly(2))
            message = await reader.readexactly(length)
        finally:
            writer.close()
        if not answers(query, message):
            self.mismatches += 1
            raise UpstreamError("an answer to another question")
        return message


def query_for(question: bytes, *, dnssec_ok: bool, checking_disabled: bool) -> bytes:
    """A query with a random number for *question* (wire name, type, class; lower case)."""
    flags = wire.RD | wire.AD | (wire.CD if checking_disabled else 0)
    head = _HEADER.pack(secrets.randbits(16), flags, 1, 0, 0, 1)
    return head + question + _OPT.pack(0, wire.OPT, wire.MAX_UDP, wire.DO if dnssec_ok else 0, 0)


def answers(query: bytes, message: bytes) -> bool:
    """Whether *message* is a response to *query*: the same number, and the same question in any letter case."""
    end = len(query) - _OPT.size
    name_end = end - 4  # type and class are no letters: 65 (HTTPS) reads like a large A
    return (
        len(message) >= end
        and message[:2] == query[:2]
        and message[2] & 0xF8 == wire.QR >> 8
        and message[4:6] == b"\0\1"
        and message[wire.HEADER : name_end].lower() == query[wire.HEADER : name_end]
        and message[name_end:end] == query[name_end:end]
    )


class Upstreams:
    """All resolvers, in the order in which they are asked."""

    def __init__(self, places: Sequence[tuple[str, int]], timeout: float, at_once: int = AT_ONCE) -> None:
        """Ask *places* at most *at_once* questions at a time; one may take *timeout* seconds in all."""
        self.all = [Upstream(host, port) for host, port in places]
        self._attempt = timeout / max(len(self.all), ROUNDS)
        self._timeout = timeout
        self._turns = Turns(at_once)
        self._waiting = 0
        self._answered, self._complained = time.monotonic(), -math.inf

    async def ask(self, question: bytes, share: Share, *, dnssec_ok: bool, checking_disabled: bool) -> Answer:
        """The answer to *question* for *share*, or a failure that says why there is none; raises nothing."""
        if self._waiting >= WAITING:
            return answer.failure(reply.OTHER, "too many questions at once")
        query = query_for(question, dnssec_ok=dnssec_ok, checking_disabled=checking_disabled)
        self._waiting += 1
        try:
            async with asyncio.timeout(self._timeout):
                async with self._turns.turn(share):
                    return await self._ask_each(query)
        except TimeoutError:
            return self._failed("no resolver answered in time")
        finally:
            self._waiting -= 1

    async def _ask_each(self, query: bytes) -> Answer:
        """The first good answer; else the last bad one of the first round that had any; else why there was none."""
        last = None
        for _ in range(ROUNDS):
            for upstream in self.all:
                found = await self._ask_one(upstream, query)
                if found is not None and found.body.code in (reply.NOERROR, reply.NXDOMAIN):
                    return found
                last = found or last
            if last is not None:
                return last
        return self._failed("no resolver can be reached")

    def _failed(self, says: str) -> Answer:
        """The failure that *says* why; where none answers any question, the log hears of it."""
        now = time.monotonic()
        if now - self._answered > SILENCE and now - self._complained >= COMPLAIN:
            self._complained = now
            names = ", ".join(f"{upstream.host} port {upstream.port}" for upstream in self.all)
            log.error("Names cannot be looked up: %s. Is one of these there: %s?", says, names)
        return answer.failure(reply.NO_AUTHORITY, says)

    async def _ask_one(self, upstream: Upstream, query: bytes) -> Answer | None:
        """What *upstream* says, or None if nothing came of it."""
        try:
            async with asyncio.timeout(self._attempt):
                message = await upstream.ask(query)
        except TimeoutError:
            upstream.timeouts += 1
            return None
        except UpstreamError:
            upstream.failures += 1
            return None
        upstream.answers += 1
        self._answered, self._complained = time.monotonic(), -math.inf
        found = answer.parse(message, len(query) - _OPT.size)
        return found or answer.failure(reply.NETWORK_ERROR, "the upstream's answer cannot be used")
