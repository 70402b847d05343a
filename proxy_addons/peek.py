"""The front door: it takes each connection, lets the porter say where it goes, and joins the two ends.

Several front doors share one address (SO_REUSEPORT). A connection is a task only until it is known where it leads;
from then on it is two registered sockets. What a policy no longer permits ends here too.
"""

import asyncio
import contextlib
import functools
import itertools
import logging
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator

import msgspec
from prometheus_client import CollectorRegistry

from blocklists.live import Files, Live
from proxy_addons.addresses import Reach
from proxy_addons.arrival import Arrival, TooLongError
from proxy_addons.bound import bound
from proxy_addons.client import client_of
from proxy_addons.doorway import Doorway
from proxy_addons.fresh import REFRESH, last_good_stays
from proxy_addons.judge import Judge, NotReadyError
from proxy_addons.memory import memory
from proxy_addons.peek_counters import PeekCollected, PeekCounters
from proxy_addons.permitted import Permitted
from proxy_addons.porter import Onward, Porter, Way
from proxy_addons.relay import Relay
from proxy_addons.resolve import Resolver
from proxy_addons.settings import PeekSettings, ProxySettings, endpoint
from proxy_addons.visited import Visited
from proxy_addons.watch import Watch
from proxy_addons.workers import NoWorkerError, Workers
from reporting.helplines import Helplines
from reporting.metrics import process_collector, serve_metrics
from reporting.recorder import Recorder
from reporting.seldom import Seldom

log = logging.getLogger("schoolgate.peek")

_SWEEP = 0.5
"""Seconds between two looks for connections that are to end."""
_LOOK = 0.1
"""Seconds between two looks at what still moves while ending."""
_AT_ONCE = 64
"""Connections taken in one turn."""
_BACKLOG = 4096
_SILENT = 1
"""Seconds in which the kernel keeps a client that says nothing; all who come here speak first (tcp(7))."""
_FULL = 1.0
"""Seconds until the next try where the process has no room for one more socket."""
_KEEPALIVE = ((socket.TCP_KEEPIDLE, 300), (socket.TCP_KEEPINTVL, 60), (socket.TCP_KEEPCNT, 5))
"""A client that has vanished is missed within ten minutes (seconds, seconds, tries; tcp(7))."""

type Ready = Callable[[dict[str, tuple[str, int]]], None]


class Setup(msgspec.Struct, frozen=True):
    """What a front door is started with: its settings and the proxy's, the *workers* ("127.0.0.1:8190"), the *key*.

    *helplines* counts who turned to help services (G12), and outlives settings. *visits*: whether named visits are
    kept (G15).
    """

    peek: PeekSettings
    proxy: ProxySettings
    workers: tuple[str, ...]
    key: bytes
    helplines: Helplines | None = None
    visits: bool = False


async def serve(
    setup: Setup,
    files: Files,
    recorder: Recorder,
    *,
    instance: int,
    metrics: tuple[str, int] | None,
    ready: Ready,
) -> None:
    """Serve until cancelled; then let what moves finish, for a while, and close everything.

    *ready* is told the addresses that were bound, once a connection would be decided. Raises OSError if an address is
    taken, ValueError if a setting says none.
    """
    with contextlib.ExitStack() as stack:
        live = Live(files)
        live.refresh()
        peek = Peek(setup, live, recorder)
        stack.callback(peek.close)
        stack.callback(peek.visited.flush)
        if setup.helplines is not None:
            stack.callback(setup.helplines.write)
        doors = [(way, stack.enter_context(bound(key, text))) for key, way, text in peek.ways()]
        endpoints = dict(_named(setup.peek, [door for _, door in doors]))
        if metrics:
            served = serve_metrics(peek.registry(), metrics)
            stack.callback(served)
            endpoints["metrics"] = served.address
        log.info("Front door %d listens on %s.", instance, ", ".join(f"{h}:{p}" for h, p in endpoints.values()))
        await peek.run(doors, lambda: ready(endpoints))


