"""Sockets watched by an epoll of their own, which is one descriptor to the event loop.

The loop's own add_reader and add_writer take 9 us each, a socket; this takes 1, and an event calls what waits for it
without a handle in between. What is read or connected here has a time by which it must have come about: one look at
all of them, twice a second, is cheaper than a timer for each.
"""

import asyncio
import os
import select
import socket
import time
from collections.abc import Callable

READ, WRITE = select.EPOLLIN, select.EPOLLOUT
_AT_ONCE = 256
"""Events that are taken up in one turn of the loop; what is left comes in the next."""


_TIMES = 4
"""Looks in one turn of the loop, while there is something: a turn takes ten times as long as a look."""


class Watch:
    """Watches for *loop* from now until `close`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._epoll = select.epoll()
        self._calls: dict[int, Callable[[], None]] = {}
        self._late: dict[asyncio.Future[None], float] = {}
        loop.add_reader(self._epoll.fileno(), self._look)

    def close(self) -> None:
        """Watch nothing any more."""
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()

    def add(self, number: int, events: int, call: Callable[[], None]) -> None:
        """Call *call* whenever the socket *number*, which is not watched yet, is ready for *events*."""
        self._epoll.register(number, events)
        self._calls[number] = call

    def change(self, number: int, events: int, call: Callable[[], None]) -> None:
        """The same for one that is watched."""
        self._epoll.modify(number, events)
        self._calls[number] = call

    def remove(self, number: int) -> None:
        """Watch *number* no more."""
        if self._calls.pop(number, None):
            self._epoll.unregister(number)

    def forget(self, number: int) -> None:
        """The same for one that is closed next: the kernel itself then watches it no more (epoll(7))."""
        self._calls.pop(number, None)

    def _look(self) -> None:
        """Call what is ready. None of them opens a socket, so a number still is whose it was when it became ready."""
        for _ in range(_TIMES):
            ready = self._epoll.poll(0, _AT_ONCE)
            for number, _ in ready:
                if call := self._calls.get(number):
                    call()
            if not ready:
                return

    async def recv(self, sock: socket.socket, size: int, until: float) -> bytes:
        """Up to *size* bytes of *sock*, at the end b""; TimeoutError if none comes *until* then (monotonic seconds)."""
        while True:
            try:
                return sock.recv(size)
            except (BlockingIOError, InterruptedError):
                await self._ready(sock, READ, until)

    async def connect(self, sock: socket.socket, address: tuple[str, int], until: float) -> None:
        """Connect *sock* to *address*, which is no name; OSError if that fails, TimeoutError if it takes so long."""
        try:
            sock.connect(address)
        except (BlockingIOError, InterruptedError):
            await self._ready(sock, WRITE, until)
            if error := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise OSError(error, os.strerror(error)) from None

    async def _ready(self, sock: socket.socket, events: int, until: float) -> None:
        ready: asyncio.Future[None] = self._loop.create_future()
        number = sock.fileno()
        self._late[ready] = until

        def came() -> None:
            if not ready.done():
                ready.set_result(None)

        self.add(number, events, came)
        try:
            await ready
        finally:
            self.remove(number)
            del self._late[ready]

    def end_late(self) -> None:
        """Raise TimeoutError where something has not come about in time."""
        now = time.monotonic()
        for ready, until in tuple(self._late.items()):
            if until < now and not ready.done():
                ready.set_exception(TimeoutError())
