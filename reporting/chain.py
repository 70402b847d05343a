"""The chain that binds the frames of a journal together: each MAC covers the one before it (G25).

This file opens nothing and knows no record. The key steps forward with each frame and the old one is let go, so
whoever takes over a process cannot rewrite what it wrote before. Root on a running machine can stop the writing; what
was written before that stays provable.
"""

from hashlib import blake2b

MAC = 16
SEED = 32
AHEAD = 4096
"""How many lost frames a reader looks across to find the chain again: about 5 ms of hashing on one core."""

_START = b"schoolgate-chain"
_STEP = b"schoolgate-step\0"
_NEXT = b"schoolgate-next\0"
MOST_TURNS = 100_000
"""Journals of one process start whose chains are followed: 0.1 s of hashing, and 3 TB of journals."""


def next_seed(seed: bytes) -> bytes:
    """The seed of the journal after the one that *seed* began; nobody finds the way back."""
    return blake2b(seed, person=_NEXT, digest_size=SEED).digest()


def turned(seed: bytes, turn: int) -> bytes | None:
    """The seed of the journal number *turn* of a process start whose first had *seed*; None beyond MOST_TURNS."""
    if not 0 <= turn <= MOST_TURNS:
        return None
    for _ in range(turn):
        seed = next_seed(seed)
    return seed


class Chain:
    """Where a chain stands: *count* frames so far, *head* the last one's MAC."""

    __slots__ = ("_key", "count", "head")

    def __init__(self, seed: bytes, header: bytes) -> None:
        """Begin the chain of a journal whose file starts with *header*; *seed* is 32 secret bytes."""
        if len(seed) != SEED:
            raise ValueError(f"a journal's seed has {SEED} bytes, not {len(seed)}")
        self._key = blake2b(header, key=seed, person=_START, digest_size=SEED).digest()
        self.head = blake2b(header, key=self._key, digest_size=MAC).digest()
        self.count = 0

    def mac(self, payload: bytes) -> bytes:
        """The MAC that the next frame has if it carries *payload*."""
        return blake2b(self.head + payload, key=self._key, digest_size=MAC).digest()

    def advance(self, mac: bytes) -> None:
        """Take the next frame, with *mac*, as written or read."""
        self.head = mac
        self._key = blake2b(self._key, person=_STEP, digest_size=SEED).digest()
        self.count += 1

    def skip(self, frames: int) -> None:
        """Step the key over *frames* frames."""
        for _ in range(frames):
            self._key = blake2b(self._key, person=_STEP, digest_size=SEED).digest()
        self.count += frames

    def resume(self, count: int, head: bytes) -> None:
        """Go to where a reader stopped: *count* frames in, after the MAC *head* (about 1 us a frame)."""
        self.skip(count - self.count)
        self.head = head

    def lost(self, payload: bytes, mac: bytes) -> int | None:
        """How many frames are missing before one with *payload* and *mac*, or None if it is not within reach."""
        key = self._key
        for frames in range(AHEAD):
            if blake2b(self.head + payload, key=key, digest_size=MAC).digest() == mac:
                return frames
            key = blake2b(key, person=_STEP, digest_size=SEED).digest()
        return None
