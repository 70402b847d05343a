"""What is kept between questions: finished answers for raw packets, and a store that stays inside its bound.

This file reads no clock: seconds are monotonic and come from the caller.
"""

import struct
import sys
from collections.abc import Hashable
from itertools import islice
from typing import Literal

from dns_filter.told import Told

_SHARE = 8
"""A full store drops this part of its entries at once, so that making room costs little for each entry."""

_ENTRY = 80
"""Bytes of an entry in a dictionary that is half full, and of a key before its first own byte (measured, 64 bits)."""
_READY = _ENTRY + 200
"""Bytes of a permitted answer besides: its object, its payload before the first byte, numbers and offsets."""
_RECORD = 48
"""Bytes of a record's offset and TTL beside it."""
_HEADER = 12
"""Bytes of a message before its question."""
_SHARED = 1024
"""Stops that are known to be equal to others; lengths of names times rules that are asked for often."""

_TTL = struct.Struct(">I")


class Ready:
    """A finished answer, without its first two bytes, which are the client's own number.

    *site* is where it leads as visits are counted, "" for nowhere. *ttls* stand at *offsets* of the payload as they
    were in the second *born*; *second* is the one that the payload is right for, *until* the first in which it is over.
    *told* is for whoever must know which clients have it. *names* are those that the answer leads through: nothing but
    the verdicts on the name asked for and on them, which have no end, made it what it is; None if something else did.
    """

    __slots__ = ("born", "names", "offsets", "payload", "second", "site", "told", "ttls", "until")

    blocks: Literal[False] = False

    def __init__(
        self,
        payload: bytes,
        born: int,
        life: int,
        *,
        site: str = "",
        told: Told | None = None,
        offsets: tuple[int, ...] = (),
        ttls: tuple[int, ...] = (),
    ) -> None:
        """Keep *payload* for *life* seconds from the second *born*."""
        self.payload, self.born, self.second, self.until = payload, born, born, born + life
        self.site, self.told, self.offsets, self.ttls = site, told, offsets, ttls
        self.names: tuple[str, ...] | None = None

    @property
    def lasts(self) -> bool:
        """Whether it can be used again at all."""
        return self.until > self.born

    @property
    def length(self) -> int:
        """Bytes of the whole message."""
        return 2 + len(self.payload)

    @property
    def size(self) -> int:
        """Bytes that it takes besides its key, about."""
        names = sum(_ENTRY + len(name) for name in self.names) if self.names else 0
        return _READY + len(self.payload) + _RECORD * len(self.offsets) + names

    def holds(self, second: int) -> bool:
        """Bring the TTLs to *second*, at most once in it; False when the answer is over."""
        if second >= self.until:
            return False
        if self.offsets:
            self.set_ttls(second - self.born)
        self.second = second
        return True

    def set_ttls(self, age: int) -> None:
        """Write the TTLs as they are *age* seconds after the beginning."""
        payload = bytearray(self.payload)
        for offset, ttl in zip(self.offsets, self.ttls, strict=True):
            _TTL.pack_into(payload, offset, ttl - age)
        self.payload = bytes(payload)


class Stop:
    """A finished answer to a blocked question: *head* and *tail* stand around the question, which ends at *end*.

    Head and tail are the same for thousands of names, so `Stops` shares one of these among all that it fits: a blocked
    name costs its key and no more. *run* names what it counts for (`reporting.runs`), "" if it is no breach. Its TTL is
    always the same.
    """

    __slots__ = ("end", "head", "run", "tail", "until")

    blocks: Literal[True] = True

    def __init__(self, message: bytes, end: int, until: int, run: Hashable) -> None:
        """Part *message*, whose question ends at *end*; it is good until the second *until*, 0 for not at all."""
        self.head, self.tail, self.end = message[2:_HEADER], message[end:], end
        self.until, self.run = until, run

    def answers(self, packet: bytes) -> bytes:
        """The answer to *packet*, which asks what it is for."""
        return packet[:2] + self.head + packet[_HEADER : self.end] + self.tail

    @property
    def lasts(self) -> bool:
        """Whether it can be used again at all."""
        return self.until > 0

    @property
    def length(self) -> int:
        """Bytes of the whole message."""
        return self.end + len(self.tail)

    @property
    def size(self) -> int:
        """Bytes that one more of it takes besides its key, about."""
        return _ENTRY

    @property
    def parts(self) -> tuple[bytes, bytes, int, int, Hashable]:
        """What makes it equal to another."""
        return self.head, self.tail, self.end, self.until, self.run


class Stops:
    """Stops that were made, each once."""

    def __init__(self) -> None:
        """Start with none."""
        self._kept: dict[tuple[bytes, bytes, int, int, Hashable], Stop] = {}

    def same(self, stop: Stop) -> Stop:
        """*stop*, or an equal one that was made before."""
        if len(self._kept) >= _SHARED:
            self._kept.clear()
        return self._kept.setdefault(stop.parts, stop)


class Store:
    """A mapping of bytes to bytes that takes at most *room* bytes of memory; the oldest make room for new ones.

    What an entry takes is what Python allots for its two strings and for their place in the table. 50,000 answers of
    one address, packed, for names of 23 letters are 10.6 MB by this count; tracemalloc says 10.1 MB, and the process
    grew by 10.4 MB (PSS). Of two addresses they are 11.4, 11.3 and 11.3 MB; as objects they took 37.8 MB.
    """

    def __init__(self, room: int) -> None:
        """Start empty."""
        self._room = room
        self._kept: dict[bytes, bytes] = {}
        self._strings = 0

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def size(self) -> int:
        """Bytes of memory that all of it takes."""
        return self._strings + sys.getsizeof(self._kept)

    def get(self, key: bytes) -> bytes | None:
        """The value of *key*, or None."""
        return self._kept.get(key)

    def put(self, key: bytes, value: bytes) -> None:
        """Keep *value* as the youngest; one that is larger than all the room is not kept."""
        self.drop(key)
        self._kept[key] = value
        self._strings += _allotted(key) + _allotted(value)
        while self._kept and self.size > self._room:
            for old in list(islice(self._kept, len(self._kept) // _SHARE + 1)):
                self.drop(old)

    def drop(self, key: bytes) -> None:
        """Forget *key*, if it is there."""
        if (value := self._kept.pop(key, None)) is not None:
            self._strings -= _allotted(key) + _allotted(value)


def _allotted(text: bytes) -> int:
    """Bytes that Python takes from its heap for *text*: whole pieces of 16."""
    return sys.getsizeof(text) + 15 & ~15
