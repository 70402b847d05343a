"""Waiting for a database whose server is away when reporting starts, and saying so meanwhile.

Ending instead would have nobody say anything: no metric, no page, a line in a log each second.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

from reporting.database import Database, UnreachableDatabaseError
from reporting.reach import Reach

type Opening = Callable[[], AbstractAsyncContextManager[Database]]
type Meanwhile = Callable[[Reach], AbstractAsyncContextManager[None]]


@contextlib.asynccontextmanager
async def awaited(opening: Opening, meanwhile: Meanwhile) -> AsyncIterator[Database]:
    """The database that *opening* opens; as long as its server cannot be reached, *meanwhile* goes on.

    What another try would not mend (a wrong password, another reporting process) is raised as `opened` raises it.
    """
    reach = Reach()
    async with contextlib.AsyncExitStack() as stack:
        async with contextlib.AsyncExitStack() as waiting:
            said = False
            while (database := await _tried(stack, opening, reach)) is None:
                if not said:
                    await waiting.enter_async_context(meanwhile(reach))
                    said = True
                await asyncio.sleep(reach.pause)
        reach.there()
        yield database


async def _tried(stack: contextlib.AsyncExitStack, opening: Opening, reach: Reach) -> Database | None:
    try:
        return await stack.enter_async_context(opening())
    except UnreachableDatabaseError as error:
        reach.lost(error.__cause__ or error)
        return None
