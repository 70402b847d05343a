"""Where the body of a refused upload goes: nowhere, by way of a listener on loopback.

A refused request must be answered at once and its body must neither reach the server nor be kept. mitmproxy can drop
a body only while it streams it to a server (measured: kept, a 300 MB upload took a worker to 659 MB), so the server
that it streams to is this one, and every chunk is dropped before it is sent. It answers each request head with an
empty 403, which the filter replaces by the page.
"""

import asyncio
from collections.abc import Iterable

ANSWER = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
_HEAD_LIMIT = 262_144
"""Bytes in a request head; mitmproxy has read it already and sends it on."""


def nothing(_: bytes) -> Iterable[bytes]:
    """What is passed on of a chunk: no chunks at all, because an empty one would end a chunked body."""
    return ()


async def open_sink() -> asyncio.Server:
    """Listen on a free loopback port."""
    return await asyncio.start_server(_answer, "127.0.0.1", 0, limit=_HEAD_LIMIT)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer each head until the other side closes: closing first would cut the client off in mid-upload."""
    try:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(ANSWER)
            await writer.drain()
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
        pass
    finally:
        writer.close()
