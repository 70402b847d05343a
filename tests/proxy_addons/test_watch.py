"""Sockets watched beside the loop: read and connected in time or not at all."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Awaitable

import pytest

from proxy_addons.watch import READ, Watch
from tests.support.commands import free_ports


@contextlib.asynccontextmanager
async def watching() -> AsyncIterator[tuple[Watch, socket.socket, socket.socket]]:
    watch = Watch(asyncio.get_running_loop())
    near, far = socket.socketpair()
    near.setblocking(False)
    try:
        with near, far:
            yield watch, near, far
    finally:
        watch.close()


async def late(watch: Watch, awaited: Awaitable[object]) -> None:
    """Wait for what is never coming, and look for what is late as a front door does."""
    waiting = asyncio.ensure_future(awaited)
    while not waiting.done():
        await asyncio.sleep(0)
        watch.end_late()
    await waiting


async def test_what_comes_later_is_read() -> None:
    async with watching() as (watch, near, far):
        reading = asyncio.ensure_future(watch.recv(near, 100, time.monotonic() + 10))
        await asyncio.sleep(0)
        far.send(b"hello")
        assert await reading == b"hello"


async def test_what_does_not_come_in_time_is_a_timeout() -> None:
    async with watching() as (watch, near, _):
        with pytest.raises(TimeoutError):
            await late(watch, watch.recv(near, 100, time.monotonic()))


async def test_what_still_has_time_is_left_alone() -> None:
    async with watching() as (watch, near, far):
        reading = asyncio.ensure_future(watch.recv(near, 100, time.monotonic() + 10))
        await asyncio.sleep(0)
        watch.end_late()
        far.send(b"in time")
        assert await reading == b"in time"


async def test_a_cancelled_wait_watches_no_more() -> None:
    async with watching() as (watch, near, far):
        reading = asyncio.ensure_future(watch.recv(near, 100, time.monotonic() + 10))
        await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        far.send(b"for another")
        assert await watch.recv(near, 100, time.monotonic() + 10) == b"for another"


async def test_a_port_where_nobody_listens_is_an_error() -> None:
    watch = Watch(asyncio.get_running_loop())
    with contextlib.closing(watch), socket.socket() as made:
        made.setblocking(False)
        with pytest.raises(ConnectionRefusedError):
            await watch.connect(made, ("127.0.0.1", free_ports(1)[0]), time.monotonic() + 10)


async def test_one_that_is_removed_is_not_called() -> None:
    async with watching() as (watch, near, far):
        called, any_called = list[str](), asyncio.Event()
        other, end = socket.socketpair()
        with other, end:
            watch.add(near.fileno(), READ, lambda: called.append("removed"))
            watch.add(other.fileno(), READ, any_called.set)
            watch.remove(near.fileno())
            far.send(b"x")
            end.send(b"x")
            await any_called.wait()
            assert not called
