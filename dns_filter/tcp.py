"""DNS over TCP: length-prefixed questions, several on one connection, answered as they are ready (RFC 7766).

A connection has an idle limit, a limit of questions under way and a limit of bytes; the listener has one of
connections. A client that breaks a limit loses its connection and nothing else.
"""

import asyncio
import contextlib
import logging
import socket

from dns_filter import reply
from dns_filter.doors import Door
from dns_filter.resolver import Resolver

log = logging.getLogger("schoolgate.dns")

IDLE = 10.0
"""Seconds without a whole question after which a connection is closed (RFC 7766, 6.2.3: a few seconds)."""
CONNECTIONS = 200
"""Connections of one listener."""
PIPELINED = 32
"""Questions of one connection under way; further ones are read when one of these is answered."""
LONGEST = 4096
"""Bytes of one question."""


class Listener:
    """One TCP port of one door."""

    def __init__(self, door: Door, resolver: Resolver) -> None:
        """Take what answers; `start` begins."""
        self._door, self._resolver, self._figures = door, resolver, resolver.figures
        self._open: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self, bound: socket.socket) -> None:
        """Accept connections at the socket *bound*."""
        self._server = await asyncio.start_server(self._serve, sock=bound, limit=LONGEST + 2)

    async def close(self) -> None:
        """Stop accepting and end every connection."""
        if self._server is not None:
            self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._open) >= CONNECTIONS:
            writer.transport.abort()
            return
        self._open.add(task)
        self._figures.connections += 1
        try:
            await self._converse(reader, writer)
        except (OSError, EOFError, TimeoutError):
            pass
        except Exception:
            self._figures.failures += 1
            log.exception("A TCP connection failed.")
        finally:
            self._open.discard(task)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        room = asyncio.Semaphore(PIPELINED)
        async with asyncio.TaskGroup() as questions:
            while packet := await self._next(reader):
                await room.acquire()
                answering = questions.create_task(self._answer(packet, writer))
                answering.add_done_callback(lambda _: room.release())

    async def _next(self, reader: asyncio.StreamReader) -> bytes | None:
        """The next question, or None when the client is done, idle too long, or sends too much."""
        try:
            async with asyncio.timeout(IDLE):
                length = int.from_bytes(await reader.readexactly(2))
                return await reader.readexactly(length) if length <= LONGEST else None
        except (TimeoutError, EOFError, OSError):
            return None

    async def _answer(self, packet: bytes, writer: asyncio.StreamWriter) -> None:
        address = writer.get_extra_info("peername")[0]
        try:
            outcome = self._resolver.begin(packet, address, self._door, tcp=True)
            message = outcome if outcome is None or isinstance(outcome, bytes) else await outcome
        except Exception:
            self._figures.failures += 1
            log.exception("A question over TCP could not be answered.")
            message = reply.broken(packet)
        if message is not None and not writer.is_closing():
            writer.write(len(message).to_bytes(2) + message)
            with contextlib.suppress(OSError):
                async with asyncio.timeout(IDLE):
                    await writer.drain()


def bind(host: str, port: int) -> socket.socket:
    """A listening TCP socket at (*host*, *port*) that other workers may share; OSError if it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.bind((host, port))
        listening.listen(128)
    except BaseException:
        listening.close()
        raise
    return listening
