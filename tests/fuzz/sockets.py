"""The same packets over real sockets: a worker that serves UDP and TCP, a nameserver behind it, and the judge."""

import asyncio
import contextlib
import itertools
import socket
from typing import Self

from dns_filter import tcp
from tests.dns_filter.conftest import ZONE, worker
from tests.fuzz.judge import Judge, is_asking
from tests.support.nameserver import NameServer
from tests.support.school import School
from tests.support.scrape import scraped

SENTINEL = b"\xff\xff\x01\0\0\1\0\0\0\0\0\0\x08learning\4test\0\0\1\0\1"
"""A question of our own behind the others: while it is answered the worker is well."""
SOURCES = ("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4")
BY_TCP = 8
"""Packets of each turn that go over TCP as well, on one connection."""
LONGEST_DATAGRAM = 65507
PATIENCE = 10.0
"""Seconds in which the sentinel is answered."""


class Sockets:
    """`async with Sockets(school) as sockets: await sockets.hear(packets)`."""

    def __init__(self, school: School) -> None:
        """Serve *school*; nothing runs yet."""
        self._school, self.judge = school, Judge(honest=True)
        self._opened = contextlib.AsyncExitStack()
        self._numbers, self._sources = itertools.cycle(range(0xFFFF)), itertools.cycle(SOURCES)
        self._pending: dict[bytes, bytes] = {}

    async def __aenter__(self) -> Self:
        """Start nameserver and worker."""
        upstream = await self._opened.enter_async_context(NameServer(ZONE))
        started = worker(self._school, (upstream.port,), metrics=("127.0.0.1", 0))
        self._worker = await self._opened.enter_async_context(started)
        self._peers = {source: self._opened.enter_context(self._peer(source)) for source in SOURCES}
        return self

    async def __aexit__(self, *_: object) -> None:
        """End both."""
        await self._opened.aclose()

    def _peer(self, source: str) -> socket.socket:
        peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        peer.bind((source, 0))
        peer.connect(self._worker.dns)
        return peer

    async def hear(self, packets: list[bytes]) -> None:
        """Put *packets* to the worker, some by TCP too, and judge what comes back until a good question is answered."""
        if not packets:
            return
        loop, peer = asyncio.get_running_loop(), self._peers[next(self._sources)]
        numbered = [self._number() + packet[2:LONGEST_DATAGRAM] for packet in packets if len(packet) > 1]
        for packet in (*numbered, SENTINEL):
            if is_asking(packet):
                self._pending[packet[:2]] = packet
            await loop.sock_sendall(peer, packet)
        async with asyncio.timeout(PATIENCE):
            while SENTINEL[:2] in self._pending:
                answer = await loop.sock_recv(peer, 65535)
                self.judge.hear(self._pending.pop(answer[:2]), answer, tcp=False)
        await self._by_tcp([packet for packet in numbered if len(packet) <= tcp.LONGEST][:BY_TCP])

    def _number(self) -> bytes:
        return next(self._numbers).to_bytes(2)

    async def _by_tcp(self, packets: list[bytes]) -> None:
        """Ask all, say that there is no more, and judge what comes until the worker ends the connection too."""
        reader, writer = await asyncio.open_connection(*self._worker.dns, local_addr=(next(self._sources), 0))
        try:
            for packet in packets:
                writer.write(len(packet).to_bytes(2) + packet)
            writer.write_eof()
            async with asyncio.timeout(PATIENCE):
                said = await reader.read()
        finally:
            writer.close()
            await writer.wait_closed()
        asked = {packet[:2]: packet for packet in packets}
        while said:
            length = int.from_bytes(said[:2])
            answer, said = said[2 : 2 + length], said[2 + length :]
            self.judge.hear(asked.pop(answer[:2]), answer, tcp=True)
        for packet in asked.values():
            self.judge.hear(packet, None, tcp=True)

    async def failures(self) -> int:
        """What the worker counts as failures of its own."""
        page = await asyncio.to_thread(scraped, self._worker.endpoints["metrics"][1])
        lines = dict(line.rsplit(" ", 1) for line in page.splitlines() if line.startswith("schoolgate_dns_failures"))
        return int(float(lines["schoolgate_dns_failures_total"]))
