"""A step of a task that goes on for ever, whatever goes wrong in one of its turns."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from reporting.database import uninterrupted
from reporting.logline import reason
from reporting.reach import AwayError


async def persist(
    step: Callable[[], Coroutine[Any, Any, object]],
    every: float,
    log: logging.Logger,
    says: str,
    failed: Callable[[], object] = lambda: None,
) -> None:
    """Await *step* again and again, *every* so many seconds apart.

    What a full disk or a lock stops is logged, with the sentence *says* before the reason, told to *failed*, and tried
    again. A step that has begun is not cut off when the task is cancelled.
    """
    while True:
        try:
            await uninterrupted(step())
        except AwayError:  # which the database says itself
            failed()
        except Exception as error:  # noqa: BLE001 - a full disk, a lock: it is tried again
            failed()
            log.error("%s: %s", says, reason(error))  # noqa: TRY400 - one sentence
        await asyncio.sleep(every)
