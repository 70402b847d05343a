"""Raw DNS messages: a few checks of bytes, without a library and without an object for each label.

This file does no I/O and raises nothing: any bytes give a `Question` or a `Fault`, any answer gives its `Record`s or
None. It knows the wire form (RFC 1035, section 4; RFC 6891 for EDNS) and nothing of filtering.
"""

import enum
import struct

import msgspec

HEADER = 12
"""Bytes before the question (RFC 1035, 4.1.1)."""
MAX_NAME = 255
"""Bytes in a name on the wire, its closing zero included (RFC 1035, 2.3.4)."""
PLAIN_UDP = 512
"""The largest answer to a client that says nothing of its buffer (RFC 1035, 4.2.1)."""
MAX_UDP = 1232
"""The largest answer that goes out in one UDP packet: fits every link of 1,280 bytes (RFC 9715)."""
MAX_TCP = 65535
JUMPS = 16
"""Pointers of one name. One is what servers write; 64 KB of pointers to pointers took 28 s."""
MOST_RECORDS = 500
"""Records of one message: no site has so many addresses, and each costs some 3 us each time it is looked at."""

IN = 1
A, NS, CNAME, SOA, PTR, MX, AAAA, SRV, DNAME, OPT = 1, 2, 5, 6, 12, 15, 28, 33, 39, 41
SVCB, HTTPS, IXFR, AXFR, ANY = 64, 65, 251, 252, 255

QR, TC, RD, RA, AD, CD = 0x8000, 0x0200, 0x0100, 0x0080, 0x0020, 0x0010
"""Flags of the header (RFC 1035, 4.1.1; RFC 4035, 3.2)."""
DO = 0x8000
"""The client wants signatures (RFC 3225): a flag of the OPT record."""

_COUNTS = struct.Struct(">HHHH")
_QUESTION_END = struct.Struct(">HH")
_OPT = struct.Struct(">BHHBBHH")
_OPTION = struct.Struct(">HH")
_RECORD = struct.Struct(">HHIH")

_THE_QUESTION = bytes((0xC0, HEADER))
"""A pointer to the question's name: the owner of most records."""
_SIZES = {A: 4, AAAA: 16}
_NAMES = {NS: 0, CNAME: 0, PTR: 0, MX: 2, SRV: 6, DNAME: 0}
"""Types whose data ends in a name, and where it starts: a name there may be compressed (RFC 3597, 4)."""
_SOA_TIMES = 20
_NO_DATA = range(128, 256)
"""Types that no answer can hold: questions' own and signatures of a transport (RFC 6895, 3.1)."""

_HOST_BYTES = b"abcdefghijklmnopqrstuvwxyz0123456789-_"


class Fault(enum.Enum):
    """What is wrong with a packet that holds no question we answer."""

    SILENCE = "silence"
    FORMAT = "format"
    OPCODE = "opcode"
    VERSION = "version"


class Question(msgspec.Struct, frozen=True, gc=False):
    """One question. *name* is its wire form in lower case, *end* the offset after it in the packet.

    *size* is the buffer that the client announced in bytes; *options* says that its OPT record carries some.
    """

    flags: int
    name: bytes
    end: int
    kind: int
    klass: int
    edns: bool = False
    size: int = PLAIN_UDP
    dnssec_ok: bool = False
    options: bool = False

    @property
    def udp_limit(self) -> int:
        """The largest answer, in bytes, that may go to this client in one packet."""
        return min(max(self.size, PLAIN_UDP), MAX_UDP) if self.edns else PLAIN_UDP


class Record(msgspec.Struct, frozen=True, gc=False):
    """Where a record of a message lies: *start* of its name, *ttl* of its TTL field, *data* to *end* its data."""

    section: int
    kind: int
    start: int
    ttl: int
    data: int
    end: int


def read(packet: bytes) -> Question | Fault:
    """The one question of *packet*, or what is wrong with it."""
    if len(packet) < HEADER or packet[2] & 0x80:
        return Fault.SILENCE
    if packet[2] & 0x78:
        return Fault.OPCODE
    questions, answers, authorities, additionals = _COUNTS.unpack_from(packet, 4)
    if questions != 1 or answers or authorities or additionals > 1:
        return Fault.FORMAT
    name_end = end_of_plain_name(packet, HEADER)
    if name_end is None or name_end + 4 > len(packet):
        return Fault.FORMAT
    kind, klass = _QUESTION_END.unpack_from(packet, name_end)
    question = Question(
        flags=packet[2] << 8 | packet[3],
        name=packet[HEADER:name_end].lower(),
        end=name_end + 4,
        kind=kind,
        klass=klass,
    )
    if additionals:
        return _with_edns(packet, question)
    return question if question.end == len(packet) else Fault.FORMAT


def _with_edns(packet: bytes, question: Question) -> Question | Fault:
    """*question* with what the OPT record behind it says; any other record there is a fault."""
    if question.end + _OPT.size > len(packet):
        return Fault.FORMAT
    root, kind, size, _, version, flags, length = _OPT.unpack_from(packet, question.end)
    if root or kind != OPT or question.end + _OPT.size + length != len(packet):
        return Fault.FORMAT
    if version:
        return Fault.VERSION
    if length and _options(packet, question.end + _OPT.size) is None:
        return Fault.FORMAT
    return msgspec.structs.replace(question, edns=True, size=size, dnssec_ok=bool(flags & DO), options=length > 0)


