"""DNS over TCP: length-prefixed questions, several on one connection, answered as they are ready (RFC 7766).

A connection has an idle limit, a limit of questions under way, of bytes that it asks and of bytes that it leaves
lying; the listener has one of connections, and one for each client. Who breaks a limit loses its connection. Who comes
when all places are taken gets one: of the client that has most, the connection that has been still the longest ends.
"""

import asyncio
import contextlib
import logging
import math
import socket
import struct
import time
from collections import Counter
from collections.abc import Coroutine
from functools import partial
from typing import Any

from blocklists.clients import network_of
from dns_filter import keepalive, reply, wire
from dns_filter.asked import Outcome
from dns_filter.doors import Door
from dns_filter.finished import finished
from dns_filter.resolver import Resolver

log = logging.getLogger("schoolgate.dns")

IDLE = 10.0
"""Seconds without a whole question after which a connection is closed (RFC 7766, 6.2.3: a few seconds), and for which
a client may leave its answers lying."""
PARTING = 2.0
"""Seconds for the rest of the answers when a connection ends: it takes up a place until they are gone."""
CONNECTIONS = 200
"""Connections of one listener."""
PIPELINED = 32
"""Questions of one connection under way; further ones wait until one of these is answered. As many finished answers
leave together."""
LONGEST = 4096
"""Bytes of one question."""
UNREAD = 256 << 10
"""Bytes of answers that a connection may leave lying here: four of the longest, 50 MB if all connections do it."""
UNREAD_BY_KERNEL = 128 << 10
"""Bytes of answers that the kernel is asked to hold for a connection, on top: left to itself it goes up to 4 MB."""

