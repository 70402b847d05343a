"""A proxy worker: our own mitmproxy master with our own addons and sockets, from its start to its end.

Several workers share one address (SO_REUSEPORT). mitmproxy opens no socket of its own, so an address that is taken is
an error here and not a line in its log.
"""

import asyncio
import contextlib
import functools
import gc
import logging
import socket
from collections.abc import Callable
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
    messages,
    signer_watch,
    sockets,
)
from proxy_addons.addresses import Reach
from proxy_addons.bound import bound, numbered
from proxy_addons.certificates import CIPHERS, TO_SERVERS, Certificates, trusted
from proxy_addons.counters import Collected, Counters
from proxy_addons.distrusting import Distrusting
from proxy_addons.ending import Ending
from proxy_addons.filter import Filter
from proxy_addons.fresh import REFRESH, last_good_stays
from proxy_addons.handed_over import Front
from proxy_addons.judge import Judge
from proxy_addons.layers import Layers
from proxy_addons.leaves import Leaves
from proxy_addons.listening import Listening
from proxy_addons.phrase_book import PhraseBook
from proxy_addons.replacing import Replace, Replacing
from proxy_addons.resolve import Resolver, installed
from proxy_addons.settings import ProxySettings, endpoint
from proxy_addons.sink import open_sink
from proxy_addons.upstream_proxy import UpstreamProxy
from reporting.metrics import process_collector, serve_metrics
from reporting.recorder import Recorder

log = logging.getLogger("schoolgate.proxy")

type Ready = Callable[[dict[str, tuple[str, int]]], None]


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
        self._distrusting = Distrusting(live, self._filter.tunnels.is_secret)
        self._upstream = UpstreamProxy(settings.upstream, settings.upstream_credentials)
        self._resolver.upstream = endpoint(settings.upstream.removeprefix("http://"))
        self._proxy = Proxyserver()  # type: ignore[no-untyped-call]
        self._running, self._ready = asyncio.Event(), asyncio.Event()
        self.metrics_end: Callable[[], None] = lambda: None
        self._master = self._make_master(bundle)
        self.hooks = hooks.Table(self._master.addons)

    def _make_master(self, bundle: str) -> master.Master:
        made = master.Master(options.Options())
        made._legacy_log_events.uninstall()  # noqa: SLF001 - it would turn each log line into an event
        leaves = Leaves(Path(self._settings.signer))
        certificates = Certificates(
            leaves, self._counters, self._filter.tunnels.refuses, self._filter.tunnels.is_secret
        )
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
        holds = self._filter.answers.pages.holds
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
        ending, replacing = Ending(self._proxy, self._filter, self._settings), Replacing(self._settings, replace)
        async with await open_sink() as sink, asyncio.TaskGroup() as tasks:
            self._resolver.sink = sink.sockets[0].getsockname()[:2]
            self._resolver.own_ports = {s.getsockname()[1] for s in (*sockets, *sink.sockets)}
            self._resolver.own_ports |= self._front.ports if self._front else set()
            kept = [tasks.create_task(self._keep_fresh()), tasks.create_task(ending.end_overdue())]
            kept.append(tasks.create_task(signer_watch.keep(Path(self._settings.signer), self._counters)))
            kept += [tasks.create_task(self._distrusting.keep(status))] if status else []
            with installed(self._resolver, loop):
                core = tasks.create_task(self._master.run())  # last: it changes how the loop starts tasks
                try:
                    await self._running.wait()
                    async with self._listening(sockets, ending, replacing):
                        await self._ready.wait()
                        _keep_what_is_here()
                        ready()
                        await replacing.wait(self.metrics_end)
                finally:
                    self._master.shutdown()  # type: ignore[no-untyped-call]
                    await core
                    for task in kept:
                        task.cancel()

    def _listening(
        self, sockets: list[socket.socket], ending: Ending, replacing: Replacing
    ) -> contextlib.AbstractAsyncContextManager[None]:
        """Accept connections inside the context; at its end, stop, and wait for what is in progress."""
        regular: ServerInstance[Any] = ServerInstance.make(self._upstream.mode, self._proxy)
        listening = Listening(regular.handle_stream, self._front, self._counters)

        async def drain() -> None:
            await ending.drain(listening.writers, replaced=replacing.is_replaced())

        return listening.at(sockets, succeeded=replacing.is_replaced, drain=drain)

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


def _keep_what_is_here() -> None:
    """Spare the collector what stays to the end, such as tables; it would look through it again and again.

    At the end alone that took 0.5 s. What was kept before a reload is looked through again.
    """
    gc.unfreeze()
    gc.freeze()
