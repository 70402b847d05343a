"""Sockets that clients come to."""

import asyncio
import contextlib
import socket

import pytest

from proxy_addons.bound import bound, pass_on


def test_what_comes_to_an_address_goes_to_its_last_listener_once_the_first_passes_on() -> None:
    with bound("first", "127.0.0.1:0") as first:
        first.listen(64)
        with bound("second", f"127.0.0.1:{first.getsockname()[1]}") as second, contextlib.ExitStack() as clients:
            second.listen(64)
            pass_on(first)
            for _ in range(32):
                clients.enter_context(socket.create_connection(first.getsockname(), 10))
            with pytest.raises(BlockingIOError):
                first.accept()
            for _ in range(32):
                second.accept()[0].close()


async def test_small_answers_leave_at_once() -> None:
    """Nagle's delay of 40 ms an answer would be a fifth of the pages a second."""
    accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner = writer.get_extra_info("socket")
        accepted.set_result(inner.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    with bound("proxy.listen", "127.0.0.1:0") as listening:
        async with await asyncio.start_server(serve, sock=listening):
            _, writer = await asyncio.open_connection(*listening.getsockname())
            assert await accepted
            writer.close()
