"""Upstreams for tests: real nameservers on loopback, honest (`NameServer`) or wrong in one way (`Crooked`)."""

import enum
from collections.abc import Mapping, Sequence
from typing import Any

from dnslib import DNSRecord

from dns_filter.practice import NameServer

__all__ = ["Crooked", "Fault", "NameServer"]


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


class Crooked(NameServer):
    """Answers as its table says, and then wrongs each answer; *first* only wrongs that many."""

    def __init__(self, zone: Mapping[str, Sequence[str]], fault: Fault, *, first: int = 1 << 30, **more: Any) -> None:
        super().__init__(zone, **more)
        self.fault, self.left = fault, first

    def reply(self, packet: bytes, *, tcp: bool) -> bytes | None:
        honest = super().reply(packet, tcp=tcp)
        if honest is None or (tcp and self.fault is not Fault.CUT_AND_TCP_DIES):
            return honest
        if self.left <= 0:
            return honest
        self.left -= 1
        return self._wronged(honest, packet, tcp=tcp)

    def _wronged(  # noqa: PLR0911 - one line for each fault
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
            case Fault.CUT | Fault.CUT_AND_TCP_DIES:
                return None if tcp else honest[:2] + bytes([honest[2] | 2, honest[3]]) + _NO_RECORDS + packet[12:-11]
            case Fault.BROKEN_RECORD:
                return honest[:-3]
