"""How long a connection may be still: told to a TCP client that asks (edns-tcp-keepalive, RFC 7828).

This file does no I/O and raises nothing. Over UDP the option means nothing and is left alone (RFC 7828, 3.2.1).
"""

import struct

from dns_filter import wire
from dns_filter.wire import Question

CODE = 11
_BYTES = struct.Struct(">HHH")
_LENGTH = 2
"""Bytes of the length before an OPT record's data."""


def told(packet: bytes, message: bytes, seconds: float) -> bytes:
    """*message*, the answer to *packet*, with the *seconds* in its OPT record if *packet* carries the option."""
    if CODE.to_bytes(2) not in packet:  # most questions end here
        return message
    question = wire.read(packet)
    if not isinstance(question, Question) or CODE not in wire.options(packet, question.end):
        return message
    records = wire.records(message, question.end)
    if not records or records[-1].kind != wire.OPT:
        return message
    opt = records[-1]
    option = _BYTES.pack(CODE, 2, min(int(seconds * 10), 0xFFFF))
    length = (opt.end - opt.data + len(option)).to_bytes(_LENGTH)
    return message[: opt.data - _LENGTH] + length + message[opt.data :] + option
