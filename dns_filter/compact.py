"""An upstream's answer as one string of bytes, as a cache of tens of thousands keeps it.

An `Answer` is a dozen Python objects, that the garbage collector visits too; packed it is one that it never sees. What
is taken out equals what was put in, but that each TTL field of the records holds the TTL that the answer gives it. This
file does no I/O and reads no clock.
"""

import ipaddress
import struct
from collections.abc import Iterator

from dns_filter.answer import Address, Answer
from dns_filter.reply import Body, Note

_HEAD = struct.Struct(">dIBB3HHII")
"""Born (monotonic seconds), life in seconds, code, AD, three counts; how many TTLs, bytes of addresses and of text."""
_TIMES = struct.Struct(">dI")
_TTL = struct.Struct(">I")
_NOTE = "\n"
"""Stands between the names that an answer leads to and its note; no name has one inside."""


def pack(answer: Answer, born: float) -> bytes:
    """*answer*, that came at *born*."""
    body = answer.body
    places = struct.pack(f">{len(answer.offsets)}H", *answer.offsets)
    addresses = b"".join(bytes((len(address.packed),)) + address.packed for address in answer.addresses)
    text = _text(answer).encode()
    head = _HEAD.pack(
        born, answer.life, body.code, body.authentic, *body.counts, len(answer.offsets), len(addresses), len(text)
    )
    return b"".join((head, places, addresses, text, _with_ttls(answer)))


def times(packed: bytes) -> tuple[float, int]:
    """When the answer in *packed* came, and its life in seconds."""
    born, life = _TIMES.unpack_from(packed)
    return born, life


def unpack(packed: bytes) -> Answer:
    """The answer in *packed*."""
    _, life, code, authentic, *counts, places, addresses, text = _HEAD.unpack_from(packed)
    end = _HEAD.size + 2 * places
    offsets = struct.unpack(f">{places}H", packed[_HEAD.size : end])
    records = packed[end + addresses + text :]
    names, _, note = packed[end + addresses : end + addresses + text].decode().partition(_NOTE)
    return Answer(
        Body(code, records, (counts[0], counts[1], counts[2]), authentic=bool(authentic)),
        life,
        offsets,
        tuple(int.from_bytes(records[place : place + _TTL.size]) for place in offsets),
        tuple(names.split()),
        tuple(_addresses(packed[end : end + addresses])),
        _note(note),
    )


def _with_ttls(answer: Answer) -> bytes:
    records = bytearray(answer.body.records)
    for place, ttl in zip(answer.offsets, answer.ttls, strict=True):
        _TTL.pack_into(records, place, ttl)
    return bytes(records)


def _text(answer: Answer) -> str:
    names = " ".join(answer.names)
    return f"{names}{_NOTE}{answer.note.code} {answer.note.text}" if answer.note else names


def _note(text: str) -> Note | None:
    code, _, words = text.partition(" ")
    return Note(int(code), words) if code else None


def _addresses(packed: bytes) -> Iterator[Address]:
    place = 0
    while place < len(packed):
        start, place = place + 1, place + 1 + packed[place]
        one = packed[start:place]
        # `ip_address` would find out which by itself, and takes more than twice as long.
        yield ipaddress.IPv4Address(one) if len(one) == 4 else ipaddress.IPv6Address(one)
