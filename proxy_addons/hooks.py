"""How mitmproxy's hooks reach the addons of a worker: by a table, where mitmproxy searches for each anew.

For each hook it asks every addon whether it has a function of that name, guards each call with contexts of its own,
tells everybody afterwards that the flow changed, and notes for the log who started the task: for a small page, more
work than the filter's. What is called and in which order stays as it is, and so does what becomes of an addon's error:
it is logged under mitmproxy's name, and the next addon is called.
"""

import asyncio
import contextlib
import dataclasses
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from mitmproxy import addonmanager
from mitmproxy.flow import Flow
from mitmproxy.proxy import commands, events, mode_servers
from mitmproxy.utils import asyncio_utils

from proxy_addons.instead import instead

log = logging.getLogger(addonmanager.__name__)

type _Called = Callable[[Any], Coroutine[Any, Any, None] | None]

_kept: set[asyncio.Task[Any]] = set()
"""The loop itself may lose a task that nobody else knows of."""


class Table:
    """What the addons of *manager* do for each hook; they are all there before the first hook comes."""

    def __init__(self, manager: addonmanager.AddonManager) -> None:
        self._manager = manager
        self._called: dict[str, tuple[_Called, ...]] = {}
        self._argument: dict[str, str] = {}

    def of(self, name: str) -> tuple[_Called, ...]:
        """The functions for the hook *name*, in the addons' order."""
        if (found := self._called.get(name)) is None:
            addons = addonmanager.traverse(self._manager.chain)  # type: ignore[no-untyped-call]
            functions = (getattr(addon, name, None) for addon in addons)
            found = self._called[name] = tuple(f for f in functions if callable(f))
        return found

    def argument(self, hook: commands.StartHook) -> str:
        """The name of the one thing that *hook* is about."""
        if (found := self._argument.get(hook.name)) is None:
            (field,) = dataclasses.fields(hook)  # type: ignore[arg-type]
            found = self._argument[hook.name] = field.name
        return found


class Handler(mode_servers.ProxyConnectionHandler):
    """A client's connection, whose hooks go by *table*."""

    table: Table

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)  # type: ignore[no-untyped-call]
        self._completed: deque[events.HookCompleted] = deque()

    async def server_event(self, event: events.Event) -> None:
        """Have the layers take *event*, and then the ends of those hooks that it led to and that waited for nothing.

        A hook's task starts while the event is still being taken, and taking is locked: its end would wait for the
        lock, and with it the task, for a turn of the loop each.
        """
        await super().server_event(event)
        while self._completed:
            await super().server_event(self._completed.popleft())

    async def hook_task(self, hook: commands.StartHook) -> None:
        """Have *hook* done, and then let what waited for it go on."""
        await self.handle_hook(hook)
        if not hook.blocking:
            return
        if self._server_event_lock.locked() and self._is_read():
            self._completed.append(events.HookCompleted(hook))  # nothing waits while it is held: we are within
        else:
            await self.server_event(events.HookCompleted(hook))

    def _is_read(self) -> bool:
        """Whether the client's connection has the task that reads it: until then, what closes it closes nothing.

        That task runs before it is known here, with what the client has sent already.
        """
        client = self.transports.get(self.client)
        return client is not None and client.handler is not None

    async def handle_hook(self, hook: commands.StartHook) -> None:
        """Have each addon do what it does for *hook*; the connection is not idle meanwhile."""
        data = getattr(hook, self.table.argument(hook))
        watchdog = self.timeout_watchdog
        watchdog.can_timeout.clear()
        watchdog.blocker += 1
        try:
            for called in self.table.of(hook.name):
                try:
                    if (doing := called(data)) is not None:
                        await doing
                except Exception:
                    log.exception("Addon error")
            if isinstance(data, Flow) and data.intercepted:
                await data.wait_for_resume()  # type: ignore[no-untyped-call]
        finally:
            watchdog.blocker -= 1
            if not watchdog.blocker:
                watchdog.register_activity()  # type: ignore[no-untyped-call]
                watchdog.can_timeout.set()


def _create_task(
    steps: Coroutine[Any, Any, Any], *, name: str, keep_ref: bool, client: tuple[Any, ...] | None = None
) -> asyncio.Task[Any]:
    """A task; most are over at once, and of those nobody asks for the *name* or *client*."""
    task = asyncio.get_running_loop().create_task(steps)
    if not task.done():
        asyncio_utils.set_task_debug_info(task, name=name, client=client)
        if keep_ref:
            _kept.add(task)
            task.add_done_callback(_kept.discard)
    return task


@contextlib.contextmanager
def by_table(table: Table) -> Iterator[None]:
    """Let hooks go by *table* for as long as the context lasts."""
    handler = type("Handler", (Handler,), {"table": table})
    with instead((mode_servers, "ProxyConnectionHandler", handler), (asyncio_utils, "create_task", _create_task)):
        yield