def options(packet: bytes, place: int) -> set[int]:
    """The codes of the options of the OPT record at *place* of a question that was read, which ends with it."""
    return _options(packet, place + _OPT.size) or set()


def _options(packet: bytes, place: int) -> set[int] | None:
    """The codes of the options from *place* to the end of *packet*; None if they are not whole (RFC 6891, 6.1.2)."""
    codes = set()
    while place < len(packet):
        if place + _OPTION.size > len(packet):
            return None
        code, length = _OPTION.unpack_from(packet, place)
        place += _OPTION.size + length
        codes.add(code)
    return codes if place == len(packet) else None


def end_of_plain_name(packet: bytes, place: int) -> int | None:
    """The offset after the uncompressed name at *place*, or None if there is no whole one."""
    limit = min(len(packet), place + MAX_NAME)
    while place < limit:
        length = packet[place]
        place += 1 + length
        if not length:
            return place
        if length > 63:
            return None
    return None


def host(name: bytes) -> str | None:
    """The text of the lower-case wire *name* ("" for the root), or None if it cannot be a host's name.

    A label with a dot, a space or any other odd byte inside is no host: it would read like another name.
    """
    labels, place = [], 0
    while length := name[place]:
        label = name[place + 1 : place + 1 + length]
        if label.translate(None, _HOST_BYTES):
            return None
        labels.append(label)
        place += 1 + length
    return b".".join(labels).decode("ascii")


def name_of(text: str) -> bytes:
    """The lower-case wire form of the canonical host *text* ("" is the root)."""
    labels = text.lower().encode("ascii").split(b".") if text else []
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def records(message: bytes, place: int) -> list[Record] | None:
    """The records of *message*, whose question ends at *place*; None if they are not whole and sound, or too many.

    Sound is what a client's parser will take: each owner a name, and the data of types that hold an address or names
    of the right form. Data of other types is not looked into (RFC 3597).
    """
    found = []
    counts = _COUNTS.unpack_from(message, 4)[1:]
    if sum(counts) > MOST_RECORDS:
        return None
    for section, count in enumerate(counts):
        for _ in range(count):
            head = _after_name(message, place)
            if head is None or head + _RECORD.size > len(message):
                return None
            kind, klass, _, length = _RECORD.unpack_from(message, head)
            record = Record(section, kind, place, head + 4, head + _RECORD.size, head + _RECORD.size + length)
            if record.end > len(message) or not _is_sound(message, record, klass):
                return None
            found.append(record)
            place = record.end
    return found


def _is_sound(message: bytes, record: Record, klass: int) -> bool:
    owner = message[record.start : record.start + 2]
    if owner != _THE_QUESTION and expanded(message, record.start) is None:
        return False
    if record.kind == OPT:
        return True  # between upstream and us: it goes no further
    return klass == IN and record.kind not in _NO_DATA and _is_data(message, record)


def _is_data(message: bytes, record: Record) -> bool:
    """Whether the data of *record* has the form of its type, if it is one that holds an address or names."""
    kind, data, end = record.kind, record.data, record.end
    if (size := _SIZES.get(kind)) is not None:
        return end - data == size
    if (offset := _NAMES.get(kind)) is not None:
        return _end_of_name(message, data + offset) == end
    if kind == SOA:
        second = _end_of_name(message, data)
        return second is not None and _end_of_name(message, second) == end - _SOA_TIMES
    return True


def _end_of_name(message: bytes, place: int) -> int | None:
    """The offset after the name at *place*, or None if it is broken or its pointers lead nowhere."""
    return None if expanded(message, place) is None else _after_name(message, place)


def _after_name(message: bytes, place: int) -> int | None:
    """The offset after the name at *place*, which may end in a pointer (RFC 1035, 4.1.4)."""
    limit = min(len(message), place + MAX_NAME)
    while place < limit:
        length = message[place]
        if length >= 0xC0:
            return place + 2
        place += 1 + length
        if not length:
            return place
        if length > 63:
            return None
    return None


def expanded(message: bytes, place: int) -> bytes | None:
    """The whole lower-case wire name at *place*, pointers followed; None if it is broken or runs in a circle."""
    labels: list[bytes] = []
    size, bound, jumps = 1, len(message), 0
    while place < bound:
        length = message[place]
        if length >= 0xC0:
            if place + 1 >= len(message):
                return None
            # A pointer must point before the name that holds it, so every name comes to an end.
            target = (length & 0x3F) << 8 | message[place + 1]
            jumps += 1
            if target >= place or jumps > JUMPS:
                return None
            place, bound = target, place
            continue
        if not length:
            return b"".join(labels).lower() + b"\0"
        size += 1 + length
        if length > 63 or size > MAX_NAME or place + 1 + length > len(message):
            return None
        labels.append(message[place : place + 1 + length])
        place += 1 + length
    return None
