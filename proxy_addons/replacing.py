"""Having a worker replaced when its life is over (`life`): another begins to listen before it is told to end."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from proxy_addons import life
from proxy_addons.memory import memory
from proxy_addons.settings import ProxySettings

log = logging.getLogger("schoolgate.proxy")

type Replace = Callable[[], Awaitable[None]]
"""Has another worker take this one's place: it listens at the same address before this one is told to end."""


class Replacing:
    """The end of a worker's life; *replace* is asked for another, and None for a worker that nobody replaces."""

    def __init__(self, settings: ProxySettings, replace: Replace | None) -> None:
        self._settings, self._replace = settings, replace
        self._asked = float("-inf")

    def is_replaced(self) -> bool:
        """Whether to be told to end now means that another worker has this one's place."""
        return time.monotonic() - self._asked < life.EXPECTED

    async def wait(self, give_up_metrics: Callable[[], None]) -> None:
        """Wait for the end, until cancelled; have the worker replaced when its life is over.

        *give_up_metrics* gives the port of its metrics back, which a successor needs.
        """
        started = time.monotonic()
        while True:
            await asyncio.sleep(life.EVERY)
            now = time.monotonic()
            why = life.over(self._settings, memory(), now - started) if self._replace else ""
            if self._replace and why and now - self._asked >= life.AGAIN:
                self._asked = now
                log.info("Another worker is to take this one's place: %s.", why)
                await asyncio.to_thread(give_up_metrics)
                try:
                    await self._replace()
                except OSError as error:
                    log.error("No other worker could be started: %s.", error)  # noqa: TRY400 - one sentence
