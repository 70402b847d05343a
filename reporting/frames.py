"""Reading journals: no bytes make it raise, whatever happened to the file.

A frame that is not whole yet ends a reading and is no error: its writer was interrupted and nobody was told that it
was written. A damaged frame is handed out as Damaged and the reader looks for the next sound one; a frame whose MAC
does not continue the chain is handed out as Tampered, with its record.
"""

import errno
import fcntl
import os
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Self

import msgspec

from reporting.breach import Heartbeat, Record
from reporting.chain import MAC, Chain, turned
from reporting.journal import HEAD, HEADER_HEAD, MAGIC, MAX_PAYLOAD, Header
from reporting.payload import Damaged, understood

CHUNK = 1_048_576
"""Bytes read at once; more than the longest frame, so that each reading gets on."""

_LONGEST = HEAD.size + MAX_PAYLOAD
_SEARCHES = 16
"""Frames in a row for which the chain is searched for ahead; after that it counts as lost for good."""


class Tampered(NamedTuple):
    """A sound frame that is not what its writer wrote here; *record* is what it says."""

    reason: str
    record: Record | dict[str, Any]
    raw: bytes


class Frame(NamedTuple):
    """What stands at *offset*; *extra* holds the keys that this version does not know."""

    offset: int
    next_offset: int
    record: Record | dict[str, Any] | Damaged | Tampered
    extra: dict[str, Any]


def read_frames(path: Path, offset: int = 0, seed: bytes | None = None) -> Iterator[Frame]:
    """Everything in the journal at *path* from *offset* on; with *seed* (from offset 0) the MAC chain is checked."""
    with Reader(path, offset=offset) as reader:
        if seed:
            reader.verify(seed)
        while frames := reader.read():
            yield from frames


class Reader:
    """Reads one journal on from where it stopped.

    *header* is None if the file's beginning is damaged. *count* and *head* are the chain's at *offset*; *broken* says
    that a frame did not continue it.
    """

    def __init__(self, path: Path, *, offset: int = 0, count: int = 0, head: bytes = b"") -> None:
        """Open the file at *path*; OSError if that fails. Offset 0 is the start, after the header."""
        self.path = path
        self._descriptor = _open(path)
        start = os.pread(self._descriptor, CHUNK, 0)
        self.header, self._start = _header(start)
        self._raw_header = start[: self._start]
        self.offset = offset or self._start
        self.count, self.head = count, head
        self._chain: Chain | None = None
        self._astray = 0
        self.broken = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    @property
    def abandoned(self) -> bool:
        """Whether nobody writes this journal any more: its writer's lock is gone."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        return True

    def verify(self, seed: bytes) -> None:
        """Check the MAC chain from here on with the *seed* of the first journal of the process that wrote this one.

        A claim of a journal beyond all bounds is left unchecked, and `checks` stays False.
        """
        own = turned(seed, self.header.turn if self.header else 0)
        if own is None:
            return
        self._chain = Chain(own, self._raw_header)
        if self.count:
            self._chain.resume(self.count, self.head)
        self.head = self._chain.head

    @property
    def checks(self) -> bool:
        """Whether the MAC chain is checked."""
        return self._chain is not None

    @property
    def size(self) -> int:
        """How long the file is now, in bytes."""
        return os.fstat(self._descriptor).st_size

    def read(self, limit: int = 2_000) -> list[Frame]:
        """The next frames, at most *limit*; none when there is nothing whole to read now."""
        data = os.pread(self._descriptor, CHUNK, self.offset)
        frames: list[Frame] = []
        position = 0
        while len(frames) < limit:
            found = self._next(data, position)
            if found is None:
                break
            frame, position = found
            frames.append(frame)
            self.offset = frame.next_offset
        return frames

    def rest(self) -> Frame | None:
        """What is left where `read` stops, once nobody writes any more: a torn frame, or damage; None if nothing."""
        raw = os.pread(self._descriptor, CHUNK, self.offset)
        if not raw:
            return None
        torn = _sound(raw, 0) is None
        reason = "a torn tail, never acknowledged" if torn else "nothing sound up to the end"
        return Frame(self.offset, self.offset + len(raw), Damaged(reason, raw, torn), {})

    def _next(self, data: bytes, position: int) -> tuple[Frame, int] | None:
        """The frame at *position* of *data* and the position after it; None when it is not whole yet."""
        base = self.offset - position
        end = _sound(data, position)
        if end:
            return self._whole(data, position, end, base), end
        after = _resume_at(data, position)
        if after is None:
            return None
        self._over_damage(data, position, after)
        damaged = Damaged("the checksum does not match", data[position:after])
        return Frame(base + position, base + after, damaged, {}), after

    def _whole(self, data: bytes, position: int, end: int, base: int) -> Frame:
        mac = data[position + HEAD.size - MAC : position + HEAD.size]
        payload = data[position + HEAD.size : end]
        record, extra = understood(payload)
        wrong = self._follow(payload, mac, record)
        if wrong and not isinstance(record, Damaged):
            return Frame(base + position, base + end, Tampered(wrong, record, data[position:end]), extra)
        return Frame(base + position, base + end, record, extra)

    def _follow(self, payload: bytes, mac: bytes, record: object) -> str:
        """Take one frame into the chain; returns what is wrong with it, or nothing."""
        wrong = _off_beat(record, self.count, self.head) if not self._astray else ""
        chain = self._chain
        if chain is not None and self._astray <= _SEARCHES:
            wrong = self._checked(chain, payload, mac) or wrong
            self.count = chain.count
        else:
            self._unchecked(record)
        self.head = mac
        self.broken = self.broken or bool(wrong)
        return wrong

    def _unchecked(self, record: object) -> None:
        """Count without a chain; a heartbeat knows better than we do, unless so many frames had no room."""
        self.count += 1
        if isinstance(record, Heartbeat):
            if 0 <= record.count < self.size // HEAD.size:
                self.count = record.count + 1
            if self._chain is None:
                self._astray = 0

    def _checked(self, chain: Chain, payload: bytes, mac: bytes) -> str:
        wrong = ""
        if chain.mac(payload) == mac:
            self._astray = 0
        elif not self._astray:
            self._astray, wrong = 1, "the chain of MACs does not continue here: a frame was changed or taken out"
        elif (missing := chain.lost(payload, mac)) is not None:
            chain.skip(missing)
            self._astray = 0
        else:
            self._astray += 1
        chain.advance(mac)
        return wrong

    def _over_damage(self, data: bytes, position: int, after: int) -> None:
        """Go over a damaged frame in the chain; where more than one may be gone, search for the chain again."""
        length, _, mac = HEAD.unpack_from(data, position)
        one = position + HEAD.size + length == after
        self.count += 1
        self.head = mac
        if self._chain is not None:
            self._chain.advance(mac)
        if not one:
            self._astray = max(self._astray, 1)


def _open(path: Path) -> int:
    """Open a regular file and nothing else: other users may put a link or a pipe into the spool."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, f"{path.name} is no regular file")
    return descriptor


