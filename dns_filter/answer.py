"""An upstream's answer, read once: what may go out of it, for how long, and what it points at.

This file does no I/O and raises nothing. Records of any type go through as they came (RFC 3597), so nothing here
needs to know them; only aliases, addresses and the SOA are looked into.
"""

import ipaddress
import struct
from collections.abc import Iterator

import msgspec

from dns_filter import reply, wire
from dns_filter.reply import Body
from dns_filter.wire import Record

LONGEST = 86400
"""Seconds that any answer may stay in the cache (RFC 8767, 4, suggests a cap; a day is long for a school)."""
LONGEST_NEGATIVE = 3600
"""Seconds that a name may stay missing (RFC 2308, 5, allows up to three hours)."""
FAILED = 1
"""Seconds that a failure is remembered, so that an upstream in trouble is not asked for each packet (RFC 9520, 3.2)."""

_AUTHORITY, _ADDITIONAL = 1, 2
_IPV4_HINT, _IPV6_HINT = 4, 6

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Answer(msgspec.Struct, frozen=True):
    """What an upstream said. *life* is in seconds; 0 means: for the one who asked, and not kept.

    *offsets* are where TTLs stand, counted from the start of the records; *ttls* are their values. *names* are the
    hosts that the answer leads to (aliases and service targets), *addresses* all that it gives. *note* says why there
    is no answer.
    """

    body: Body
    life: int
    offsets: tuple[int, ...] = ()
    ttls: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    addresses: tuple[Address, ...] = ()
    note: reply.Note | None = None


def failure(code: int, text: str) -> Answer:
    """No answer could be had: SERVFAIL with the extended error *code*."""
    return Answer(Body(reply.SERVFAIL), FAILED, note=reply.Note(code, text))


def parse(message: bytes, question_end: int) -> Answer | None:
    """The answer in *message*, whose question ends at *question_end*; None if it is broken."""
    records = wire.records(message, question_end)
    if records is None:
        return None
    kept = _before_opt(records)
    if _extended_code(message, records):
        return failure(reply.NETWORK_ERROR, "the upstream's answer cannot be used")
    names = [_target(message, r) for r in kept if r.section == 0 and r.kind in _ALIASES]
    if b"" in names:
        return None
    code = message[3] & 0x0F
    ttls = tuple(min(_ttl(message, r), LONGEST) for r in kept)
    return Answer(
        body=Body(
            code,
            message[question_end : kept[-1].end if kept else question_end],
            _counts(kept),
            authentic=bool(message[3] & wire.AD),
        ),
        life=_life(message, code, kept, ttls),
        offsets=tuple(r.ttl - question_end for r in kept),
        ttls=ttls,
        names=tuple(filter(None, map(wire.host, names))),
        addresses=tuple(a for r in kept for a in _addresses(message, r)),
    )


_ALIASES = {wire.CNAME: 0, wire.DNAME: 0, wire.SVCB: 2, wire.HTTPS: 2}
"""Types that lead to another name, and where in their data it starts."""


def _before_opt(records: list[Record]) -> list[Record]:
    """The records before the upstream's OPT, which is between it and us; nothing before it can point behind it."""
    for place, record in enumerate(records):
        if record.kind == wire.OPT:
            return records[:place]
    return records


def _extended_code(message: bytes, records: list[Record]) -> int:
    """The upper bits of the response code, which an OPT record carries (RFC 6891, 6.1.3)."""
    return next((message[r.ttl] for r in records if r.kind == wire.OPT), 0)


def _target(message: bytes, record: Record) -> bytes:
    """The name that an alias leads to; b"" if it is broken."""
    start = record.data + _ALIASES[record.kind]
    name = wire.expanded(message[: record.end], start)
    return name or b""


def _ttl(message: bytes, record: Record) -> int:
    value = int.from_bytes(message[record.ttl : record.ttl + 4])
    return 0 if value & 0x80000000 else value  # RFC 2181, 8


def _counts(records: list[Record]) -> tuple[int, int, int]:
    sections = [r.section for r in records]
    return sections.count(0), sections.count(1), sections.count(2)


def _life(message: bytes, code: int, records: list[Record], ttls: tuple[int, ...]) -> int:
    """How many seconds the answer holds: its shortest TTL; a missing name or type by its SOA (RFC 2308, 5)."""
    if code not in (reply.NOERROR, reply.NXDOMAIN):
        return FAILED
    shortest = min(ttls, default=0)
    if code == reply.NOERROR and any(r.section == 0 for r in records):
        return shortest
    minimum = next((_minimum(message, r) for r in records if r.section == _AUTHORITY and r.kind == wire.SOA), 0)
    return min(shortest, minimum, LONGEST_NEGATIVE)


def _minimum(message: bytes, soa: Record) -> int:
    """The last field of an SOA record."""
    return int.from_bytes(message[max(soa.data, soa.end - 4) : soa.end])


def _addresses(message: bytes, record: Record) -> Iterator[Address]:
    """The addresses that a record gives: A, AAAA, and the hints of a service (RFC 9460, 7.3)."""
    data = message[record.data : record.end]
    if record.kind == wire.A and len(data) == 4:
        yield ipaddress.IPv4Address(data)
    elif record.kind == wire.AAAA and len(data) == 16:
        yield ipaddress.IPv6Address(data)
    elif record.kind in (wire.SVCB, wire.HTTPS):
        yield from _hints(data)


def _hints(data: bytes) -> Iterator[Address]:
    place = wire.end_of_plain_name(data, 2)
    while place is not None and place + 4 <= len(data):
        key, length = struct.unpack_from(">HH", data, place)
        value = data[place + 4 : place + 4 + length]
        if key == _IPV4_HINT:
            yield from (ipaddress.IPv4Address(value[i : i + 4]) for i in range(0, len(value) - 3, 4))
        elif key == _IPV6_HINT:
            yield from (ipaddress.IPv6Address(value[i : i + 16]) for i in range(0, len(value) - 15, 16))
        place += 4 + length
