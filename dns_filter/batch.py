"""Many packets in one call to the kernel: recvmmsg and sendmmsg, through ctypes.

On the hit path a system call costs as much as all of our own work (tests/bench/dns), so one is shared by up to 64
packets. The arrays that the kernel fills are made once; what was received in slot *n* is answered from slot *n*, so
no address is ever copied. This file knows nothing of DNS. Where the C library has no such calls, `usable` is False.
"""

import ctypes
import socket
import struct
import sys

PACKETS = 64
"""Packets in one call."""
INBOX = 512
"""Bytes of a question: twice what the longest name needs; a longer packet is cut, and so malformed."""
OUTBOX = 1232
"""Bytes of an answer (dns_filter.wire.MAX_UDP)."""
_NAME = 28
"""Bytes of a sockaddr_in6, the longer one."""

_LENGTH_PLACE = 14
_HEADER_WORDS = 16
"""A struct mmsghdr is 16 words of four bytes; its msg_len is the word number 14 (64-bit Linux)."""


class _Vector(ctypes.Structure):
    """struct iovec of sys/uio.h."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Header(ctypes.Structure):
    """struct mmsghdr of sys/socket.h, its struct msghdr spread out."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("vector", ctypes.c_void_p),
        ("vectors", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
        ("length", ctypes.c_uint32),
        ("padding", ctypes.c_uint32),
    )


_libc = ctypes.PyDLL(None)
"""Calls without letting other threads run: they never wait, and a thread that reads a snapshot meanwhile would keep the
interpreter for its whole turn, twice for each batch."""

usable = (
    sys.platform == "linux"
    and ctypes.sizeof(_Header) == 4 * _HEADER_WORDS
    and all(hasattr(_libc, name) for name in ("recvmmsg", "sendmmsg"))
)
"""Whether this machine is one for which the arrays below are laid out."""


class Batch:
    """The slots of one socket. After `receive`: *data*, *addresses* and *lengths* of what came in."""

    def __init__(self, peer: socket.socket) -> None:
        """Lay out the arrays for the UDP socket *peer*, which stays the caller's."""
        self._descriptor = peer.fileno()
        self._v6 = peer.family == socket.AF_INET6
        self._address = struct.Struct("8x16s4x" if self._v6 else "4x4s20x")
        self._inbox = ctypes.create_string_buffer(PACKETS * INBOX)
        self._names = ctypes.create_string_buffer(PACKETS * _NAME)
        self.outbox = bytearray(PACKETS * OUTBOX)
        self._in_headers, self._in_vectors = self._laid_out(ctypes.addressof(self._inbox), INBOX, _NAME)
        outbox = ctypes.addressof((ctypes.c_char * len(self.outbox)).from_buffer(self.outbox))
        name_length = _NAME if self._v6 else 16
        self._out_headers, self._out_vectors = self._laid_out(outbox, OUTBOX, name_length)
        self._lengths = memoryview(self._in_headers).cast("B").cast("I")[_LENGTH_PLACE::_HEADER_WORDS]
        self.sizes = memoryview(self._out_vectors).cast("B").cast("Q")[1::2]
        self._out_base = ctypes.addressof(self._out_headers)
        self.data = self._senders = b""
        self.addresses: list[bytes] = []
        self.lengths: list[int] = []

    def _laid_out(self, base: int, size: int, name_length: int) -> tuple[ctypes.Array[_Header], ctypes.Array[_Vector]]:
        """A header and a vector for each slot, pointing at its part of the buffer at *base* and at its address."""
        vectors, headers = (_Vector * PACKETS)(), (_Header * PACKETS)()
        first, names = ctypes.addressof(vectors), ctypes.addressof(self._names)
        for slot, (vector, header) in enumerate(zip(vectors, headers, strict=True)):
            vector.base, vector.length = base + slot * size, size
            header.name, header.name_length = names + slot * _NAME, name_length
            header.vector, header.vectors = first + slot * ctypes.sizeof(_Vector), 1
        return headers, vectors

    def receive(self) -> int:
        """Take what is there; returns how many packets, 0 for none. Errors of earlier answers count as none."""
        count: int = _libc.recvmmsg(self._descriptor, self._in_headers, PACKETS, socket.MSG_DONTWAIT, None)
        if count <= 0:
            return 0
        self.data = ctypes.string_at(self._inbox, count * INBOX)
        self._senders = ctypes.string_at(self._names, count * _NAME)
        self.addresses = [raw for (raw,) in self._address.iter_unpack(self._senders)]
        self.lengths = self._lengths[:count].tolist()
        return count

    def send(self, start: int, end: int) -> int:
        """Send the answers in the slots from *start* to before *end*; returns how many the kernel did not take."""
        unsent = 0
        while start < end:
            first = self._out_base + start * ctypes.sizeof(_Header)
            count: int = _libc.sendmmsg(self._descriptor, ctypes.c_void_p(first), end - start, socket.MSG_DONTWAIT)
            if count <= 0:  # the first of them failed; those behind it may not
                unsent, count = unsent + 1, 1
            start += count
        return unsent

    def packet(self, slot: int) -> bytes:
        """What came in slot *slot*."""
        return self.data[slot * INBOX : slot * INBOX + self.lengths[slot]]

    def peer(self, slot: int) -> tuple[str, int] | tuple[str, int, int, int]:
        """Who sent slot *slot*, as `socket.sendto` wants it."""
        raw = self._senders[slot * _NAME : (slot + 1) * _NAME]
        port = int.from_bytes(raw[2:4])
        if not self._v6:
            return socket.inet_ntop(socket.AF_INET, raw[4:8]), port
        flow, scope = int.from_bytes(raw[4:8]), int.from_bytes(raw[24:28], sys.byteorder)
        return socket.inet_ntop(socket.AF_INET6, raw[8:24]), port, flow, scope