def _off_beat(record: object, count: int, head: bytes) -> str:
    if isinstance(record, Heartbeat) and head and (record.count, record.head) != (count, head):
        return f"the heartbeat counts {record.count} records, the journal has {count}: some were cut out"
    return ""


def _header(data: bytes) -> tuple[Header | None, int]:
    """The header and where it ends, or (None, 0) where *data* does not begin with a whole one."""
    start = len(MAGIC) + HEADER_HEAD.size
    if len(data) < start or not data.startswith(MAGIC):
        return None, 0
    length, checksum = HEADER_HEAD.unpack_from(data, len(MAGIC))
    content = data[start : start + length]
    if len(content) != length or zlib.crc32(content) != checksum:
        return None, 0
    try:
        return msgspec.msgpack.decode(content, type=Header), start + length
    except msgspec.MsgspecError:
        return None, 0


def _sound(data: bytes, position: int) -> int | None:
    """Where the sound frame at *position* ends; 0 if there is damage there, None if it is not whole yet."""
    if position + HEAD.size > len(data):
        return None
    length, checksum, _ = HEAD.unpack_from(data, position)
    if not 0 < length <= MAX_PAYLOAD:
        return 0
    end = position + HEAD.size + int(length)
    if end > len(data):
        return None
    return end if zlib.crc32(data[position + HEAD.size : end]) == checksum else 0


def _resume_at(data: bytes, position: int) -> int | None:
    """Where reading goes on after the damage at *position*, or None while nothing sound follows (it may be torn).

    Frames are appended whole and in order, so a sound one behind this one proves that this one is damaged. After a
    flipped bit in a payload it stands where the length says; after a flipped length it has to be searched for.
    """
    more = len(data) == CHUNK
    if len(data) - position < HEAD.size or (more and position):
        return None
    length = int(HEAD.unpack_from(data, position)[0])
    after = position + HEAD.size + length
    if 0 < length <= MAX_PAYLOAD and (after == len(data) or _sound(data, after)):
        return after
    for place in range(position + 1, len(data) - HEAD.size):
        if _sound(data, place):
            return place
    return len(data) - _LONGEST if more else None
