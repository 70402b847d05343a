"""A proxy worker: our own mitmproxy master with four addons, our own sockets, and an end that waits for pages.

Several workers share one address (SO_REUSEPORT). mitmproxy opens no socket of its own, so an address that is taken is
an error here and not a line in its log.
"""

import asyncio
import contextlib
import functools
import gc
import logging
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from mitmproxy import master, options
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.proxy.mode_servers import ServerInstance
from prometheus_client import CollectorRegistry

from blocklists.live import Files, Live
from proxy_addons import (
    backlog,
    cut,
    going_away,
    heads,
    held,
    hooks,
    interim,
    library_speed,
    library_words,
    life,
    messages,
    signer_watch,
    sockets,
)
from proxy_addons.addresses import Reach
from proxy_addons.bound import bound, numbered, pass_on
from proxy_addons.certificates import CIPHERS, TO_SERVERS, Certificates, trusted
from proxy_addons.counters import Collected, Counters
from proxy_addons.distrusting import Distrusting
from proxy_addons.filter import Filter
from proxy_addons.fresh import REFRESH, last_good_stays
from proxy_addons.handed_over import Front, Rewound, presented
from proxy_addons.judge import Judge
from proxy_addons.layers import Layers
from proxy_addons.leaves import Leaves
from proxy_addons.memory import memory
from proxy_addons.phrase_book import PhraseBook
from proxy_addons.resolve import Resolver, installed
from proxy_addons.settings import ProxySettings, endpoint
from proxy_addons.sink import open_sink
from proxy_addons.upstream_proxy import UpstreamProxy
from reporting.metrics import process_collector, serve_metrics
from reporting.recorder import Recorder

log = logging.getLogger("schoolgate.proxy")

_LOOK = 0.05
"""Seconds between two looks at what is still open while draining."""
_SWEEP = 0.5
"""Seconds between two looks for connections that are to end."""
_BACKLOG = 1024
"""A class that opens its laptops at once must not meet a full queue."""

type _Handled = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
type Ready = Callable[[dict[str, tuple[str, int]]], None]
type Replace = Callable[[], Awaitable[None]]
"""Has another worker take this one's place: it listens at the same address before this one is told to end."""


async def serve(
    settings: ProxySettings,
    files: Files,
    recorder: Recorder,
    *,
    instance: int,
    metrics: tuple[str, int] | None,
    ready: Ready,
    front: Front | None = None,
    scan: sockets.Scan | None = None,
    replace: Replace | None = None,
    status: Path | None = None,
) -> None:
    """Filter until cancelled; then finish the pages in progress and close everything.

    With a *front* door, only what that hands over is filtered; without one, clients come by themselves.

    Apps that refuse our certificate are written down in the file *status*; *scan* weighs what is said over WebSockets,
    by the phrases in force if it is None.

    *replace* is awaited when the worker's life is over (`life`); whoever is asked cancels this one.

    *ready* is told the addresses that were bound, once a request would be decided. The caller runs *recorder* for
    longer than this. Raises OSError if an address is
    taken or a file cannot be read.
    """
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(bound("proxy.listen", text)) for text in settings.listen]
        bundle = stack.enter_context(trusted(settings.upstream_ca))
        live = Live(files)
        live.refresh()
        worker = Worker(settings, live, recorder, bundle, scan, front=front)
        stack.enter_context(library_words.own_pages())
        stack.enter_context(heads.bounded())
        stack.enter_context(interim.left_out())
        stack.enter_context(messages.bounded())
        stack.enter_context(going_away.heeded())
        stack.enter_context(backlog.bounded())
        stack.enter_context(cut.looked_at())
        stack.enter_context(held.holding())
        stack.enter_context(hooks.by_table(worker.hooks))
        stack.enter_context(library_speed.gained())
        stack.enter_context(library_words.own_log(worker.count_inner_error))
        endpoints = {numbered("proxy", place): s.getsockname()[:2] for place, s in enumerate(sockets)}
        if metrics:
            served = serve_metrics(worker.registry(), metrics)
            worker.metrics_end = functools.cache(served)  # once: here, or when a successor needs the port
            stack.callback(worker.metrics_end)
            endpoints["metrics"] = served.address
        log.info("Proxy worker %d listens on %s.", instance, ", ".join(settings.listen))
        await worker.run(sockets, lambda: ready(endpoints), replace, status)


