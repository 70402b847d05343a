"""Serving pages: the socket, the exact names that are answered, and the server that runs as long as its block.

What the pages are is `reporting.web.app`'s; which there are, `reporting.service`'s.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlsplit

import uvicorn

from reporting.settings import ReportingSettings


def hosts(settings: ReportingSettings, bound: tuple[str, int]) -> tuple[str, ...]:
    """The exact Host values that the pages answer: the public URL's, and the address that they are bound to."""
    host, port = bound
    name = f"[{host}]" if ":" in host else host
    usual = 443 if settings.tls_certificate else 80
    return urlsplit(settings.public_url).netloc.lower(), name if port == usual else f"{name}:{port}"


@contextlib.contextmanager
def listening(place: str) -> Iterator[socket.socket]:
    """A socket bound to *place* ("address:port", "[::1]:port"); OSError says what cannot listen where, and why."""
    host, _, port = place.rpartition(":")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # or the second half of each page waits for 40 ms
        try:
            bound.bind((host.strip("[]"), int(port)))
            bound.listen(128)
        except OSError as error:
            raise OSError(f"the staff pages cannot listen on {place}: {error.strerror or error}") from error
        yield bound


class _Pages(uvicorn.Server):
    """uvicorn without its hands on our signals: who ends this process is `deploy`'s business."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def serving(app: Any, settings: ReportingSettings, pages: socket.socket) -> AsyncIterator[asyncio.Task[None]]:
    """Answer at *pages* with *app*, in the task that the block gets; at its end open requests have 3 seconds."""
    server = _Pages(
        uvicorn.Config(
            app,
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=3,
            ssl_certfile=settings.tls_certificate or None,
            ssl_keyfile=settings.tls_key or None,
        )
    )
    task = asyncio.create_task(server.serve(sockets=[pages]))
    try:
        while not server.started:
            if task.done():
                raise RuntimeError("the staff pages did not start") from task.exception()
            await asyncio.sleep(0.01)
        yield task
    finally:
        server.should_exit = True
        with contextlib.suppress(Exception):  # what it failed with was raised where it was waited for
            await asyncio.shield(task)
