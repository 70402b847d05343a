"""A connection that came to the front door, until it is known where it leads: what it said, and answers to it."""

import asyncio
import contextlib
import socket
import time

from proxy_addons import request_head
from proxy_addons.client_hello import ClientHello, State
from proxy_addons.watch import Watch

PIECE = 65_536
"""Bytes read at once."""

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"

DECODE_ERROR, ACCESS_DENIED, INTERNAL_ERROR, UNRECOGNIZED_NAME = 50, 49, 80, 112
"""TLS alerts (RFC 8446, 6)."""
_ALERT = b"\x15\x03\x03\x00\x02\x02"
"""A record with an alert, up to its description: fatal."""


class EndedError(ConnectionError):
    """The client went away before it had said what it wants."""


class TooLongError(ValueError):
    """A head has no end."""


class Arrival:
    """*sock* is the client's, *peername* its address and port, *id* a name of its own; *data* came and is unread."""

    __slots__ = ("_loop", "_watch", "data", "id", "peername", "sock")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        watch: Watch,
        sock: socket.socket,
        peername: tuple[str, int],
        name: str,
    ) -> None:
        self._loop, self._watch = loop, watch
        self.sock, self.peername, self.id = sock, peername, name
        self.data = b""

    async def head(self, seconds: float) -> bytes:
        """The head of a request, taken off *data*; EndedError, TooLongError or TimeoutError where there is none."""
        until = time.monotonic() + seconds
        while not (end := request_head.end_of(self.data)):
            if len(self.data) > request_head.MAX_HEAD:
                raise TooLongError
            await self._more(until)
        head, self.data = self.data[:end], self.data[end:]
        return head

    async def hello(self, seconds: float) -> ClientHello:
        """What the client begins with, all of *data* taken; it is whole, broken, or no TLS, or TimeoutError."""
        hello, until = ClientHello(), time.monotonic() + seconds
        while True:
            state = hello.feed(self.data)
            self.data = b""
            if state is State.NOT_TLS and request_head.can_be_request(hello.raw) is None:
                state = State.MORE  # so few bytes that they do not say what it is
            if state is not State.MORE:
                return hello
            await self._more(until)

    async def _more(self, until: float) -> None:
        piece = await self._watch.recv(self.sock, PIECE, until)
        if not piece:
            raise EndedError
        self.data += piece

    async def send(self, data: bytes) -> None:
        """Send *data*."""
        with contextlib.suppress(BlockingIOError, InterruptedError):
            data = data[self.sock.send(data) :]
        if data:
            await self._loop.sock_sendall(self.sock, data)

    def alert(self, description: int) -> None:
        """Say in TLS why the connection ends, if the client still takes it."""
        with contextlib.suppress(OSError):
            self.sock.send(_ALERT + bytes([description]))
            self.sock.shutdown(socket.SHUT_WR)
            self.sock.recv(PIECE)  # what is left unread would turn the end into a reset, and the alert be lost

    def close(self) -> None:
        """End it."""
        self.sock.close()