class Peek:
    """The parts of a front door, put together."""

    def __init__(self, setup: Setup, live: Live, recorder: Recorder) -> None:
        inner = endpoint(setup.proxy.inner_dns)
        if inner is None:
            raise ValueError(f"proxy.inner_dns: {setup.proxy.inner_dns!r} is no address and port")
        self._setup, self._live = setup, live
        self._counts, self._no_worker = PeekCounters(), Seldom()
        self._judge = Judge(live, recorder, self._counts, helplines=setup.helplines)
        self._permitted, self._doorway = Permitted(self._judge), Doorway()
        self.visited = Visited(self._judge, kept=setup.visits)
        self._resolver = Resolver(inner, Reach(setup.proxy.reachable_private))
        self._loop = asyncio.get_running_loop()
        self._loop.set_task_factory(asyncio.eager_task_factory)  # most connections have said what they want
        workers = Workers(self._loop, setup.workers, setup.key)
        self._resolver.own_ports = workers.ports
        self._watch = Watch(self._loop)
        self._porter = Porter(
            self._judge,
            self._resolver,
            self._permitted,
            workers,
            self._watch,
            visited=self.visited,
            counts=self._counts,
            ports=frozenset(setup.proxy.ports),
        )
        self._relays: dict[str, Relay] = {}
        self._numbers = itertools.count()
        self._held = 0
        self._coming: set[asyncio.Task[None]] = set()
        self._ended = False
        self._ready = asyncio.Event()

    def close(self) -> None:
        """Watch no socket any more."""
        self._watch.close()

    def ways(self) -> Iterator[tuple[str, Way, str]]:
        """(setting, what happens to what comes there, address) of each place to listen at."""
        porter, peek = self._porter, self._setup.peek
        yield from (("peek.listen", porter.explicit, text) for text in peek.listen)
        yield from (("peek.transparent_http", porter.transparent_http, text) for text in peek.transparent_http)
        yield from (("peek.transparent_tls", porter.transparent_tls, text) for text in peek.transparent_tls)

    def registry(self) -> CollectorRegistry:
        """The front door's metrics."""
        made = CollectorRegistry()
        made.register(process_collector(self._live, self._judge.recorder))
        made.register(PeekCollected(self._counts, lambda: self._held, memory))
        return made

    async def run(self, doors: Iterable[tuple[Way, socket.socket]], ready: Callable[[], None]) -> None:
        """Serve at *doors* until cancelled."""
        doors = tuple(doors)
        self._resolver.own_ports |= {door.getsockname()[1] for _, door in doors}
        async with asyncio.TaskGroup() as tasks:
            kept = [tasks.create_task(self._keep_fresh()), tasks.create_task(self._end_what_is_over())]
            try:
                await self._ready.wait()
                async with self._open(doors):
                    ready()
                    await self._loop.create_future()
            finally:
                for task in kept:
                    task.cancel()

    @contextlib.asynccontextmanager
    async def _open(self, doors: Iterable[tuple[Way, socket.socket]]) -> AsyncIterator[None]:
        """Take connections inside the context; at its end, let what moves finish."""
        async with asyncio.TaskGroup() as arrivals:
            for way, door in doors:
                _keep_alive(door)  # what is taken inherits it
                door.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, _SILENT)
                door.listen(_BACKLOG)
                self._loop.add_reader(door, self._take, door, way, arrivals)
            try:
                yield
            finally:
                self._ended = True
                for _, door in doors:
                    self._loop.remove_reader(door)
                for task in tuple(self._coming):
                    task.cancel()
        await self._drain()

    def _take(self, door: socket.socket, way: Way, arrivals: asyncio.TaskGroup) -> None:
        """Take what waits at *door*."""
        for _ in range(_AT_ONCE):
            try:
                taken, address = door.accept()
            except (BlockingIOError, InterruptedError, ConnectionError):
                return
            except OSError as error:
                log.error("No connection can be taken for a moment: %s.", error.strerror)  # noqa: TRY400 - one sentence
                self._loop.remove_reader(door)
                self._loop.call_later(_FULL, self._take_again, door, way, arrivals)
                return
            self._counts.connections += 1
            taken.setblocking(False)
            if at := self._let_in(taken, address):
                task = arrivals.create_task(self._lead(at, way))
                self._coming.add(task)
                task.add_done_callback(self._coming.discard)

    def _take_again(self, door: socket.socket, way: Way, arrivals: asyncio.TaskGroup) -> None:
        if not self._ended:
            self._loop.add_reader(door, self._take, door, way, arrivals)

    def _let_in(self, taken: socket.socket, address: tuple[str, int]) -> Arrival | None:
        """The arrival, unless nobody of ours makes it or its client holds as many as it may."""
        at = Arrival(self._loop, self._watch, taken, (address[0], address[1]), str(next(self._numbers)))
        who = client_of(self._live.clients, at) if self._live.ready and self._live.clients else None
        if who is None:
            self._counts.strangers += 1
        elif not self._doorway.enter(at.id, who.address):
            self._counts.too_many += 1
        else:
            self._held += 1
            return at
        taken.close()
        return None

    async def _lead(self, at: Arrival, way: Way) -> None:
        """Bring *at* to where it goes; whatever fails is a closed connection."""
        onward = None
        try:
            onward = await way(at)
        except TimeoutError:
            self._counts.late += 1
        except NoWorkerError:
            self._counts.no_worker += 1
            if self._no_worker.due():
                log.error("No worker takes connections: what must be opened stays closed. Does one run?")  # noqa: TRY400 - which connection is nobody's business
        except TooLongError:
            self._counts.broken += 1
        except (OSError, NotReadyError):
            pass  # the client, or the policy that knows it, is gone
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the door stays closed
            self._counts.failures += 1
            log.error("The front door failed with %s; the connection ends.", type(error).__name__)  # noqa: TRY400 - its text may name a host
        finally:
            if onward is None:
                at.close()
                self._left(at.id)
        if onward:
            self._join(at, onward)

    def _join(self, at: Arrival, onward: Onward) -> None:
        relay = Relay(self._watch, at.sock, onward.far, functools.partial(self._left, at.id))
        self._relays[at.id] = relay
        self._doorway.spoken(at.id)
        relay.start(onward.first)
        if self._is_over(at.id):  # something changed while it was being led
            relay.close(broken=True)

    def _left(self, name: str) -> None:
        self._held -= 1
        self._relays.pop(name, None)
        self._permitted.forget(name)
        self._doorway.leave(name)

    async def _end_what_is_over(self) -> None:
        """End what has not come about in time, and each relayed connection that the policy no longer permits."""
        while True:
            await asyncio.sleep(_SWEEP)
            self._watch.end_late()
            self.visited.sweep()
            now = time.monotonic()
            for name, relay in tuple(self._relays.items()):
                if self._is_over(name):
                    relay.close(broken=True)
                relay.end_if_it_stands_still(now)

    def _is_over(self, name: str) -> bool:
        try:
            return self._permitted.outlived(name)
        except Exception as error:  # noqa: BLE001 - what cannot be judged again is not permitted any more
            self._counts.failures += 1
            log.error("A connection could not be judged again (%s); it ends.", type(error).__name__)  # noqa: TRY400 - as above
            return True

    async def _drain(self) -> None:
        """End what stands still at once, and what moves when the time is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._setup.proxy.drain_seconds):
                while self._relays:
                    for relay in tuple(self._relays.values()):
                        if not relay.moved:
                            relay.close()
                        relay.moved = False
                    await asyncio.sleep(_LOOK)
        for relay in tuple(self._relays.values()):
            relay.close(broken=True)

    async def _keep_fresh(self) -> None:
        """Take up each new snapshot and index, and watch the clock."""
        while True:
            with last_good_stays(log):
                self._live.refresh()
                self._judge.clock_ok = self._live.clock_ok()
                if self._setup.helplines is not None:
                    self._setup.helplines.sweep(time.time_ns())
            if self._live.ready:
                self._ready.set()
            await asyncio.sleep(REFRESH)


def _keep_alive(door: socket.socket) -> None:
    door.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in ((socket.TCP_NODELAY, 1), *_KEEPALIVE):
        door.setsockopt(socket.IPPROTO_TCP, option, value)


def _named(peek: PeekSettings, doors: list[socket.socket]) -> Iterator[tuple[str, tuple[str, int]]]:
    """(name, address) of each of *doors*, which are in the order of `Peek.ways`."""
    kinds = [
        ("peek", peek.listen),
        ("transparent-http", peek.transparent_http),
        ("transparent-tls", peek.transparent_tls),
    ]
    names = [f"{kind}-{n + 1}" if n else kind for kind, texts in kinds for n in range(len(texts))]
    for name, door in zip(names, doors, strict=True):
        host, port, *_ = door.getsockname()
        yield name, (host, port)
