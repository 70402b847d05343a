"""A question as it goes to a resolver, and whether what comes back answers it.

This file does no I/O and has no chance of its own: random bytes are arguments. Over UDP the letters of the name are
large or small at random ("0x20"): with 16 bits of number and 14.8 of port, a forger must guess a bit more for each
letter. Over TCP and TLS, where nobody from outside can answer, the name goes out in small letters.
"""

import enum
import struct
from typing import NamedTuple

from dns_filter import wire

NUMBER = 2
"""Bytes of a message's number."""
_BLOCK = 128
"""Queries over TLS are as long as a multiple of this many bytes (RFC 8467, 4.1)."""
_PADDING = 12
"""The option code of padding (RFC 7830)."""
_REST = 4
"""Bytes of type and class behind a question's name."""

_OPT = struct.Struct(">BHHIH")
_HEADS = tuple(
    struct.pack(">HHHHH", wire.RD | wire.AD | (wire.CD if checking_disabled else 0), 1, 0, 0, 1)
    for checking_disabled in (False, True)
)
_TAILS = tuple(_OPT.pack(0, wire.OPT, wire.MAX_UDP, wire.DO if dnssec_ok else 0, 0) for dnssec_ok in (False, True))
_LETTERS = bytes(0x20 if 0x61 <= byte <= 0x7A else 0 for byte in range(256))
"""The bit that makes a small letter large, for each byte that is one; the length of a label never is (63 at most)."""


class Asking(NamedTuple):
    """What is asked: wire name in lower case, type and class; and two flags that change the answer."""

    question: bytes
    dnssec_ok: bool
    checking_disabled: bool

    @property
    def end(self) -> int:
        """Where the question ends in a message."""
        return wire.HEADER + len(self.question)


class Fit(enum.Enum):
    """How a message that has our number fits our question."""

    SAME = "the same question, letter by letter"
    CASE = "the same question in other letters"
    OTHER = "another question, or no answer at all"


def mixed(question: bytes, coins: bytes) -> bytes:
    """*question* with letters of its name large where *coins*, as long as it, says so."""
    name, rest = question[:-_REST], question[-_REST:]
    flips = int.from_bytes(name.translate(_LETTERS)) & int.from_bytes(coins[: len(name)])
    return (int.from_bytes(name) ^ flips).to_bytes(len(name)) + rest


def message(number: bytes, question: bytes, asking: Asking) -> bytes:
    """The query with *number* that puts *question*, which is the one of *asking* in any letters."""
    return number + _HEADS[asking.checking_disabled] + question + _TAILS[asking.dnssec_ok]


def padded(number: bytes, asking: Asking) -> bytes:
    """The query with *number*, its length rounded up so that it tells no more of the name than it must."""
    bare = message(number, asking.question, asking)
    room = -(len(bare) + 4) % _BLOCK
    opt = _OPT.pack(0, wire.OPT, wire.MAX_UDP, wire.DO if asking.dnssec_ok else 0, 4 + room)
    return bare[: asking.end] + opt + struct.pack(">HH", _PADDING, room) + bytes(room)


def fit(question: bytes, found: bytes) -> Fit:
    """How the message *found* fits *question* as it was put; the numbers are the caller's to compare."""
    end = wire.HEADER + len(question)
    if len(found) < end or found[2] & 0xF8 != wire.QR >> 8 or found[4:6] != b"\0\1":
        return Fit.OTHER
    repeated = found[wire.HEADER : end]
    if repeated == question:
        return Fit.SAME
    # Type and class are no letters: 65 (HTTPS) reads like a large A.
    alike = repeated[:-4].lower() == question[:-4].lower() and repeated[-4:] == question[-4:]
    return Fit.CASE if alike else Fit.OTHER
