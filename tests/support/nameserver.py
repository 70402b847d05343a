"""Upstreams for tests: real nameservers on loopback, honest (`NameServer`) or wrong in one way (`Crooked`)."""

import asyncio
import enum
import socket
import ssl
from collections.abc import Mapping, Sequence
from typing import Any, Self

from dnslib import RR, A, DNSRecord

from dns_filter.practice import NameServer

__all__ = ["Crooked", "Fault", "NameServer", "OverTls"]


_NO_RECORDS = b"\0\1\0\0\0\0\0\0"
"""The four counts of a message that holds its question and nothing else (our query ends in 11 bytes of OPT)."""


class Fault(enum.Enum):
    """What a crooked nameserver does to each UDP answer."""

    SILENT = "silent"
    WRONG_NUMBER = "wrong number"
    WRONG_QUESTION = "wrong question"
    NOISE = "noise"
    SERVFAIL = "servfail"
    CUT = "cut"
    BROKEN_RECORD = "broken record"
    CUT_AND_TCP_DIES = "cut, and TCP dies"
    CUT_AND_TCP_DIES_HALFWAY = "cut, and TCP dies in the middle of its answer"
    LATE = "two seconds late"
    WRONG_NAME = "an answer for another name"
    FOLDED = "the question in small letters"
    SPOOFED = "forged packets from elsewhere come first"
    REFUSED = "refused"


FORGED = "203.0.113.66"
"""The address in answers that must not be believed."""
LATENESS = 2.0
"""Seconds."""
_BY_TCP = (Fault.CUT_AND_TCP_DIES, Fault.CUT_AND_TCP_DIES_HALFWAY)


class Crooked(NameServer):
    """Answers as its table says, and then wrongs each answer; *first* only wrongs that many."""

    def __init__(self, zone: Mapping[str, Sequence[str]], fault: Fault, *, first: int = 1 << 30, **more: Any) -> None:
        super().__init__(zone, **more)
        self.fault, self.left = fault, first

    def reply(self, packet: bytes, *, tcp: bool) -> bytes | None:
        honest = super().reply(packet, tcp=tcp)
        if honest is None or (tcp and self.fault not in _BY_TCP):
            return honest
        if self.left <= 0:
            return honest
        self.left -= 1
        return self._wronged(honest, packet, tcp=tcp)

    def send(self, transport: asyncio.DatagramTransport, message: bytes, client: tuple[str, int]) -> None:
        if self.fault is Fault.LATE and self.left >= 0:
            asyncio.get_running_loop().call_later(LATENESS, _send_if_open, transport, message, client)
            return
        if self.fault is Fault.SPOOFED:
            forged = message[:-4] + socket.inet_aton(FORGED)
            for place in (("127.0.0.1", 0), ("127.0.0.9", self.port)):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere:
                    elsewhere.bind(place)
                    elsewhere.sendto(forged, client)
        super().send(transport, message, client)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.fault is not Fault.CUT_AND_TCP_DIES_HALFWAY or self.left <= 0:
            await super()._converse(reader, writer)
            return
        self.left -= 1
        await reader.readexactly(2)
        writer.write(b"\0\x40half an answer")
        writer.close()

    def _wronged(  # noqa: C901, PLR0911 - one line for each fault
        self, honest: bytes, packet: bytes, *, tcp: bool
    ) -> bytes | None:
        match self.fault:
            case Fault.SILENT:
                return None
            case Fault.WRONG_NUMBER:
                return bytes([honest[0] ^ 0xFF]) + honest[1:]
            case Fault.WRONG_QUESTION:
                other = DNSRecord.question("elsewhere.test")
                other.header.id, other.header.qr = int.from_bytes(packet[:2]), 1
                return bytes(other.pack())
            case Fault.NOISE:
                return b"\xff" * 40
            case Fault.SERVFAIL:
                return honest[:3] + bytes([honest[3] & 0xF0 | 2]) + _NO_RECORDS + packet[12:-11]
            case Fault.REFUSED:
                return honest[:3] + bytes([honest[3] & 0xF0 | 5]) + _NO_RECORDS + packet[12:-11]
            case Fault.WRONG_NAME:
                answer = DNSRecord.parse(honest)
                answer.rr = [RR("elsewhere.test", rdata=A(FORGED), ttl=300)]
                return bytes(answer.pack())
            case Fault.FOLDED:
                return honest[:12] + honest[12:].lower()
            case Fault.LATE | Fault.SPOOFED:
                return honest
            case Fault.CUT | Fault.CUT_AND_TCP_DIES | Fault.CUT_AND_TCP_DIES_HALFWAY:
                return None if tcp else honest[:2] + bytes([honest[2] | 2, honest[3]]) + _NO_RECORDS + packet[12:-11]
            case Fault.BROKEN_RECORD:
                return honest[:-3]


class OverTls(NameServer):
    """Answers over TLS at *tls_port* too, with *certificate*; *conversations* is how many connections it has had."""

    def __init__(self, zone: Mapping[str, Sequence[str]], certificate: ssl.SSLContext, **more: Any) -> None:
        super().__init__(zone, **more)
        self._certificate, self.conversations, self.tls_port = certificate, 0, 0
        self.queries: list[bytes] = []

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self._tls = await asyncio.start_server(self._converse, "127.0.0.1", 0, ssl=self._certificate)
        self.tls_port = self._tls.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error: object) -> None:
        self._tls.close()
        await super().__aexit__(*error)

    async def hang_up(self) -> None:
        """Close every connection, as servers do with idle ones."""
        for task in tuple(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    def reply(self, packet: bytes, *, tcp: bool) -> bytes | None:
        self.queries.append(packet)
        return super().reply(packet, tcp=tcp)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.conversations += 1
        await super()._converse(reader, writer)


def _send_if_open(transport: asyncio.DatagramTransport, message: bytes, client: tuple[str, int]) -> None:
    if not transport.is_closing():
        transport.sendto(message, client)
