"""A small nameserver for practice: the demo's and the tests' upstream, never a school's.

It answers from a table of names, over UDP and TCP, and remembers what it was asked.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Self

from dnslib import AAAA, CNAME, QTYPE, RR, SOA, A, DNSError, DNSHeader, DNSRecord

from dns_filter import bound

WILDCARD = "*"
"""The key of the addresses for every name that is not in the table; without it those names do not exist."""
_PLAIN = 512


class NameServer:
    """`async with NameServer({"school.test": ["192.0.2.1"]}) as server: ... server.port`.

    The zone's values are addresses, or one name with a trailing dot for an alias; an empty list is a name without
    records. *questions* are (name, type) in the order in which they came.
    """

    def __init__(
        self, zone: Mapping[str, Sequence[str]], listen: tuple[str, int] = ("127.0.0.1", 0), *, ttl: int = 300
    ) -> None:
        """Answer from *zone* with *ttl* seconds; nothing is bound yet."""
        self.zone, self.listen, self.ttl = dict(zone), listen, ttl
        self.questions: list[tuple[str, str]] = []
        self.port = 0
        self._open: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Bind UDP and TCP at one port and answer."""
        loop = asyncio.get_running_loop()
        datagrams, streams = bound.alike(*self.listen)
        self.port = datagrams.getsockname()[1]
        self._transport, self._datagrams = await loop.create_datagram_endpoint(lambda: _Datagrams(self), sock=datagrams)
        self._server = await asyncio.start_server(self._converse, sock=streams)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Give the ports back."""
        self._transport.close()
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        await self._server.wait_closed()
        await self._datagrams.closed.wait()

    def reply(self, packet: bytes, *, tcp: bool) -> bytes | None:
        """The answer to *packet*, cut with TC where UDP would not carry it; None for what is no question."""
        try:
            query = DNSRecord.parse(packet)
        except DNSError:
            return None
        name, kind = str(query.q.qname).rstrip(".").lower(), QTYPE.get(query.q.qtype)
        self.questions.append((name, kind))
        answer = DNSRecord(DNSHeader(id=query.header.id, qr=1, aa=1, ra=1, rd=query.header.rd), q=query.q)
        self._fill(answer, name, kind)
        message = bytes(answer.pack())
        if not tcp and len(message) > _PLAIN:
            head = DNSHeader(id=query.header.id, qr=1, aa=1, ra=1, tc=1)
            return bytes(DNSRecord(head, q=query.q).pack())
        return message

    def send(self, transport: asyncio.DatagramTransport, message: bytes, client: tuple[str, int]) -> None:
        """Send the answer *message* over UDP."""
        transport.sendto(message, client)

    def _fill(self, answer: DNSRecord, name: str, kind: str) -> None:
        owner, values = name, self.zone.get(name, self.zone.get(WILDCARD))
        while values and values[0].endswith("."):
            answer.add_answer(RR(owner, QTYPE.CNAME, ttl=self.ttl, rdata=CNAME(values[0])))
            owner = values[0].rstrip(".")
            values = self.zone.get(owner, self.zone.get(WILDCARD))
        for address in values or ():
            if (":" in address) == (kind == "AAAA") and kind in ("A", "AAAA"):
                data = AAAA(address) if kind == "AAAA" else A(address)
                answer.add_answer(RR(owner, getattr(QTYPE, kind), ttl=self.ttl, rdata=data))
        if values is None:
            answer.header.rcode = 3
        if not answer.rr:
            times = (1, 3600, 600, 86400, self.ttl)
            answer.add_auth(RR("test", QTYPE.SOA, ttl=self.ttl, rdata=SOA("ns.test", "nobody.invalid", times)))

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            while True:
                length = int.from_bytes(await reader.readexactly(2))
                message = self.reply(await reader.readexactly(length), tcp=True)
                if message is None:
                    break
                writer.write(len(message).to_bytes(2) + message)
                await writer.drain()
        except (OSError, EOFError):
            pass
        finally:
            self._open.discard(task)
            writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    """The UDP half of the nameserver."""

    def __init__(self, server: NameServer) -> None:
        self._server = server
        self.closed = asyncio.Event()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Say that the port is free again."""
        self.closed.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where answers go out."""
        assert isinstance(transport, asyncio.DatagramTransport)
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer one question."""
        message = self._server.reply(data, tcp=False)
        if message is not None:
            self._server.send(self._transport, message, addr)
