"""Watches for clients that do not take our certificate, and writes down what they are (`distrust`).

What is closed, or what a sealed list has pages of, is left out: nobody makes an exception for it, and no file may
name it (G23).
"""

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from mitmproxy import connection, http
from mitmproxy.tls import ClientHelloData, TlsData

from blocklists.live import Live
from proxy_addons.client import client_of
from proxy_addons.distrust import Distrust, Seen, app_of, is_refusal, shape_of

log = logging.getLogger("schoolgate.proxy")

EVERY = 5.0
"""Seconds between two writes at least."""
FILES = "refusals-*.json"
"""What the files of a machine's workers are called, in the folder of their status."""


class Distrusting:
    """The addon: it comes before the filter, which forgets what was refused once it is on record."""

    def __init__(self, live: Live, is_secret: Callable[[connection.Client], bool]) -> None:
        """Leave out connections that *is_secret* is true of."""
        self._live, self._is_secret = live, is_secret
        self._agents: dict[str, str] = {}
        self._shapes: dict[str, str] = {}
        self.distrust = Distrust()

    def http_connect(self, flow: http.HTTPFlow) -> None:
        """Note what the client calls itself."""
        self._agents[flow.client_conn.id] = flow.request.headers.get("user-agent", "")[:200]

    def tls_clienthello(self, data: ClientHelloData) -> None:
        """Note how it opens its handshake."""
        hello = data.client_hello
        self._shapes[data.context.client.id] = shape_of(hello.cipher_suites, [kind for kind, _ in hello.extensions])

    def tls_failed_client(self, data: TlsData) -> None:
        """Count a client that ended the handshake because of our certificate."""
        peer, host = data.context.client, (data.context.server.address or ("",))[0]
        if not is_refusal(peer.error or "") or self._is_secret(peer) or self._live.clients is None:
            return
        if client := client_of(self._live.clients, peer):
            app = app_of(self._agents.get(peer.id, ""), self._shapes.get(peer.id, ""))
            self.distrust.note(app, host, client.profile, client.address, time.time_ns())

    def client_disconnected(self, client: connection.Client) -> None:
        """Forget the client."""
        self._agents.pop(client.id, None)
        self._shapes.pop(client.id, None)

    async def keep(self, path: Path) -> None:
        """Go on from what *path* says, and write it anew while something changes; until cancelled."""
        with contextlib.suppress(OSError, ValueError):
            self.distrust.take_up(msgspec.json.decode(await asyncio.to_thread(path.read_bytes), type=Seen))
        try:
            while True:
                await asyncio.sleep(EVERY)
                await asyncio.to_thread(self.write, path)
        finally:
            self.write(path)

    def write(self, path: Path) -> None:
        """Write to *path* what changed since the last time; an error is said, and nobody waits for it."""
        if not self.distrust.changed:
            return
        self.distrust.changed = False
        new = path.with_suffix(".new")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640), "wb") as file:  # noqa: PTH123 - with its mode
                file.write(msgspec.json.encode(self.distrust.seen(time.time_ns())))
            new.replace(path)
        except OSError as error:
            log.error("Refusals of our certificate could not be written down: %s.", error.strerror)  # noqa: TRY400 - one sentence
