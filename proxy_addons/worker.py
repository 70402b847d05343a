"""A proxy worker: our own mitmproxy master with four addons, our own sockets, and an end that waits for pages.

Several workers share one address (SO_REUSEPORT). mitmproxy opens no socket of its own, so an address that is taken is
an error here and not a line in its log.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

from mitmproxy import master, options
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.proxy.mode_servers import ServerInstance
from prometheus_client import CollectorRegistry

from blocklists.live import Files, Live
from proxy_addons import backlog, heads, interim, library_words, messages
from proxy_addons.addresses import Reach
from proxy_addons.certificates import Certificates, Store, open_store, trusted
from proxy_addons.counters import Collected, Counters
from proxy_addons.filter import Filter
from proxy_addons.judge import Judge
from proxy_addons.layers import Layers
from proxy_addons.resolve import Resolver, installed
from proxy_addons.settings import ProxySettings, endpoint
from proxy_addons.sink import open_sink
from reporting.metrics import process_collector, serve_metrics
from reporting.recorder import Recorder

log = logging.getLogger("schoolgate.proxy")

REFRESH = 0.2
"""Seconds between two looks at the snapshots (five `stat` calls)."""
_LOOK = 0.05
"""Seconds between two looks at what is still open while draining."""
_SWEEP = 0.5
"""Seconds between two looks for connections that are to end."""
_BACKLOG = 1024
"""A class that opens its laptops at once must not meet a full queue."""

type Ready = Callable[[dict[str, tuple[str, int]]], None]


async def serve(
    settings: ProxySettings,
    files: Files,
    recorder: Recorder,
    *,
    instance: int,
    metrics: tuple[str, int] | None,
    ready: Ready,
) -> None:
    """Filter until cancelled; then finish the pages in progress and close everything.

    *ready* is told the addresses that were bound, once a request would be decided. The caller runs *recorder* for
    longer than this. Raises OSError if an address is
    taken or a file cannot be read, ValueError if the certificate and its key do not fit.
    """
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(bound(text)) for text in settings.listen]
        store = open_store(Path(settings.ca_certificate), Path(settings.ca_key))
        bundle = stack.enter_context(trusted(settings.upstream_ca))
        live = Live(files)
        live.refresh()
        worker = Worker(settings, live, recorder, store, bundle)
        stack.enter_context(library_words.own_pages())
        stack.enter_context(heads.bounded())
        stack.enter_context(interim.left_out())
        stack.enter_context(messages.bounded())
        stack.enter_context(backlog.bounded())
        stack.enter_context(library_words.own_log(worker.count_inner_error))
        endpoints = {_numbered("proxy", place): s.getsockname()[:2] for place, s in enumerate(sockets)}
        if metrics:
            served = serve_metrics(worker.registry(), metrics)
            stack.callback(served)
            endpoints["metrics"] = served.address
        log.info("Proxy worker %d listens on %s.", instance, ", ".join(settings.listen))
        await worker.run(sockets, lambda: ready(endpoints))


class Worker:
    """The parts of a worker, put together."""

    def __init__(self, settings: ProxySettings, live: Live, recorder: Recorder, store: Store, bundle: str) -> None:
        inner = endpoint(settings.inner_dns)
        if inner is None:
            raise ValueError(f"proxy.inner_dns: {settings.inner_dns!r} is no address and port")
        self._settings, self._live = settings, live
        self._counters = Counters()
        self._judge = Judge(live, recorder, self._counters)
        self._resolver = Resolver(inner, Reach(settings.reachable_private))
        self._filter = Filter(self._judge, self._resolver, settings, self._counters)
        self._proxy = Proxyserver()  # type: ignore[no-untyped-call]
        self._running, self._ready = asyncio.Event(), asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._master = self._make_master(store, bundle)

    def _make_master(self, store: Store, bundle: str) -> master.Master:
        made = master.Master(options.Options())
        made._legacy_log_events.uninstall()  # noqa: SLF001 - it would turn each log line into an event
        layers, certificates = Layers(self._counters), Certificates(store, self._filter.refuses)
        made.addons.add(self._proxy, layers, certificates, self._filter, self)  # type: ignore[no-untyped-call]
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
        made.register(Collected(self._counters, lambda: len(self._proxy.connections)))
        return made

    async def run(self, sockets: list[socket.socket], ready: Callable[[], None]) -> None:
        """Serve on *sockets* until cancelled."""
        loop = asyncio.get_running_loop()
        async with await open_sink() as sink, asyncio.TaskGroup() as tasks:
            self._resolver.sink = sink.sockets[0].getsockname()[:2]
            self._resolver.own_ports = {s.getsockname()[1] for s in (*sockets, *sink.sockets)}
            kept = [tasks.create_task(self._keep_fresh()), tasks.create_task(self._end_overdue())]
            with installed(self._resolver, loop):
                core = tasks.create_task(self._master.run())  # last: it changes how the loop starts tasks
                try:
                    await self._running.wait()
                    async with self._listening(sockets):
                        await self._ready.wait()
                        ready()
                        await loop.create_future()
                finally:
                    self._master.shutdown()  # type: ignore[no-untyped-call]
                    await core
                    for task in kept:
                        task.cancel()

    @contextlib.asynccontextmanager
    async def _listening(self, sockets: list[socket.socket]) -> AsyncIterator[None]:
        """Accept connections inside the context; at its end, stop, and wait for what is in progress."""
        regular: ServerInstance[Any] = ServerInstance.make("regular", self._proxy)

        async def handled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._writers.add(writer)
            try:
                await regular.handle_stream(reader, writer)
            finally:
                self._writers.discard(writer)
                writer.close()  # mitmproxy leaves it open when it is told to close while data still comes

        servers = [await asyncio.start_server(handled, sock=s, backlog=_BACKLOG) for s in sockets]
        try:
            yield
        finally:
            for server in servers:
                server.close()
            await self._drain()
            for server in servers:
                await server.wait_closed()

    async def _drain(self) -> None:
        """End idle connections at once, those with a page in progress when it is done or the time is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.drain_seconds):
                while self._proxy.connections:
                    self._end(lambda name: not self._filter.in_progress.get(name))
                    await asyncio.sleep(_LOOK)
        while self._proxy.connections:
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
            await asyncio.sleep(_SWEEP)

    async def _keep_fresh(self) -> None:
        """Take up each new snapshot and index, and watch the clock."""
        while True:
            try:
                self._live.refresh()
                self._judge.clock_ok = self._live.clock_ok()
            except Exception as error:  # noqa: BLE001 - the last good policy stays in force
                log.error("The snapshots could not be read (%s); the last good ones stay.", type(error).__name__)  # noqa: TRY400 - its text may be long and says no more
            if self._live.ready:
                self._ready.set()
            await asyncio.sleep(REFRESH)


@contextlib.contextmanager
def bound(text: str) -> Iterator[socket.socket]:
    """A socket bound to the "address:port" *text*, which other workers may bind too; OSError if it is taken.

    It says that it speaks TCP: only then asyncio sends each connection's small writes at once (TCP_NODELAY). Without,
    an answer of two writes waits 40 ms for the client's acknowledgement.
    """
    where = endpoint(text)
    if where is None:
        raise ValueError(f"proxy.listen: {text!r} is no address and port")
    family = socket.AF_INET6 if ":" in where[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            made.bind(where)
        except OSError as error:
            raise OSError(error.errno, f"the proxy cannot listen on {text}: {error.strerror}") from error
        made.setblocking(False)
        yield made


def _numbered(name: str, place: int) -> str:
    return name if place == 0 else f"{name}-{place + 1}"
