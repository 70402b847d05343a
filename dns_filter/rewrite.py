"""Records written anew, where a message cannot go on as it came because something was taken out of it or changed.

Names inside records may point at any byte before them (RFC 1035, 4.1.4), so each is written out; a record's own name
points at the question, or at an earlier owner. Types that this file does not know have no pointers in their data: none
defined after RFC 1035 may, and the few older ones that do are known here (RFC 3597, 4). This file does no I/O.
"""

import struct
from collections.abc import Iterable
from typing import NamedTuple

from dns_filter import wire
from dns_filter.wire import Record

_NAMES = {
    2: (0, 1),  # NS
    3: (0, 1),  # MD
    4: (0, 1),  # MF
    5: (0, 1),  # CNAME
    6: (0, 2),  # SOA
    7: (0, 1),  # MB
    8: (0, 1),  # MG
    9: (0, 1),  # MR
    12: (0, 1),  # PTR
    14: (0, 2),  # MINFO
    15: (2, 1),  # MX
    17: (0, 2),  # RP
    18: (2, 1),  # AFSDB
    21: (2, 1),  # RT
    24: (18, 1),  # SIG
    26: (2, 2),  # PX
    30: (0, 1),  # NXT
    33: (6, 1),  # SRV
    36: (2, 1),  # KX
    39: (0, 1),  # DNAME
}
"""Bytes before the names in a type's data, and how many names follow."""
_NAPTR = 35
"""A type of three texts, each behind its length, before its name (RFC 3403, 4.1)."""
_LENGTH = struct.Struct(">H")
_NEAR = 0x4000
"""A pointer reaches no further (14 bits)."""


class Piece(NamedTuple):
    """A record that goes out, with other *data* than it came with, or its own (None)."""

    record: Record
    data: bytes | None = None


class Written(NamedTuple):
    """Records as bytes, and where in them each one's TTL stands."""

    records: bytes
    offsets: tuple[int, ...]


def write(message: bytes, question_end: int, pieces: Iterable[Piece]) -> Written | None:
    """*pieces* of *message* in their order, to stand behind its question.

    None if a name in them cannot be read, or if no message could hold them all with their names written out.
    """
    out, offsets = bytearray(), []
    owners = {message[wire.HEADER : question_end - 4].lower(): wire.HEADER}
    for record, changed in pieces:
        owner = wire.expanded(message, record.start)
        data = _data(message, record) if changed is None else changed
        if owner is None or data is None:
            return None
        place = question_end + len(out)
        out += (0xC000 | owners[owner]).to_bytes(2) if owner in owners else owner
        if place < _NEAR:
            owners.setdefault(owner, place)
        offsets.append(len(out) + 4)
        if question_end + len(out) + len(data) > wire.MAX_TCP:
            return None
        out += message[record.ttl - 4 : record.ttl + 4] + _LENGTH.pack(len(data)) + data
    return Written(bytes(out), tuple(offsets))


def _data(message: bytes, record: Record) -> bytes | None:
    """The record's data with its names written out."""
    bounded = message[: record.end]
    if record.kind == _NAPTR:
        fixed, names = _before_naptr(bounded[record.data :]), 1
    elif record.kind in _NAMES:
        fixed, names = _NAMES[record.kind]
    else:
        return bounded[record.data :]
    place = record.data + fixed
    written = [message[record.data : place]]
    for _ in range(names):
        name = wire.expanded(bounded, place)
        if name is None:
            return None
        written.append(name)
        place = _end_of_name(bounded, place)
    return b"".join(written) + bounded[place:]


def _before_naptr(data: bytes) -> int:
    """Bytes before the name in the *data* of a NAPTR record; beyond its end, if it is cut."""
    place = 4
    for _ in range(3):
        place += 1 + (data[place] if place < len(data) else 0)
    return place


def _end_of_name(message: bytes, place: int) -> int:
    """The offset after the sound name at *place*, which may end in a pointer."""
    while (length := message[place]) < 0xC0:
        place += 1 + length
        if not length:
            return place
    return place + 2
