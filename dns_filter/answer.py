"""An upstream's answer, read once: what may go out of it, for how long, and what it points at.

This file does no I/O and raises nothing. Records of any type go through as they came (RFC 3597), so nothing here
needs to know them; only aliases, services, addresses and the SOA are looked into.
"""

import ipaddress
import struct
from collections.abc import Iterator

import msgspec

from blocklists import domain
from dns_filter import chain, reply, rewrite, svcb, wire
from dns_filter.chain import Chain
from dns_filter.reply import Body, Note
from dns_filter.rewrite import Piece, Written
from dns_filter.wire import Record

LONGEST = 86400
"""Seconds that any answer may stay in the cache (RFC 8767, 4, suggests a cap; a day is long for a school)."""
LONGEST_NEGATIVE = 3600
"""Seconds that a name may stay missing (RFC 2308, 5, allows up to three hours)."""
FAILED = 1
"""Seconds that a failure is remembered, so that an upstream in trouble is not asked for each packet (RFC 9520, 3.2)."""

UNSURE = 30
"""Seconds that an alias holds whose target has no such record, where no SOA says for how long."""

PRIVATE = Note(reply.BLOCKED, "points into private space")
"""Says of an answer that it is refused by the filter itself (`dns_filter.rebinding`)."""

_ANSWER, _AUTHORITY = 0, 1
_ROOT = b"\0"
_NOBODY = "invalid"
"""Stands for a name no parent of which a site can be called ("0x7f.1"): no list has it, and it is no zone of ours."""
_SERVICES = frozenset({wire.SVCB, wire.HTTPS})
_OPTION = struct.Struct(">HH")
_CODE = 2

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Answer(msgspec.Struct, frozen=True):
    """What an upstream said. *life* is in seconds; 0 means: for the one who asked, and not kept.

    *offsets* are where TTLs stand, counted from the start of the records; *ttls* are their values. *names* are the
    canonical hosts by which what the answer leads to (aliases and service targets) is judged, *addresses* all that it
    gives. *note* says why there is no answer.
    """

    body: Body
    life: int
    offsets: tuple[int, ...] = ()
    ttls: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    addresses: tuple[Address, ...] = ()
    note: Note | None = None


def failure(code: int, text: str) -> Answer:
    """No answer could be had: SERVFAIL with the extended error *code*."""
    return Answer(Body(reply.SERVFAIL), FAILED, note=Note(code, text))


def parse(message: bytes, question_end: int) -> Answer | None:
    """The answer in *message*, whose question ends at *question_end*; None if it is broken.

    Out of it goes what belongs to the question (`dns_filter.chain`), with what a validating client needs and, where
    there is no such record, with the SOA that says for how long. Name servers and their addresses stay behind.
    """
    records = wire.records(message, question_end)
    if records is None:
        return None
    before, opt = _parted(records)
    if opt is not None and message[opt.ttl]:  # the upper bits of the response code (RFC 6891, 6.1.3)
        return failure(reply.NETWORK_ERROR, "the upstream's answer cannot be used")
    name = message[wire.HEADER : question_end - 4].lower()
    kind = int.from_bytes(message[question_end - 4 : question_end - 2])
    found = chain.follow(message, name, kind, [r for r in before if r.section == _ANSWER])
    if found is None:
        return failure(reply.NETWORK_ERROR, "the aliases of this name lead nowhere")
    pieces, changed = _without_detours(message, found.kept)
    if changed and not pieces:
        return Answer(reply.no_data(UNSURE), UNSURE, offsets=(reply.OF_TTL,), ttls=(UNSURE,))
    answered = any(piece.record.kind == kind for piece in pieces)
    pieces += [
        Piece(r) for r in before if r.section == _AUTHORITY and _proves(message, r, found.last, answered=answered)
    ]
    written = _written(message, question_end, pieces, before)
    if written is None:
        return None
    kept = [piece.record for piece in pieces]
    ttls = tuple(min(_ttl(message, r), LONGEST) for r in kept)
    authentic = bool(message[3] & wire.AD) and not changed and not found.dropped
    code = message[3] & 0x0F
    return Answer(
        body=Body(code, written.records, _counts(kept), authentic=authentic),
        life=_life(message, code, kept, ttls, answered=answered),
        offsets=written.offsets,
        ttls=ttls,
        names=_hosts(message, found, kept),
        addresses=tuple(a for r in kept for a in _addresses(message, r)),
        note=_note(message, opt, code),
    )


def _without_detours(message: bytes, kept: list[Record]) -> tuple[list[Piece], bool]:
    """The answers with service records as they may go out (`dns_filter.svcb`), and whether any was changed.

    A set of records that was changed is no longer what its signature signs, so that goes too.
    """
    if all(record.kind not in _SERVICES for record in kept):
        return [Piece(record) for record in kept], False
    pieces, changed = [], False
    for record in kept:
        came = message[record.data : record.end]
        cleaned = svcb.without_detours(came) if record.kind in _SERVICES else came
        changed = changed or cleaned != came
        if cleaned is not None:
            pieces.append(Piece(record, None if cleaned == came else cleaned))
    if changed:
        pieces = [piece for piece in pieces if _signs(message, piece.record) not in _SERVICES]
    return pieces, changed


