"""What is kept between questions: finished answers for raw packets, and stores that stay inside their bounds.

This file reads no clock: seconds are monotonic and come from the caller.
"""

import struct
from collections.abc import Hashable
from itertools import islice

_SHARE = 8
"""A full store drops this part of its entries at once, so that making room costs little for each entry."""

_TTL = struct.Struct(">I")


class Ready:
    """A finished answer, without its first two bytes, which are the client's own number.

    *run* names what a blocked answer counts for (`reporting.runs`): "" for a block that is no breach, None for what is
    permitted. *ttls* stand at *offsets* of the payload as they were in the second *born*; *second* is the one that the
    payload is right for, *until* the first in which it is over.
    """

    __slots__ = ("born", "offsets", "payload", "run", "second", "ttls", "until")

    def __init__(
        self,
        payload: bytes,
        born: int,
        life: int,
        *,
        run: Hashable | None = None,
        offsets: tuple[int, ...] = (),
        ttls: tuple[int, ...] = (),
    ) -> None:
        """Keep *payload* for *life* seconds from the second *born*."""
        self.payload, self.born, self.second, self.until = payload, born, born, born + life
        self.run, self.offsets, self.ttls = run, offsets, ttls

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


class Store[Value]:
    """A mapping that holds at most *entries* values and *room* bytes; the oldest make room for new ones."""

    def __init__(self, entries: int, room: int) -> None:
        """Start empty."""
        self._entries, self._room = entries, room
        self._kept: dict[bytes, tuple[Value, int]] = {}
        self.size = 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: bytes) -> Value | None:
        """The value of *key*, or None."""
        found = self._kept.get(key)
        return found[0] if found else None

    def put(self, key: bytes, value: Value, size: int) -> None:
        """Keep *value*, which takes *size* bytes, as the youngest; one that is larger than all the room is not kept."""
        self.drop(key)
        if size > self._room:
            return
        while self._kept and (len(self._kept) >= self._entries or self.size + size > self._room):
            for old in list(islice(self._kept, len(self._kept) // _SHARE + 1)):
                self.drop(old)
        self._kept[key] = value, size
        self.size += size

    def drop(self, key: bytes) -> None:
        """Forget *key*, if it is there."""
        if found := self._kept.pop(key, None):
            self.size -= found[1]

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()
        self.size = 0
