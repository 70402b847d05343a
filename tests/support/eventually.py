"""Waiting for what comes true in a worker, which tells nobody."""

import asyncio
from collections.abc import Awaitable, Callable


async def eventually(condition: Callable[[], Awaitable[object]], seconds: float = 30.0) -> None:
    """Return once *condition* holds; TimeoutError if it does not within *seconds*."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.02)