TURN = 0.001
"""Seconds in which one connection's questions are answered before others have a turn: the questions of a whole buffer
wait for nothing by themselves, and held the worker for seconds."""
PAUSE = 0.05
"""Seconds between two looks at whether a client that floods may ask again; what it sent waits meanwhile."""
_CUT = wire.TC >> 8
_SEAT = b"tcp:"
"""Before an address's text, so that no seat is also one of UDP, which are by the address's bytes."""
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: forget what was not sent."""


type Coming = Coroutine[Any, Any, bytes | None]


class Connection:
    """One client's connection, and since when it has been still (seconds of the loop's clock).

    *over* is whether it was ended from here: it takes up no place any more. *turned* is when others last had a turn.
    """

    def __init__(self, writer: asyncio.StreamWriter, task: "asyncio.Task[None]") -> None:
        """Know the connection by its *writer*, and the *task* that converses on it."""
        self._writer, self.task = writer, task
        self.address: str = writer.get_extra_info("peername")[0]
        self.client = network_of(self.address)
        self.over = False
        self.turned = -math.inf
        self.moved()

    def moved(self) -> None:
        """Remember that the client asked something, or took an answer."""
        self.still_since = asyncio.get_running_loop().time()

    async def send(self, messages: list[bytes]) -> bool:
        """Send *messages*, and wait until most has left; False if the client takes too little of it too late."""
        if self._writer.is_closing():
            return True
        self._writer.write(b"".join(len(message).to_bytes(2) + message for message in messages))
        if self._writer.transport.get_write_buffer_size() > UNREAD:
            return False
        try:
            async with asyncio.timeout(IDLE):
                await self._writer.drain()
        except TimeoutError:
            return False
        except OSError:
            return True
        self.moved()
        return True

    async def part(self) -> bool:
        """End when the client has taken the rest; False if it did not take it in time, and the rest is forgotten."""
        self._writer.close()
        try:
            async with asyncio.timeout(PARTING):
                await self._writer.wait_closed()
        except TimeoutError:
            return False
        except OSError:
            pass
        finally:
            self._abort()
        return True

    def end(self) -> None:
        """End now, whatever is under way; the kernel forgets what it holds for the client too."""
        self._abort()
        self.task.cancel()

    def _abort(self) -> None:
        self.over = True
        with contextlib.suppress(OSError):
            self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._writer.transport.abort()


class Listener:
    """One TCP port of one door."""

    def __init__(self, door: Door, resolver: Resolver) -> None:
        """Take what answers; `start` begins."""
        self._door, self._resolver, self._figures = door, resolver, resolver.figures
        self._open: set[Connection] = set()
        self._server: asyncio.Server | None = None

    async def start(self, bound: socket.socket) -> None:
        """Accept connections at the socket *bound*."""
        self._server = await asyncio.start_server(self._serve, sock=bound, limit=LONGEST + 2)

    def answer_by(self, door: Door, resolver: Resolver) -> None:
        """Answer by these from the next question on, at connections that are open too."""
        self._door, self._resolver, self._figures = door, resolver, resolver.figures

    async def close(self) -> None:
        """Stop accepting and end every connection."""
        if self._server is not None:
            self._server.close()
        tasks = [connection.task for connection in self._open]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connection = Connection(writer, task)
        self._make_room(connection.client)
        self._open.add(connection)
        self._figures.connections += 1
        try:
            await self._converse(reader, connection)
        except (OSError, EOFError):
            pass
        except Exception:
            self._figures.failures += 1
            log.exception("A TCP connection failed.")
        finally:
            try:
                self._figures.unread += not await connection.part()
            finally:
                self._open.discard(connection)

    def _make_room(self, client: str) -> None:
        """End the connection whose place a new one of *client* takes, if there is no free one."""
        places = [connection for connection in self._open if not connection.over]
        held = Counter(connection.client for connection in places)
        if held[client] >= self._door.connections:
            rivals = [connection for connection in places if connection.client == client]
        elif len(places) >= CONNECTIONS:
            most = max(held.values())
            rivals = [connection for connection in places if held[connection.client] == most]
        else:
            return
        self._figures.displaced += 1
        min(rivals, key=lambda connection: connection.still_since).end()

    async def _converse(self, reader: asyncio.StreamReader, connection: Connection) -> None:
        arrived, room = bytearray(), asyncio.Semaphore(PIPELINED)
        async with asyncio.TaskGroup() as questions:
            while packets := await self._next(reader, arrived):
                connection.moved()
                await self._answer(packets, connection, room, questions)

    async def _next(self, reader: asyncio.StreamReader, arrived: bytearray) -> list[bytes]:
        """The whole questions that came next; none when the client is done, idle too long, or sends too much."""
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(IDLE):
                while not (packets := _cut_off(arrived)):
                    if int.from_bytes(arrived[:2]) > LONGEST or not (more := await reader.read(LONGEST + 2)):
                        return []
                    arrived += more
                return packets
        return []

    async def _answer(
        self,
        packets: list[bytes],
        connection: Connection,
        room: asyncio.Semaphore,
        questions: asyncio.TaskGroup,
    ) -> None:
        """Answer in few writes what can be answered at once; the rest when it is ready, as far as there is *room*."""
        ready: list[bytes] = []
        for packet in packets:
            if await self._rests(connection):
                await self._send(ready, connection)
                ready = []
            if connection.over:
                return
            if room.locked() or len(ready) >= PIPELINED:
                await self._send(ready, connection)
                ready = []
            await room.acquire()
            outcome = self._outcome(packet, connection)
            if isinstance(outcome, Coroutine):
                answering = questions.create_task(self._later(packet, outcome, connection))
                answering.add_done_callback(partial(_over, outcome, room))
                continue
            room.release()
            if outcome is not None:
                ready.append(outcome)
        await self._send(ready, connection)

    async def _rests(self, connection: Connection) -> bool:
        """Let others have a turn where this client had its own, and wait where it floods; whether time went by."""
        floods, now = self._door.floods, time.monotonic()
        if now - connection.turned < TURN and connection.client not in floods.over:
            return False
        await asyncio.sleep(0)
        while connection.client in floods.over and not connection.over and not floods.allows(connection.client, now):
            await asyncio.sleep(PAUSE)
            now = time.monotonic()
        connection.turned = time.monotonic()
        return True

    def _outcome(self, packet: bytes, connection: Connection) -> Outcome:
        """The answer to *packet*, at once or to be awaited, or None for silence."""
        try:
            found = self._finished(packet, connection.address)
            if found is not None:
                return found
            outcome = self._resolver.begin(packet, connection.address, self._door, tcp=True)
            return keepalive.told(packet, outcome, IDLE) if isinstance(outcome, bytes) else outcome
        except Exception as error:  # noqa: BLE001 - the next question must be answered, whatever this one did
            return self._failed(packet, error)

    def _finished(self, packet: bytes, address: str) -> bytes | None:
        """The finished answer to *packet*, as UDP's hit path gives it (`dns_filter.udp`); one that was cut is none."""
        now_ns, second = time.time_ns(), int(time.monotonic())
        if now_ns >= self._door.boundary:
            self._door.turn()
        raw = _SEAT + address.encode()
        seat = self._door.seats.get(raw) or self._door.seat(raw, address, now_ns)
        if seat is None:
            return None
        known = seat.answers.get(packet[2:])
        cut = known is not None and (known.head if known.blocks else known.payload)[0] & _CUT
        message = None if cut else finished(packet, seat, now_ns, second)
        if message is None:
            self._door.missed(seat)
        return message

    async def _later(self, packet: bytes, outcome: Coming, connection: Connection) -> None:
        try:
            message = await outcome
            if message is not None:
                message = keepalive.told(packet, message, IDLE)
        except Exception as error:  # noqa: BLE001 - as above
            message = self._failed(packet, error)
        if message is not None:
            await self._send([message], connection)

    async def _send(self, messages: list[bytes], connection: Connection) -> None:
        if not messages or connection.over:
            return
        if not await connection.send(messages) and not connection.over:
            self._figures.unread += 1
            connection.end()

    def _failed(self, packet: bytes, error: Exception) -> bytes | None:
        self._figures.failures += 1
        log.error("A question over TCP could not be answered.", exc_info=error)
        return reply.broken(packet)


def _over(outcome: Coming, room: asyncio.Semaphore, _: "asyncio.Task[None]") -> None:
    """Make room when a question is answered, or was given up before its turn came."""
    outcome.close()
    room.release()


def _cut_off(arrived: bytearray) -> list[bytes]:
    """The whole messages at the start of *arrived*, which loses them."""
    packets, place = [], 0
    while (start := place + 2) <= len(arrived):
        end = start + int.from_bytes(arrived[place:start])
        if end > len(arrived) or end - start > LONGEST:
            break
        packets.append(bytes(arrived[start:end]))
        place = end
    del arrived[:place]
    return packets


def bind(host: str, port: int) -> socket.socket:
    """A listening TCP socket at (*host*, *port*) that other workers may share; OSError if it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UNREAD_BY_KERNEL)  # accepted ones inherit it
        listening.bind((host, port))
        listening.listen(128)
    except BaseException:
        listening.close()
        raise
    return listening
