"""A journal of one process start: opened once, only appended to, one `write` for one record; others follow a long one.

When `write` has returned, the kernel has the frame: killing the process loses nothing. A frame is a length (u32), a
crc32 of the payload (u32), a MAC (16 bytes, `reporting.chain`) and the payload, a msgpack map with names. The reader
is `reporting.frames`. This is what the request path loads: nothing heavier than msgspec.
"""

import ctypes
import errno
import fcntl
import functools
import os
import re
import secrets
import struct
import threading
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import msgspec

from blocklists import snapshot
from reporting.breach import VERSION, Heartbeat, Record
from reporting.chain import MAC, Chain, next_seed

MAGIC = b"SGJRNL1\n"
SUFFIX = ".journal"
NAME = re.compile(r"[A-Za-z0-9_]+-[a-z]+-[0-9]+-[0-9a-f]{16}\.journal")
"""Site, kind, instance, 64 random bits. Reporting takes no file of another name: others can write to a spool too."""

HEAD = struct.Struct(f">II{MAC}s")
"""Before each payload: length, crc32, MAC."""

HEADER_HEAD = struct.Struct(">II")
"""After the magic: length and crc32 of the header's map."""

MAX_PAYLOAD = 65_536
"""Longer payloads are cut by the writer, so that a reader can tell a length from noise."""

ROOM = 262_144
"""Bytes that are reserved ahead: about 1,000 breaches, which is what a full disk still takes."""

LONGEST = 33_554_432
"""Bytes after which a process goes on in a new journal, about 130,000 breaches: what is in a backup can go."""

_CUT = 1_024
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_KEEP_SIZE = 1  # FALLOC_FL_KEEP_SIZE of linux/falloc.h


class JournalFullError(OSError):
    """The record was not written: there is no room."""


class Header(msgspec.Struct, frozen=True):
    """How a journal's file begins. *sealed_seed* only reporting can open; *started_ns* is in UTC nanoseconds.

    A process goes on in another journal when one is long: of the one number *turn*, *root* is what *sealed_seed* is of
    the first, and its own seed is found from it (`chain.turned`). A version before that leaves its chain unverified.
    """

    schema: int
    site: str
    kind: str
    instance: int
    random: str
    started_ns: int
    sealed_seed: bytes = b""
    turn: int = 0
    root: bytes = b""

    @property
    def sealed(self) -> bytes:
        """The seed of the first journal of this process start, sealed."""
        return self.root or self.sealed_seed

    def encoded(self) -> bytes:
        """The bytes of the file before its first frame."""
        content = msgspec.msgpack.encode(self)
        return MAGIC + HEADER_HEAD.pack(len(content), zlib.crc32(content)) + content


