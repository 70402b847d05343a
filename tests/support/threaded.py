"""Servers of tests that run beside the test, each in a thread and an event loop of its own."""

import asyncio
import contextlib
import ssl
import threading
from typing import Self


class Threaded:
    """Start with `with ... as server`: `_run` runs until `_stop` is set, and says when it has *started*."""

    _loop: asyncio.AbstractEventLoop
    _stop: asyncio.Event

    def __enter__(self) -> Self:
        started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main(started)), daemon=True)
        self._thread.start()
        assert started.wait(5)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(60)

    async def _main(self, started: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        await self._run(started)

    async def _run(self, started: threading.Event) -> None:
        raise NotImplementedError


class Listener(Threaded):
    """A server at a *port* of loopback, with *tls* or without: `_talk` to each client, who may go at any time."""

    tls: ssl.SSLContext | None = None
    port = 0
    gone: tuple[type[BaseException], ...] = (OSError, asyncio.CancelledError)
    """What ends a talk without a word."""

    async def _run(self, started: threading.Event) -> None:
        self._open: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls)
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        await self._stop.wait()
        server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(asyncio.current_task())
        with contextlib.suppress(*self.gone):
            await self._talk(reader, writer)
        writer.close()
        self._open.discard(asyncio.current_task())

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise NotImplementedError
