"""Whether the signer is there: a worker looks, as nobody but workers may come near its socket.

It is asked nothing: a connection that says nothing and is ended by the signer shows that its loop turns.
"""

import asyncio
from pathlib import Path

from proxy_addons import signing
from proxy_addons.counters import Counters

EVERY = 5.0
"""Seconds between two looks."""

PATIENCE = 3.0
"""Seconds until the signer must have ended the connection: one that is up does so at once."""


async def keep(signer: Path, counters: Counters) -> None:
    """Say in *counters*, for ever, whether whoever listens at *signer* answers."""
    while True:
        counters.signer_silent = not await answers(signer)
        await asyncio.sleep(EVERY)


async def answers(signer: Path) -> bool:
    """Whether the signer that listens at *signer* ends a connection that says nothing."""
    try:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await signing.connected(signer)
            try:
                writer.write_eof()
                return await reader.read() == b""
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
