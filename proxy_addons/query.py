"""The smallest part of DNS that a proxy needs: ask for the addresses of a name, read them from the answer.

No input and output here. What is no answer to the question gives None; nothing raises on any bytes.
"""

import ipaddress
import struct
from collections.abc import Iterator

import msgspec

A = 1
AAAA = 28
_CNAME = 5
_IN = 1
_RECURSE = 0x0100
_RESPONSE = 0x8000
_TRUNCATED = 0x0200
_HEADER = struct.Struct(">HHHHHH")
_RECORD = struct.Struct(">HHIH")
_OPT_TYPE = 41
_OPT = b"\0" + _RECORD.pack(_OPT_TYPE, 1232, 0, 0)
"""EDNS (RFC 6891), so that an answer can say why it is none: no name, 1232 bytes, no options."""
_EXTENDED_ERROR, _CENSORED = 15, 16
"""Of RFC 8914: our own listener says "censored" for what a sealed list names."""
_MOST_ALIASES = 12
"""Aliases followed before an answer is taken for a loop; resolvers give up at about this number too."""


class Answer(msgspec.Struct, frozen=True):
    """What an answer says. *ttl* is in seconds; *aliases* lead to the addresses; *truncated*: ask again over TCP.

    *sealed*: the name, or one that it leads to, is on a sealed list.
    """

    code: int
    addresses: tuple[str, ...]
    ttl: int
    truncated: bool = False
    aliases: tuple[str, ...] = ()
    sealed: bool = False


def encode(identity: int, name: str, kind: int) -> bytes:
    """A question for *name* (canonical, at most 253 bytes); ValueError if it cannot be asked."""
    labels = name.encode("ascii").split(b".")
    if any(not 0 < len(label) < 64 for label in labels) or len(name) > 253:
        raise ValueError("no such name can be asked")
    wire = b"".join(bytes([len(label)]) + label for label in labels)
    return _HEADER.pack(identity, _RECURSE, 1, 0, 0, 1) + wire + b"\0" + struct.pack(">HH", kind, _IN) + _OPT


def decode(packet: bytes, question: bytes) -> Answer | None:
    """The answer in *packet* to *question* (as `encode` made it), or None if it is not one."""
    try:
        return _decode(packet, question)
    except (struct.error, IndexError, ValueError):
        return None


def _decode(packet: bytes, question: bytes) -> Answer | None:
    identity, flags, questions, answers, authorities, others = _HEADER.unpack_from(packet)
    end = len(question) - len(_OPT)
    question = question[:end]
    same = packet[12 : end - 4].lower() == question[12 : end - 4].lower() and packet[end - 4 : end] == question[-4:]
    if identity != int.from_bytes(question[:2]) or not flags & _RESPONSE:
        return None
    if flags & _TRUNCATED:  # some servers leave even the question out
        return Answer(flags & 0xF, (), 0, truncated=True)
    if questions != 1 or not same:
        return None
    kind = int.from_bytes(question[-4:-2])
    found, ttl, aliases, end = _addresses(packet, end, answers, kind)
    names = tuple(name.decode("latin-1") for name in aliases)
    return Answer(flags & 0xF, found, ttl, aliases=names, sealed=_is_censored(packet, end, authorities + others))


def _addresses(packet: bytes, at: int, count: int, wanted: int) -> tuple[tuple[str, ...], int, list[bytes], int]:
    """The addresses that belong to the name asked for, the shortest TTL, the aliases on the way, and where it ends."""
    owner, _ = _name(packet, 12)
    names, found, ttls = [owner], [], []
    for _ in range(count):
        owner, at = _name(packet, at)
        kind, group, ttl, length = _RECORD.unpack_from(packet, at)
        at += _RECORD.size
        data = packet[at : at + length]
        if len(data) != length:
            raise ValueError("a record ends early")
        if group == _IN and owner in names:
            if kind == _CNAME and len(names) < _MOST_ALIASES:
                names.append(_name(packet, at)[0])
                ttls.append(ttl)
            elif kind == wanted and length in (4, 16):
                found.append(str(ipaddress.ip_address(data)))
                ttls.append(ttl)
        at += length
    return tuple(found), min(ttls, default=0), names[1:], at


def _is_censored(packet: bytes, at: int, count: int) -> bool:
    """Whether one of the *count* records at *at* is an OPT with the extended error "censored"."""
    for _ in range(count):
        _, at = _name(packet, at)
        kind, _, _, length = _RECORD.unpack_from(packet, at)
        at += _RECORD.size
        if kind == _OPT_TYPE and _CENSORED in _extended_errors(packet[at : at + length]):
            return True
        at += length
    return False


def _extended_errors(options: bytes) -> Iterator[int]:
    while options:
        code, length = struct.unpack_from(">HH", options)
        if code == _EXTENDED_ERROR and length > 1:
            yield int.from_bytes(options[4:6])
        options = options[4 + length :]


def _name(packet: bytes, at: int) -> tuple[bytes, int]:
    """The name at *at* in lower case, and where the next field begins."""
    labels: list[bytes] = []
    end = -1
    for _ in range(128):
        size = packet[at]
        if size >= 0xC0:
            end = at + 2 if end < 0 else end
            at = (size & 0x3F) << 8 | packet[at + 1]
        elif size == 0:
            return b".".join(labels), at + 1 if end < 0 else end
        else:
            labels.append(packet[at + 1 : at + 1 + size].lower())
            at += 1 + size
    raise ValueError("a name that does not end")
