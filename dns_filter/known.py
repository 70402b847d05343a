"""What upstream said, and what may still be given of it: an answer while it holds, and a stale one in need.

This file has no clock, no socket and no task: seconds are monotonic and come from the caller. What is *sought* is a
wire name in lower case, type and class, and two bytes: DO and CD, which change the answer.
"""

import msgspec

from dns_filter import compact, reply
from dns_filter.answer import Answer
from dns_filter.cache import Store
from dns_filter.reply import Note

STALE_TTL = 30
"""Seconds that a client may keep a stale answer (RFC 8767, 4)."""
STALE_USED = 5
"""Seconds that a finished stale answer is used: that long it may hide that upstream is back."""
REST = 10
"""Seconds until upstream is asked again for what it failed to say, where a stale answer is at hand. RFC 8767, 5, would
have 30, of those who ask the whole world's servers; we ask one or two that wait for us."""
TROUBLE = 30
"""Seconds after a failure in which upstream is asked again in the background only, so that in a long outage a client
waits for a name once and not every ten seconds."""
SOONER = 10
"""An answer that is asked for in the last part of so many of its life is asked for ten times in its life or more:
it is due to be asked of upstream before it ends. Of a short life that part is 5 seconds, or a quarter."""
LARGEST = 4096
"""Bytes of an answer that is kept with all others, three times a packet; larger ones have a memory of their own, as
with them one client could empty that of all."""
LARGE_ROOM = 1 << 20
"""Bytes of those: 15 to 250 answers."""
LARGE_LIFE = 5
"""Seconds that a large answer lives at least, whatever its TTL: reading one of 500 records takes about 10 ms, and a
zone that gives it no life would have us do that for each question."""
FAILURES = 1 << 20
"""Bytes for failures that are remembered, some 4,000."""

_REFUSALS = frozenset({reply.BLOCKED, reply.CENSORED, reply.FILTERED, reply.PROHIBITED})
"""That something is refused says more than that it is stale; an answer has room for one extended error."""

TYPE, FLAGS = -6, -2
"""Where in what is sought the type and the two flags start."""


class Kept(msgspec.Struct, frozen=True):
    """An upstream's *answer* as it was when it came, at *born*.

    The life of *answer* is how long it may be given until somebody asks here again: to its end, or to where it is
    *due* to be asked of upstream in the background. One that is *stale* lives for a few seconds from now, with short
    TTLs and a note.
    """

    answer: Answer
    born: float
    stale: bool = False
    due: bool = False


class Known:
    """The answers of upstream, packed, and what it failed to answer."""

    def __init__(self, room: int, stale: int) -> None:
        """Keep answers in *room* bytes, and each for *stale* seconds after its end."""
        self.answers, self._large, self._failures = Store(room), Store(LARGE_ROOM), Store(FAILURES)
        self._stale_for = stale

    def keep(self, sought: bytes, found: Answer, now: float) -> Kept:
        """Put *found* in the place of what was known: a name that does not exist for all types (RFC 2308, 5)."""
        for_all = found.body.code == reply.NXDOMAIN and not found.body.counts[0]
        self._failures.drop(sought)
        for store in (self.answers, self._large):
            store.drop(sought)
            if not for_all:
                store.drop(_for_all_types(sought))
        packed = compact.pack(found, now)
        if len(packed) > LARGEST and found.life < LARGE_LIFE:
            ttls = tuple(max(LARGE_LIFE, ttl) for ttl in found.ttls)
            found = msgspec.structs.replace(found, life=LARGE_LIFE, ttls=ttls)
            packed = compact.pack(found, now)
        if found.life:
            store = self.answers if len(packed) <= LARGEST else self._large
            store.put(_for_all_types(sought) if for_all else sought, packed)
        return Kept(_until_due(found), now)

    def fail(self, sought: bytes, failure: Answer, now: float) -> Kept:
        """Remember *failure*; what is given instead of an answer is a stale one, if there is one."""
        self._failures.put(sought, compact.pack(failure, now))
        return self.stale(sought, now) or Kept(failure, now)

    def at_hand(self, sought: bytes, now: float) -> Kept | None:
        """What can be given of *sought* without asking upstream, or None."""
        packed = self._youngest(sought)
        if packed is not None and now < _end(packed):
            return _fresh(packed, now)
        if (failed := self._failures.get(sought)) is None:
            return None
        since, life = compact.times(failed)
        if now < since + TROUBLE and (stale := self.stale(sought, now)):
            return msgspec.structs.replace(stale, due=now >= since + REST)
        return Kept(compact.unpack(failed), since) if now < since + life else None

    def rests(self, sought: bytes, now: float) -> bool:
        """Whether upstream failed so lately that it is not asked again where it need not be."""
        failed = self._failures.get(sought)
        return failed is not None and now < compact.times(failed)[0] + REST

    def stale(self, sought: bytes, now: float) -> Kept | None:
        """The answer for *sought* as one that is over, unless there is none or it is over for too long (RFC 8767)."""
        packed = self._youngest(sought)
        if packed is None or now >= _end(packed) + self._stale_for:
            return None
        found = compact.unpack(packed)
        note = Note(reply.STALE_NXDOMAIN if found.body.code == reply.NXDOMAIN else reply.STALE)
        if found.note and found.note.code in _REFUSALS:
            note = found.note
        ttls = tuple(min(STALE_TTL, ttl) for ttl in found.ttls)
        return Kept(msgspec.structs.replace(found, life=STALE_USED, ttls=ttls, note=note), now, stale=True)

    def _youngest(self, sought: bytes) -> bytes | None:
        """What upstream said last of *sought*: of its type, or that there is no such name."""
        packed, missing = self._at(sought), self._at(_for_all_types(sought))
        if packed is None or missing is None:
            return packed or missing
        return max(packed, missing, key=lambda one: compact.times(one)[0])

    def _at(self, key: bytes) -> bytes | None:
        return self.answers.get(key) or self._large.get(key)


def _for_all_types(sought: bytes) -> bytes:
    """Where a name that does not exist is kept: *sought* without its type."""
    return sought[:TYPE] + sought[TYPE + 2 :]


def _end(packed: bytes) -> float:
    born, life = compact.times(packed)
    return born + life


def _fresh(packed: bytes, now: float) -> Kept:
    (born, _), found = compact.times(packed), compact.unpack(packed)
    cut = _until_due(found)
    return Kept(cut, born) if now < born + cut.life else Kept(found, born, due=True)


def _until_due(found: Answer) -> Answer:
    """*found* with a life that ends where it is due to be asked of upstream while it still holds."""
    last = max(found.life // SOONER, min(5, found.life // 4))
    return msgspec.structs.replace(found, life=found.life - last)
