"""Hooks reach every addon in order, whatever one of them does."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest
from mitmproxy import connection, options
from mitmproxy.master import Master
from mitmproxy.proxy import mode_servers, mode_specs, server_hooks
from mitmproxy.utils import asyncio_utils

from proxy_addons import hooks


class Seen:
    """An addon that notes what it was told, under a *name* of its own."""

    def __init__(self, name: str, told: list[str]) -> None:
        self.name, self.told = name, told


class Plain(Seen):
    def client_connected(self, client: connection.Client) -> None:
        self.told.append(f"{self.name} {client.peername[0]}")


class Waiting(Seen):
    async def client_connected(self, client: connection.Client) -> None:
        await asyncio.sleep(0)
        self.told.append(f"{self.name} {client.peername[0]}")


class Broken(Seen):
    def client_connected(self, _: connection.Client) -> None:
        raise ZeroDivisionError


class Silent(Seen):
    client_connected = None


async def told_by(addons: list[Seen], then: Callable[[hooks.Handler], Awaitable[None]] | None = None) -> None:
    """Have *addons* told of a real connection, over the table; *then* looks at its handler."""
    master = Master(options.Options())
    master._legacy_log_events.uninstall()
    master.addons.add(*addons)  # type: ignore[no-untyped-call]
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def met(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mode = mode_specs.ProxyMode.parse("regular")
        handler = mode_servers.ProxyConnectionHandler(master, reader, writer, master.options, mode)  # type: ignore[no-untyped-call]
        assert isinstance(handler, hooks.Handler)
        await handler.handle_hook(server_hooks.ClientConnectedHook(handler.client))
        if then:
            await then(handler)
        writer.close()
        done.set_result(None)

    with hooks.by_table(hooks.Table(master.addons)):
        server = await asyncio.start_server(met, "127.0.0.1", 0)
        async with server:
            _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            await done
            writer.close()
            await writer.wait_closed()


async def test_every_addon_is_told_in_order(caplog: pytest.LogCaptureFixture) -> None:
    told: list[str] = []
    await told_by([Waiting("first", told), Broken("second", told), Silent("third", told), Plain("fourth", told)])
    assert told == ["first 127.0.0.1", "fourth 127.0.0.1"]
    assert [(r.name, r.levelno) for r in caplog.records] == [("mitmproxy.addonmanager", logging.ERROR)]


async def test_a_connection_may_time_out_again_when_its_hooks_are_done() -> None:
    seen: list[bool] = []

    class Looking(Seen):
        async def client_connected(self, _: connection.Client) -> None:
            await asyncio.sleep(0)

    async def look(handler: hooks.Handler) -> None:
        watchdog = handler.timeout_watchdog
        seen.append(watchdog.can_timeout.is_set())
        task = asyncio.ensure_future(handler.handle_hook(server_hooks.ClientConnectedHook(handler.client)))
        await asyncio.sleep(0)
        seen.append(watchdog.can_timeout.is_set())
        await task
        seen.append(watchdog.can_timeout.is_set())

    await told_by([Looking("one", [])], look)
    assert seen == [True, False, True]


async def test_afterwards_mitmproxy_is_as_it_was() -> None:
    before = mode_servers.ProxyConnectionHandler, asyncio_utils.create_task
    await told_by([])
    assert (mode_servers.ProxyConnectionHandler, asyncio_utils.create_task) == before