class Journal:
    """The writer. *full*: no more room can be reserved (an alarm); *dirty*: written since the last sync."""

    def __init__(self, path: Path, descriptor: int, end: int, chain: Chain) -> None:
        """Take over a file that holds its header, up to *end*, and nothing else; `open` is the way to make one."""
        self.path, self.name = path, path.name
        self.full = self.dirty = False
        self.end = end
        self._descriptor = descriptor
        self._chain = chain
        self._reserved = 0
        self._torn = False
        self._follow: Callable[[], Journal] | None = None
        self._syncing = threading.Lock()
        self._reserve()

    @classmethod
    def open(
        cls, spool: Path, *, site: str, kind: str, instance: int, seed: bytes, sealed_seed: bytes = b"", turn: int = 0
    ) -> "Journal":
        """Start a new journal in *spool*, locked for as long as this process lives; OSError if it cannot be made.

        It appears under its name only when its header is whole and durable.
        """
        random = secrets.token_hex(8)
        first, root = (b"", sealed_seed) if turn else (sealed_seed, b"")
        header = Header(1, site, kind, instance, random, time.time_ns(), first, turn, root).encoded()
        chain = Chain(seed, header)
        path = spool / f"{site}-{kind}-{instance}-{random}{SUFFIX}"
        temporary = path.with_name(f".{path.name}.tmp")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o640)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _write_header(descriptor, header)
            temporary.rename(path)
            snapshot.sync_folder(spool)
            journal = cls(path, descriptor, len(header), chain)
        except BaseException:
            os.close(descriptor)
            temporary.unlink(missing_ok=True)
            raise
        journal._follow = functools.partial(  # with the seed of the next one alone: this one's is forgotten
            cls.open,
            spool,
            site=site,
            kind=kind,
            instance=instance,
            seed=next_seed(seed),
            sealed_seed=sealed_seed,
            turn=turn + 1,
        )
        return journal

    def following(self) -> "Journal":
        """A new journal in which the same process may go on; OSError if it cannot be made."""
        if self._follow is None:
            raise OSError(errno.EINVAL, f"nothing follows {self.name}")
        return self._follow()

    @property
    def count(self) -> int:
        """How many records have been written."""
        return self._chain.count

    @property
    def head(self) -> bytes:
        """The MAC of the last frame."""
        return self._chain.head

    def write(self, record: Record) -> int:
        """Append *record* and return its offset, its key together with the journal's name.

        Raises JournalFullError when there is no room and OSError when the disk fails; then nothing was written.
        """
        payload = _payload(record)
        mac = self._chain.mac(payload)
        frame = HEAD.pack(len(payload), zlib.crc32(payload), mac) + payload
        if self._reserved - self.end - len(frame) < ROOM // 2:
            self._reserve()
        offset = self.end
        self._append(frame)
        self._chain.advance(mac)
        self.end = offset + len(frame)
        self.dirty = True
        return offset

    def heartbeat(self, at_ns: int) -> None:
        """Write what a reader needs to notice a cut: the count and the chain's head (G25)."""
        self.write(Heartbeat(v=VERSION, at_ns=at_ns, count=self.count, head=self.head))

    def sync(self) -> None:
        """Make everything written so far survive a power cut; milliseconds, so not on an event loop."""
        with self._syncing:
            if self._descriptor < 0:
                return
            self.dirty = False
            try:
                os.fdatasync(self._descriptor)
            except OSError:
                self.dirty = True
                raise

    def close(self) -> None:
        """Give the reserved room back, make all durable, and end; the file stays for reporting. Twice is once."""
        with self._syncing:
            descriptor, self._descriptor = self._descriptor, -1
            if descriptor < 0:
                return
            try:
                os.ftruncate(descriptor, self.end)
                os.fdatasync(descriptor)
                self.dirty = False
            finally:
                os.close(descriptor)

    def _append(self, frame: bytes) -> None:
        if self._torn:
            self._cut_back()
        try:
            written = _write(self._descriptor, frame)
        except OSError as error:
            if error.errno in _NO_ROOM:
                raise self._is_full() from error
            raise
        if written != len(frame):
            self._torn = True
            self._cut_back()
            raise self._is_full()

    def _cut_back(self) -> None:
        os.ftruncate(self._descriptor, self.end)
        self._torn, self._reserved = False, self.end

    def _is_full(self) -> JournalFullError:
        self.full = True
        return JournalFullError(errno.ENOSPC, f"no room for another record in {self.name}")

    def _reserve(self) -> None:
        """Reserve room ahead of the end, where the file system can; sets *full* when there is none."""
        failed = _fallocate(self._descriptor, self.end, ROOM)
        if failed == 0:
            self._reserved, self.full = self.end + ROOM, False
        elif failed in _NO_ROOM:
            self.full = True
        else:  # this file system reserves nothing: ask again after as much again has been written
            self._reserved = self.end + ROOM


def _write(descriptor: int, frame: bytes) -> int:
    """Write *frame* as `os.write` does, but without letting another thread have the interpreter for it.

    The kernel takes a frame in 4 us. To ask for the interpreter back takes up to its switch interval for each frame
    while another thread works, and the event loop that waits for it answers nobody.
    """
    written = int(_held.write(descriptor, frame, ctypes.c_size_t(len(frame))))
    if written < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return written


def _write_header(descriptor: int, header: bytes) -> None:
    if os.write(descriptor, header) != len(header):
        raise JournalFullError(errno.ENOSPC, "no room for a new journal")
    os.fsync(descriptor)


_encode = msgspec.msgpack.Encoder().encode


def _payload(record: Record) -> bytes:
    """*record* as msgpack; over-long texts are cut and unpaired surrogates replaced rather than the record refused."""
    try:
        payload = _encode(record)
    except UnicodeEncodeError:
        payload = b""
    if 0 < len(payload) <= MAX_PAYLOAD:
        return payload
    texts = {name: value for name in record.__struct_fields__ if type(value := getattr(record, name)) is str}
    cut = {name: text[:_CUT].encode("utf-8", "replace").decode() for name, text in texts.items()}
    return msgspec.msgpack.encode(msgspec.structs.replace(record, **cut))


_libc = ctypes.CDLL(None, use_errno=True)
_held = ctypes.PyDLL(None, use_errno=True)
"""The same C library, for calls during which this thread keeps the interpreter."""
_held.write.restype = ctypes.c_ssize_t


def _fallocate(descriptor: int, offset: int, length: int) -> int:
    """Reserve blocks without changing the file's size (`os.posix_fallocate` would move its end); 0 or an errno."""
    call = getattr(_libc, "fallocate64", None) or getattr(_libc, "fallocate", None)
    if call is None:
        return errno.EOPNOTSUPP
    failed = call(descriptor, _KEEP_SIZE, ctypes.c_int64(offset), ctypes.c_int64(length))
    return ctypes.get_errno() if failed else 0
