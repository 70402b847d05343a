"""Two sockets joined: what goes through is the same at the other end, however fast it comes and slowly it is read."""

import asyncio
import contextlib
import random
import socket
import struct
import threading
import time
from collections.abc import AsyncIterator

import pytest

from proxy_addons.relay import BUFFER, HALF_OPEN, Relay
from proxy_addons.watch import Watch

MUCH = random.Random(5).randbytes(64 * BUFFER)
SLOWLY = 60_000
"""Bytes of a read that lets the relay run full."""


def joined() -> tuple[socket.socket, socket.socket]:
    """The two ends of a TCP connection on loopback, the second for a relay."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        theirs, _ = server.accept()
    theirs.setblocking(False)
    return ours, theirs


@contextlib.asynccontextmanager
async def relayed() -> AsyncIterator[tuple[socket.socket, socket.socket, asyncio.Event]]:
    """A client and a server with a relay between them, and what is set once that has ended."""
    async with made() as (client, server, ended, _):
        yield client, server, ended


@contextlib.asynccontextmanager
async def made() -> AsyncIterator[tuple[socket.socket, socket.socket, asyncio.Event, Relay]]:
    """The same, with the relay itself."""
    ended = asyncio.Event()
    watch = Watch(asyncio.get_running_loop())
    (client, near), (server, far) = joined(), joined()
    relay = Relay(watch, near, far, ended.set)
    relay.start()
    with contextlib.closing(watch), client, server:
        try:
            yield client, server, ended, relay
        finally:
            relay.close()


def read_all(sock: socket.socket, size: int) -> bytes:
    came = bytearray()
    while piece := sock.recv(size):
        came += piece
    return bytes(came)


def send_all(sock: socket.socket, data: bytes) -> None:
    sock.sendall(data)
    sock.shutdown(socket.SHUT_WR)


def send_without_end(sock: socket.socket) -> None:
    while True:
        sock.sendall(MUCH)


async def through(source: socket.socket, target: socket.socket) -> bytes:
    """What *target* reads when *source* sends much and ends."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(asyncio.to_thread(send_all, source, MUCH))
        return await tasks.create_task(asyncio.to_thread(read_all, target, SLOWLY))


async def test_much_that_comes_faster_than_it_is_read_arrives_as_it_was() -> None:
    async with relayed() as (client, server, _):
        assert await through(server, client) == MUCH


async def test_much_both_ways_at_once_arrives_as_it_was_and_the_relay_ends() -> None:
    async with relayed() as (client, server, ended):
        there, back = await asyncio.gather(through(client, server), through(server, client))
        assert (there, back) == (MUCH, MUCH)
        await ended.wait()


async def test_small_talk_after_much_arrives_as_it_was() -> None:
    async with relayed() as (client, server, _):
        sending = threading.Thread(target=server.sendall, args=(MUCH + b"the end",))
        sending.start()
        came = bytearray()
        while not came.endswith(b"the end"):
            came += await asyncio.to_thread(client.recv, SLOWLY)
        sending.join()
        server.sendall(b"and a word")
        assert await asyncio.to_thread(client.recv, 100) == b"and a word"


async def test_a_reset_in_the_midst_of_much_is_passed_on() -> None:
    async with relayed() as (client, server, ended):
        sending = asyncio.ensure_future(asyncio.to_thread(send_without_end, server))
        await asyncio.to_thread(client.recv, SLOWLY)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        with pytest.raises(ConnectionError):
            await sending
        await ended.wait()


async def test_a_side_that_has_ended_still_gets_the_other_sides_last_word() -> None:
    async with relayed() as (client, server, ended):
        client.shutdown(socket.SHUT_WR)
        assert await asyncio.to_thread(server.recv, 100) == b""
        server.sendall(b"last word")
        server.shutdown(socket.SHUT_WR)
        assert await asyncio.to_thread(read_all, client, 100) == b"last word"
        await ended.wait()


async def test_one_that_stands_still_with_a_side_ended_ends_when_its_time_is_over_and_not_before() -> None:
    async with made() as (client, server, ended, relay):
        client.shutdown(socket.SHUT_WR)
        assert await asyncio.to_thread(server.recv, 100) == b""
        relay.end_if_it_stands_still(time.monotonic())
        assert not ended.is_set()
        relay.end_if_it_stands_still(time.monotonic() + HALF_OPEN)
        assert ended.is_set()


async def test_one_in_which_something_still_moves_goes_on() -> None:
    async with made() as (client, server, ended, relay):
        client.shutdown(socket.SHUT_WR)
        assert await asyncio.to_thread(server.recv, 100) == b""
        server.sendall(b"still here")
        assert await asyncio.to_thread(client.recv, 100) == b"still here"
        relay.end_if_it_stands_still(time.monotonic() + HALF_OPEN)
        assert not ended.is_set()


async def test_one_with_both_sides_open_may_stand_still() -> None:
    async with made() as (_, _, ended, relay):
        relay.end_if_it_stands_still(time.monotonic() + 10 * HALF_OPEN)
        assert not ended.is_set()