def _signs(message: bytes, record: Record) -> int:
    """The type that a signature is for; 0 for what is no signature."""
    return int.from_bytes(message[record.data : record.data + 2]) if record.kind == chain.RRSIG else 0


def _proves(message: bytes, record: Record, last: bytes, *, answered: bool) -> bool:
    """Whether a record of the authority section says that something is missing, and is of a zone of *last*."""
    kind = _signs(message, record) or record.kind
    if kind in (chain.NSEC, chain.NSEC3):
        return True
    if kind != wire.SOA or answered:
        return False
    owner = wire.expanded(message, record.start)
    return owner is not None and last.endswith(owner)


def _written(message: bytes, question_end: int, pieces: list[Piece], before: list[Record]) -> Written | None:
    """The records that go out: as they came where nothing before the last of them is missing or changed."""
    kept = [piece.record for piece in pieces]
    if kept != before[: len(kept)] or any(piece.data is not None for piece in pieces):
        return rewrite.write(message, question_end, pieces)
    end = kept[-1].end if kept else question_end
    return Written(message[question_end:end], tuple(r.ttl - question_end for r in kept))


def _hosts(message: bytes, found: Chain, kept: list[Record]) -> tuple[str, ...]:
    """The hosts that the answer leads to: every alias, and the servers that service records name."""
    if not found.names and all(record.kind not in _SERVICES for record in kept):
        return ()
    services = (wire.expanded(message[: r.end], r.data + 2) for r in kept if r.kind in _SERVICES)
    names = (*found.names, *(name for name in services if name and name != _ROOT))
    return tuple(dict.fromkeys(map(_judged, names)))


def _judged(name: bytes) -> str:
    """The host by which the wire *name* is judged: itself, or the longest of its parents that a site can be called.

    Lists hold hosts alone, and what stands on one closes all that is below it, whatever bytes that has in its labels.
    """
    while name != _ROOT:
        host = wire.host(name)
        if host is not None and domain.canonical(host) == host:
            return host
        name = name[1 + name[0] :]
    return _NOBODY


def _note(message: bytes, opt: Record | None, code: int) -> Note | None:
    """What the upstream says of its answer by an extended error; its code alone, as its words are not ours."""
    if opt is not None and (found := _extended_error(message[opt.data : opt.end])) is not None:
        return Note(found)
    if code in (reply.NOERROR, reply.NXDOMAIN):
        return None
    return Note(reply.NO_AUTHORITY, "the upstream has no answer")


def _extended_error(options: bytes) -> int | None:
    """The code of the first extended error among the *options* of an OPT record (RFC 8914, 2)."""
    place = 0
    while place + _OPTION.size <= len(options):
        option, length = _OPTION.unpack_from(options, place)
        place += _OPTION.size
        if option == reply.EDE and _CODE <= length <= len(options) - place:
            return int.from_bytes(options[place : place + _CODE])
        place += length
    return None


def _parted(records: list[Record]) -> tuple[list[Record], Record | None]:
    """The records before the upstream's OPT, and that: it is between it and us, and nothing before points behind it."""
    for place, record in enumerate(records):
        if record.kind == wire.OPT:
            return records[:place], record
    return records, None


def _ttl(message: bytes, record: Record) -> int:
    value = int.from_bytes(message[record.ttl : record.ttl + 4])
    return 0 if value & 0x80000000 else value  # RFC 2181, 8


def _counts(records: list[Record]) -> tuple[int, int, int]:
    sections = [r.section for r in records]
    return sections.count(0), sections.count(1), sections.count(2)


def _life(message: bytes, code: int, records: list[Record], ttls: tuple[int, ...], *, answered: bool) -> int:
    """How many seconds the answer holds: its shortest TTL; a missing name or type by its SOA (RFC 2308, 5)."""
    if code not in (reply.NOERROR, reply.NXDOMAIN):
        return FAILED
    shortest = min(ttls, default=0)
    if answered:
        return shortest
    soa = next((r for r in records if r.section == _AUTHORITY and r.kind == wire.SOA), None)
    if soa is not None:
        return min(shortest, _minimum(message, soa), LONGEST_NEGATIVE)
    return min(shortest, UNSURE) if code == reply.NOERROR else 0


def _minimum(message: bytes, soa: Record) -> int:
    """The last field of an SOA record."""
    return int.from_bytes(message[max(soa.data, soa.end - 4) : soa.end])


def _addresses(message: bytes, record: Record) -> Iterator[Address]:
    """The addresses that a record gives: A and AAAA; hints of a service never go out."""
    data = message[record.data : record.end]
    if record.kind == wire.A and len(data) == 4:
        yield ipaddress.IPv4Address(data)
    elif record.kind == wire.AAAA and len(data) == 16:
        yield ipaddress.IPv6Address(data)
