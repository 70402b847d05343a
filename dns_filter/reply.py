"""Every answer that leaves us, built from bytes.

This file has no clock, no chance, no socket and no log: the client's packet, its question and what to say go in, one
whole message comes out. The question goes back byte for byte, so a client meets its own letter case; an OPT record
goes back only to a client that sent one, and with it an extended error (RFC 8914) that names no more than category
and profile. Where there is no room for all, the error's text goes first, and then the records (TC).
"""

import struct

import msgspec

from blocklists.profile import Blocked
from dns_filter import wire
from dns_filter.wire import Fault, Question

BLOCKED_TTL = 10
"""Seconds that a client may keep a blocked answer: a lesson pass must open a site while the class still waits."""
FILTERED_TTL = 60
"""Seconds that a client may keep any other answer (DESIGN.md, DNS)."""

NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = range(6)
_BADVERS = 16

OTHER, NOT_READY, BLOCKED, CENSORED, FILTERED, PROHIBITED, NOT_SUPPORTED, NO_AUTHORITY, NETWORK_ERROR = (
    0,
    14,
    15,
    16,
    17,
    18,
    21,
    22,
    23,
)
"""Extended error codes (RFC 8914, 4)."""
STALE, STALE_NXDOMAIN = 3, 19
"""Extended errors of an answer that is over (RFC 8914, 4.4 and 4.20)."""

_HEADER = struct.Struct(">HHHHHH")
_RECORD = struct.Struct(">HHHIH")
_OPT = struct.Struct(">BHHIH")
_OPTION = struct.Struct(">HH")
EDE = 15
"""The option code of an extended error."""
_MAX_TEXT = 400
OF_TTL = 6
"""Bytes before the TTL of a record whose name is a pointer."""
_THE_QUESTION = 0xC000 | wire.HEADER
"""A pointer to the question's name, which always stands right behind the header."""
_SOA_NAMES = wire.name_of("schoolgate.internal") + wire.name_of("nobody.invalid")


class Note(msgspec.Struct, frozen=True):
    """An extended error: its code and a short text, for people or in a form (`dns_filter.structured`)."""

    code: int
    text: str = ""


class Body(msgspec.Struct, frozen=True):
    """What stands behind the question: a code, three sections as bytes and how many records each has.

    Names in *records* may point at the question's name, so the bytes fit any client's question of the same name.
    *authentic* is the AD flag of an upstream that validates; we do not.
    """

    code: int = NOERROR
    records: bytes = b""
    counts: tuple[int, int, int] = (0, 0, 0)
    authentic: bool = False


def message(packet: bytes, question: Question, body: Body, note: Note | None = None, *, limit: int) -> bytes:
    """The answer *body* to *question* of *packet*; cut to its question with TC when it is longer than *limit* bytes."""
    opt = _opt(note, question, limit - question.end - len(body.records)) if question.edns else b""
    flags = wire.QR | wire.RA | question.flags & (wire.RD | wire.CD) | body.code
    if body.authentic and (question.dnssec_ok or question.flags & wire.AD):
        flags |= wire.AD
    records, counts = body.records, body.counts
    if question.end + len(records) + len(opt) > limit:
        records, counts, flags = b"", (0, 0, 0), flags | wire.TC
    head = _HEADER.pack(_number(packet), flags, 1, counts[0], counts[1], counts[2] + bool(opt))
    return b"".join((head, packet[wire.HEADER : question.end], records, opt))


def to_fault(packet: bytes, fault: Fault) -> bytes | None:
    """The answer to a packet that holds no question we answer: its header alone, or None for silence."""
    if fault is Fault.SILENCE:
        return None
    flags = wire.QR | (packet[2] << 8 & 0x7900)
    if fault is Fault.VERSION:
        return _HEADER.pack(_number(packet), flags, 0, 0, 0, 1) + _OPT.pack(0, wire.OPT, wire.MAX_UDP, 1 << 24, 0)
    code = NOTIMP if fault is Fault.OPCODE else FORMERR
    return _HEADER.pack(_number(packet), flags | code, 0, 0, 0, 0)