class Worker:
    """The parts of a worker, put together."""

    def __init__(
        self,
        settings: ProxySettings,
        live: Live,
        recorder: Recorder,
        bundle: str,
        scan: sockets.Scan | None = None,
        *,
        front: Front | None = None,
    ) -> None:
        inner = endpoint(settings.inner_dns)
        if inner is None:
            raise ValueError(f"proxy.inner_dns: {settings.inner_dns!r} is no address and port")
        self._settings, self._live, self._front = settings, live, front
        self._counters = Counters()
        self._judge = Judge(live, recorder, self._counters)
        self._resolver = Resolver(inner, Reach(settings.reachable_private))
        self._phrases = PhraseBook(live.files.phrases)
        self._filter = Filter(
            self._judge,
            self._resolver,
            settings,
            self._counters,
            scan or self._phrases.said,
            phrases=self._phrases,
            behind_door=front is not None,
        )
        self._distrusting = Distrusting(live, self._filter.is_secret)
        self._upstream = UpstreamProxy(settings.upstream, settings.upstream_credentials)
        self._resolver.upstream = endpoint(settings.upstream.removeprefix("http://"))
        self._proxy = Proxyserver()  # type: ignore[no-untyped-call]
        self._running, self._ready = asyncio.Event(), asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self.metrics_end: Callable[[], None] = lambda: None
        self._asked = float("-inf")
        self._master = self._make_master(bundle)
        self.hooks = hooks.Table(self._master.addons)

    def _make_master(self, bundle: str) -> master.Master:
        made = master.Master(options.Options())
        made._legacy_log_events.uninstall()  # noqa: SLF001 - it would turn each log line into an event
        leaves = Leaves(Path(self._settings.signer))
        certificates = Certificates(leaves, self._counters, self._filter.refuses, self._filter.is_secret)
        made.addons.add(
            self._proxy, Layers(self._counters), certificates, self._distrusting, self._filter, self._upstream, self
        )  # type: ignore[no-untyped-call]
        made.options.update(  # type: ignore[no-untyped-call]
            server=False,
            rawtcp=False,
            http3=False,
            connection_strategy="lazy",
            stream_large_bodies="1m",
            upstream_cert=False,
            ssl_insecure=False,
            ssl_verify_upstream_trusted_ca=bundle,
            tls_version_client_min="TLS1_2",
            tls_version_server_min="TLS1_2",
            ciphers_client=CIPHERS,
            ciphers_server=TO_SERVERS,
        )
        return made

    def running(self) -> None:
        """Note that mitmproxy is up (its hook)."""
        self._running.set()

    def count_inner_error(self) -> None:
        """Count an error that mitmproxy logged."""
        self._counters.inner_errors += 1

    def registry(self) -> CollectorRegistry:
        """The worker's metrics."""
        made = CollectorRegistry()
        made.register(process_collector(self._live, self._judge.recorder))
        holds = self._filter.pages.holds
        made.register(Collected(self._counters, lambda: len(self._proxy.connections), lambda: holds.size))
        return made

    async def run(
        self,
        sockets: list[socket.socket],
        ready: Callable[[], None],
        replace: Replace | None = None,
        status: Path | None = None,
    ) -> None:
        """Serve on *sockets* until cancelled."""
        loop = asyncio.get_running_loop()
        async with await open_sink() as sink, asyncio.TaskGroup() as tasks:
            self._resolver.sink = sink.sockets[0].getsockname()[:2]
            self._resolver.own_ports = {s.getsockname()[1] for s in (*sockets, *sink.sockets)}
            self._resolver.own_ports |= self._front.ports if self._front else set()
            kept = [tasks.create_task(self._keep_fresh()), tasks.create_task(self._end_overdue())]
            kept.append(tasks.create_task(signer_watch.keep(Path(self._settings.signer), self._counters)))
            kept += [tasks.create_task(self._distrusting.keep(status))] if status else []
            with installed(self._resolver, loop):
                core = tasks.create_task(self._master.run())  # last: it changes how the loop starts tasks
                try:
                    await self._running.wait()
                    async with self._listening(sockets):
                        await self._ready.wait()
                        _keep_what_is_here()
                        ready()
                        await self._outlive(replace)
                finally:
                    self._master.shutdown()  # type: ignore[no-untyped-call]
                    await core
                    for task in kept:
                        task.cancel()

    @contextlib.asynccontextmanager
    async def _listening(self, sockets: list[socket.socket]) -> AsyncIterator[None]:
        """Accept connections inside the context; at its end, stop, and wait for what is in progress."""
        regular: ServerInstance[Any] = ServerInstance.make(self._upstream.mode, self._proxy)

        async def handled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._writers.add(writer)
            try:
                if theirs := await self._client_behind(reader, writer):
                    await regular.handle_stream(reader, theirs)
            finally:
                self._writers.discard(writer)
                writer.close()  # mitmproxy leaves it open when it is told to close while data still comes

        servers = [await _listen(s, handled) for s in sockets]
        try:
            yield
        finally:
            await self._passed_on(sockets)
            rest = [asyncio.create_task(_taken(connection, handled)) for s in sockets for connection in _waiting(s)]
            for server in servers:
                server.close()
            await self._drain()
            await asyncio.gather(*rest, return_exceptions=True)
            for server in servers:
                await server.wait_closed()

    async def _passed_on(self, sockets: list[socket.socket]) -> None:
        """Let the successor have what comes from now on: what comes between our last look and our end would be lost."""
        if self._front and self._is_replaced():
            for each in sockets:
                pass_on(each)
            await asyncio.sleep(_LOOK)  # for what was on its way to us

    def _is_replaced(self) -> bool:
        return time.monotonic() - self._asked < life.EXPECTED

    async def _outlive(self, replace: Replace | None) -> None:
        """Wait for the end; have the worker replaced when its life is over."""
        started = time.monotonic()
        while True:
            await asyncio.sleep(life.EVERY)
            now = time.monotonic()
            why = life.over(self._settings, memory(), now - started) if replace else ""
            if replace and why and now - self._asked >= life.AGAIN:
                self._asked = now
                log.info("Another worker is to take this one's place: %s.", why)
                await asyncio.to_thread(self.metrics_end)
                try:
                    await replace()
                except OSError as error:
                    log.error("No other worker could be started: %s.", error)  # noqa: TRY400 - one sentence

    async def _client_behind(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> asyncio.StreamWriter | None:
        """The connection as its client's; None if it was to be handed over and is not."""
        if self._front is None:
            return writer
        assert isinstance(reader, Rewound)
        theirs = await presented(self._front.gate, reader, writer)
        self._counters.forged += theirs is None
        return theirs

    async def _drain(self) -> None:
        """End idle connections at once, the others when what goes on in them is done or the time is over.

        A worker that was replaced has time, and waits for what it relays too; one that is told to end has not.
        """
        replaced = self._is_replaced()
        seconds = self._settings.handover_seconds if replaced else self._settings.drain_seconds
        goes_on = self._filter.goes_on if replaced else self._filter.answers
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.sleep(_LOOK)  # what was accepted in this turn is no connection of mitmproxy's yet
                while self._writers:
                    self._end(lambda name: not goes_on(name))
                    await asyncio.sleep(_LOOK)
        while self._writers:
            self._end(lambda _: True)
            for writer in self._writers:  # whoever does not read would be waited for
                writer.transport.abort()
            await asyncio.sleep(_LOOK)

    def _end(self, which: Callable[[str], bool]) -> None:
        for name, handler in list(self._proxy.connections.items()):
            transport = handler.transports.get(handler.client)
            if which(str(name)) and transport and transport.handler:
                transport.handler.cancel("the worker ends")

    async def _end_overdue(self) -> None:
        """End each connection that asks for nothing, and each relayed one that the policy no longer permits."""
        while True:
            self._end(self._filter.overdue)
            await self._judge_overdue()
            await asyncio.sleep(_SWEEP)

    async def _judge_overdue(self) -> None:
        """Have each answer that is held for too long judged by what has come of it."""
        for flow in self._filter.pages.holds.overdue():
            if handler := self._proxy.connections.get(flow.client_conn.id):
                await handler.server_event(held.Overdue(flow))

    async def _keep_fresh(self) -> None:
        """Take up each new snapshot and index, and watch the clock."""
        while True:
            with last_good_stays(log):
                self._live.refresh()
                self._judge.clock_ok = self._live.clock_ok()
                await self._phrases.refresh()
            if self._live.ready:
                self._ready.set()
            await asyncio.sleep(REFRESH)


async def _listen(sock: socket.socket, handled: _Handled) -> asyncio.Server:
    """Serve *sock* as asyncio.start_server does, with readers that can give back what was read ahead."""
    loop = asyncio.get_running_loop()

    def protocol() -> asyncio.StreamReaderProtocol:
        return asyncio.StreamReaderProtocol(Rewound(loop=loop), handled, loop=loop)

    return await loop.create_server(protocol, sock=sock, backlog=_BACKLOG)


def _waiting(listener: socket.socket) -> Iterator[socket.socket]:
    """The connections that wait to be accepted: closing *listener* would reset them, and with them a page."""
    while True:
        try:
            yield listener.accept()[0]
        except OSError:
            return


async def _taken(connection: socket.socket, handled: Callable[[Any, Any], Awaitable[None]]) -> None:
    connection.setblocking(False)
    loop = asyncio.get_running_loop()
    reader = Rewound(loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    transport, _ = await loop.connect_accepted_socket(lambda: protocol, connection)
    await handled(reader, asyncio.StreamWriter(transport, protocol, reader, loop))


def _keep_what_is_here() -> None:
    """Spare the collector what stays to the end, such as tables; it would look through it again and again.

    At the end alone that took 0.5 s. What was kept before a reload is looked through again.
    """
    gc.unfreeze()
    gc.freeze()
