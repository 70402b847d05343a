"""What a worker does with a connection that comes to it: it believes the front door's line, and nothing else (G20).

The line is taken off before mitmproxy reads a byte. What comes without a good one is closed without an answer: on
loopback only a program of this machine can have sent it.
"""

import asyncio
import time
from collections.abc import Iterable
from typing import Any

from proxy_addons.handover import Gate

PATIENCE = 3.0
"""Seconds for the first two lines, which the front door sends at once."""


class Front:
    """The front door before a worker at *place* ("127.0.0.1:8190"): what its *key* signs is admitted.

    *ports* are the ones where it listens, which no client reaches through a worker.
    """

    def __init__(self, key: bytes, place: str, ports: Iterable[int]) -> None:
        self.gate, self.ports = Gate(key, place), set(ports)


class Rewound(asyncio.StreamReader):
    """A reader that gives back what was read ahead."""

    again = b""

    async def read(self, n: int = -1) -> bytes:
        """Up to *n* bytes; first of all what was read ahead."""
        if self.again:
            ahead, self.again = self.again, b""
            return ahead
        return await super().read(n)


class Presented(asyncio.StreamWriter):
    """A writer whose peer is the *client* that the front door has named."""

    def __init__(self, writer: asyncio.StreamWriter, reader: asyncio.StreamReader, client: str) -> None:
        """Write where *writer* writes."""
        transport = writer.transport
        super().__init__(transport, transport.get_protocol(), reader, asyncio.get_running_loop())
        self._behind = writer  # one that is forgotten would close its transport
        self._client = client

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What asyncio knows of *name*; of the peer, what the front door has said."""
        return (self._client, 0) if name == "peername" else super().get_extra_info(name, default)


async def presented(gate: Gate, reader: Rewound, writer: asyncio.StreamWriter) -> Presented | None:
    """The connection as its client's, or None if it is not handed over as it must be."""
    try:
        async with asyncio.timeout(PATIENCE):
            first, line = await reader.readline(), await reader.readline()
    except (OSError, ValueError):  # late, broken, or a line without an end
        return None
    client = gate.admit(line, time.monotonic_ns())
    if client is None:
        return None
    reader.again = first
    return Presented(writer, reader, client)
