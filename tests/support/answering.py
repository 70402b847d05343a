"""A process's metrics port as a test needs it."""

import asyncio
import contextlib


@contextlib.asynccontextmanager
async def answering(body, status="200 OK"):
    """A port that answers every scrape with *body*."""

    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.0 {status}\r\nContent-Type: text/plain\r\n\r\n{body}".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[:2]
