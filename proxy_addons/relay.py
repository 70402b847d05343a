"""Two sockets joined: what one sends the other gets, untouched, until both have ended.

What is read goes through one buffer that all relays of the process share, and is copied only where the other side does
not take it at once; then its source is not read until it has. So a held connection costs two registered sockets and
three small objects, and a fast one two system calls for each 128 KB.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable

BUFFER = 131_072
"""Bytes read at once, and what waits at most for a side that takes nothing."""
HALF_OPEN = 300.0
"""Seconds that a connection may stand still when one side has said its last word."""
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: close tells the other side that the connection was broken off (socket(7))."""

_room = bytearray(BUFFER)
_view = memoryview(_room)


class Relay:
    """Joins *near* and *far* from `start` on; *ended* is called once, when both are closed.

    *moved*: something was sent since somebody last set it to False.
    """

    __slots__ = ("_ended", "_loop", "_patience", "_ways", "moved")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, near: socket.socket, far: socket.socket, ended: Callable[[], None]
    ) -> None:
        self._loop, self._ended, self.moved = loop, ended, True
        self._patience: asyncio.TimerHandle | None = None
        self._ways: tuple[_Way, ...] = (_Way(self, near, far), _Way(self, far, near))

    def start(self, first: bytes = b"") -> None:
        """Begin; *first* goes to the far side before all else."""
        for way in self._ways:
            self._loop.add_reader(way.source, way.read)
        if first:
            self._ways[0].push(memoryview(first))

    def close(self, *, broken: bool = False) -> None:
        """End both sides; *broken* tells them that it was before its time."""
        ways, self._ways = self._ways, ()
        if self._patience:
            self._patience.cancel()
        for way in ways:
            self._loop.remove_reader(way.source)
            self._loop.remove_writer(way.source)
            if broken:
                with contextlib.suppress(OSError):
                    way.source.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            way.source.close()
        if ways:
            self._ended()

    def wait_for(self, way: "_Way") -> None:
        """Read *way* no more until its target takes what waits."""
        self._loop.remove_reader(way.source)
        self._loop.add_writer(way.target, way.write)

    def go_on(self, way: "_Way") -> None:
        """Read *way* again."""
        self._loop.remove_writer(way.target)
        if not way.over:
            self._loop.add_reader(way.source, way.read)

    def finish(self, way: "_Way") -> None:
        """*way* has ended and all of it was taken: say so to its target, and close when both ways have."""
        self._loop.remove_reader(way.source)
        if all(one.over and not one.waiting for one in self._ways):
            self.close()
            return
        try:
            way.target.shutdown(socket.SHUT_WR)
        except OSError:
            self.close(broken=True)
            return
        self._wait_on()

    def _wait_on(self) -> None:
        self.moved = False
        self._patience = self._loop.call_later(HALF_OPEN, self._give_up)

    def _give_up(self) -> None:
        if self.moved:
            self._wait_on()
        else:
            self.close(broken=True)


class _Way:
    """One direction."""

    __slots__ = ("over", "relay", "source", "target", "waiting")

    def __init__(self, relay: Relay, source: socket.socket, target: socket.socket) -> None:
        self.relay, self.source, self.target = relay, source, target
        self.waiting = b""
        self.over = False

    def read(self) -> None:
        """Pass on what the source has."""
        try:
            size = self.source.recv_into(_room)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.relay.close(broken=True)
            return
        if size:
            self.push(_view[:size])
        else:
            self.over = True
            self.relay.finish(self)

    def push(self, data: memoryview) -> None:
        """Send *data*, and keep what is not taken."""
        self.relay.moved = True
        sent = self._send(data)
        if 0 <= sent < len(data):
            self.waiting = bytes(data[sent:])
            self.relay.wait_for(self)

    def write(self) -> None:
        """Send what waits."""
        sent = self._send(self.waiting)
        if sent < 0:
            return
        self.waiting = self.waiting[sent:]
        if not self.waiting:
            self.relay.moved = True
            self.relay.go_on(self)

    def _send(self, data: bytes | memoryview) -> int:
        """How many bytes of *data* were taken; -1 where the connection is broken, and then it is closed."""
        try:
            return self.target.send(data)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError:
            self.relay.close(broken=True)
            return -1
