"""The demo's web sites: one server answers for every name, over HTTP and HTTPS, and remembers what it was asked."""

import asyncio
import errno
import socket
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import uvicorn

type Receive = Callable[[], Awaitable[dict[str, Any]]]
type Send = Callable[[dict[str, Any]], Awaitable[None]]


class Origin:
    """The web sites. *asked* has "METHOD host path" of each request that arrived."""

    def __init__(self, address: str, certificate: Path) -> None:
        """Listen on *address*, with the PEM file *certificate* (key and chain) for HTTPS."""
        self.address = address
        self.certificate = certificate
        self.asked: list[str] = []
        self.http = _bound(address, 80, 8081)
        self.https = _bound(address, 443, 8444)

    @property
    def http_port(self) -> int:
        """Where HTTP is served: 80, or 8081 where only root may use low ports."""
        return int(self.http.getsockname()[1])

    @property
    def https_port(self) -> int:
        """Where HTTPS is served: 443 or 8444."""
        return int(self.https.getsockname()[1])

    async def run(self) -> None:
        """Serve until cancelled."""
        plain = _Server(uvicorn.Config(self._answer, log_config=None, lifespan="off", interface="asgi3"))
        secure = _Server(
            uvicorn.Config(
                self._answer,
                log_config=None,
                lifespan="off",
                interface="asgi3",
                ssl_certfile=str(self.certificate),
                ssl_keyfile=str(self.certificate),
                ssl_version=ssl.PROTOCOL_TLS_SERVER,
            )
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(plain.serve([self.http]))
            tasks.create_task(secure.serve([self.https]))

    async def _answer(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        host = dict(scope["headers"]).get(b"host", b"").decode("latin-1").partition(":")[0]
        self.asked.append(f"{scope['method']} {host} {scope['path']}")
        while (await receive()).get("more_body"):
            pass
        body = f"<!doctype html><title>{host}</title><h1>{host}</h1><p>A page of the demo school's internet.".encode()
        headers = [(b"content-type", b"text/html; charset=utf-8"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class _Server(uvicorn.Server):
    """A uvicorn server that leaves signals to the demo and ends when its task is cancelled."""

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        self.config.load()
        self.lifespan = self.config.lifespan_class(self.config)
        await self.startup(sockets=sockets)
        try:
            await self.main_loop()
        finally:
            self.force_exit = True
            await self.shutdown(sockets=sockets)


def _bound(address: str, usual: int, instead: int) -> socket.socket:
    """A listening socket on the *usual* port, or, without the right to it, on the one *instead*."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, usual))
    except OSError as error:
        if error.errno not in {errno.EACCES, errno.EADDRINUSE}:
            raise
        listener.bind((address, instead))
    listener.listen(128)
    return listener
