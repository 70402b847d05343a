"""The workers behind the front door: whose client is whose, and how a connection is handed over (G20).

A client's connections all go to one worker, so that what it holds and asks is counted in one place; while that one is
away, to the next. One connection to a worker is one connection of a client.
"""

import asyncio
import hashlib
import secrets
import socket
import time
from collections.abc import Sequence
from functools import lru_cache

from blocklists import endpoint
from blocklists.clients import network_of
from proxy_addons import handover, request_head

CONNECTS = 2.0
"""Seconds for a connection to a worker, which is on the same machine."""
ANSWERS = 10.0
"""Seconds until a worker says whether a tunnel may be; it may have to wait for the disk."""
_MAX_ANSWER = 65_536


class NoWorkerError(OSError):
    """No worker takes the connection."""


class Workers:
    """The workers at *places* ("127.0.0.1:8190"), which believe what *key* signs."""

    def __init__(self, loop: asyncio.AbstractEventLoop, places: Sequence[str], key: bytes) -> None:
        """ValueError if one of *places* is no address and port."""
        self._loop, self._key = loop, key
        self._places = {text: where for text in places if (where := endpoint.parse(text))}
        if len(self._places) != len(places) or not places:
            raise ValueError(f"proxy.listen: {', '.join(places) or 'nothing'}: a worker's address and port are needed")
        self.order = lru_cache(maxsize=4096)(self._order)

    @property
    def ports(self) -> set[int]:
        """Where they listen."""
        return {port for _, port in self._places.values()}

    def _order(self, client: str) -> tuple[str, ...]:
        """The workers in the order in which *client* is brought to them: always the same for all its addresses."""
        whose = network_of(client)
        return tuple(sorted(self._places, key=lambda text: hashlib.blake2b(f"{whose} {text}".encode()).digest()))

    async def open(self, client: str) -> tuple[socket.socket, bytes]:
        """A connection to the worker of *client*, and the line to sign it with; NoWorkerError if there is none."""
        for text in self.order(client):
            host, port = self._places[text]
            made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
            made.setblocking(False)
            try:
                made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                async with asyncio.timeout(CONNECTS):
                    await self._loop.sock_connect(made, (host, port))
            except OSError:
                made.close()
                continue
            except BaseException:
                made.close()
                raise
            return made, handover.line(self._key, text, client, time.monotonic_ns(), secrets.token_bytes(16))
        raise NoWorkerError("no worker takes the connection")

    async def request(self, client: str, head: bytes) -> tuple[socket.socket, bytes]:
        """A connection for the request with *head*, and that head signed."""
        made, line = await self.open(client)
        return made, request_head.signed(head, line)

    async def tunnel(self, client: str, host: str, port: int) -> tuple[socket.socket, bytes]:
        """A tunnel to *host* through the worker, and its answer; b"" stands for a tunnel that is open.

        NoWorkerError if there is none.
        """
        made, line = await self.open(client)
        authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            async with asyncio.timeout(ANSWERS):
                await self._loop.sock_sendall(made, request_head.connect(authority, line))
                answer = await self._answer(made)
        except OSError as error:
            made.close()
            raise NoWorkerError("the worker does not answer") from error
        except BaseException:
            made.close()
            raise
        return made, b"" if answer.split(b" ", 2)[1:2] == [b"200"] else answer

    async def _answer(self, made: socket.socket) -> bytes:
        answer = b""
        while not request_head.end_of(answer) and len(answer) < _MAX_ANSWER:
            piece = await self._loop.sock_recv(made, _MAX_ANSWER)
            if not piece:
                raise ConnectionError("it ended")
            answer += piece
        return answer