def broken(packet: bytes) -> bytes | None:
    """SERVFAIL for a packet at which the filter itself failed; None where there is no header to answer."""
    if len(packet) < wire.HEADER or packet[2] & wire.QR >> 8:
        return None
    return _HEADER.pack(_number(packet), wire.QR | SERVFAIL | (packet[2] << 8 & 0x7900), 0, 0, 0, 0)


def blocked(question: Question, form: Blocked, closed: tuple[bytes, bytes] | None, ttl: int) -> Body:
    """The answer for a blocked name in the *form* that a profile says, good for *ttl* seconds.

    *closed* is the closed address (IPv4, IPv6; packed, b"" where there is none): other types and a missing family have
    no data. A school without one has no page to show, so the name does not exist.
    """
    if form is Blocked.NODATA:
        return no_data(ttl)
    if form is Blocked.NXDOMAIN or closed is None:
        return Body(NXDOMAIN, _soa(ttl), (0, 1, 0))
    address = {wire.A: closed[0], wire.AAAA: closed[1]}.get(question.kind, b"")
    if not address:
        return no_data(ttl)
    record = _RECORD.pack(_THE_QUESTION, question.kind, wire.IN, ttl, len(address)) + address
    return Body(NOERROR, record, (1, 0, 0))


def aliased(question: Question, target: bytes, packed: list[bytes], ttl: int) -> Body:
    """The wire name *target* as the alias of the question's name, with its addresses *packed*, for *ttl* seconds."""
    alias = _RECORD.pack(_THE_QUESTION, wire.CNAME, wire.IN, ttl, len(target)) + target
    owner = 0xC000 | question.end + _RECORD.size
    head = _RECORD.pack(owner, question.kind, wire.IN, ttl, 16 if question.kind == wire.AAAA else 4)
    return Body(NOERROR, alias + b"".join(head + data for data in packed), (1 + len(packed), 0, 0))


def no_data(ttl: int) -> Body:
    """The name exists and has no record of this type, for *ttl* seconds (RFC 2308, 2.2)."""
    return Body(NOERROR, _soa(ttl), (0, 1, 0))


def any_minimal(ttl: int) -> Body:
    """The small answer to a question for ANY type (RFC 8482, 4.2), for *ttl* seconds."""
    text = b"\x07RFC8482\x00"
    return Body(NOERROR, _RECORD.pack(_THE_QUESTION, 13, wire.IN, ttl, len(text)) + text, (1, 0, 0))


def _soa(ttl: int) -> bytes:
    """The SOA record that says for how many seconds a missing name or type stays missing (RFC 2308, 5)."""
    data = _SOA_NAMES + struct.pack(">IIIII", 1, 3600, 600, 86400, ttl)
    return _RECORD.pack(_THE_QUESTION, wire.SOA, wire.IN, ttl, len(data)) + data


def _opt(note: Note | None, question: Question, room: int) -> bytes:
    """The OPT record with *note*, without its text where that would need more than *room* bytes."""
    option = b""
    if note:
        text = _cut(note.text)
        if _OPT.size + _OPTION.size + 2 + len(text) > room:
            text = b""
        option = _OPTION.pack(EDE, 2 + len(text)) + note.code.to_bytes(2) + text
    return _OPT.pack(0, wire.OPT, wire.MAX_UDP, wire.DO if question.dnssec_ok else 0, len(option)) + option


def _cut(text: str) -> bytes:
    """The start of *text* in UTF-8 that fits an extended error, without half a letter at its end."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    return printable.encode("utf-8", "replace")[:_MAX_TEXT].decode("utf-8", "ignore").encode()


def _number(packet: bytes) -> int:
    return packet[0] << 8 | packet[1]
