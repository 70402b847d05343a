"""The DNS process: sockets, snapshots and journal put together, until it is cancelled.

Everything that runs is owned by one task group. Sockets are bound first and answer SERVFAIL until the first policy
and index are read; ready is said when a question would be decided. Where there is a worker already it goes on
answering until then (`dns_filter.standing`).
"""

import asyncio
import contextlib
import logging
import math
import resource
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import msgspec
from prometheus_client.registry import Collector

from blocklists.live import Files, Live
from dns_filter import tcp
from dns_filter.doors import Door
from dns_filter.floods import Floods
from dns_filter.known import Known
from dns_filter.local import Local
from dns_filter.lookups import Lookups
from dns_filter.metrics import DnsCollector, Figures
from dns_filter.reasons import Words
from dns_filter.rebinding import Rebinding
from dns_filter.rehearsal import rehearse
from dns_filter.resolver import Resolver
from dns_filter.settings import DnsSettings, packed
from dns_filter.standing import Opened, Page, Port, Standing
from dns_filter.told import Tell
from dns_filter.unchanged import Unchanged
from dns_filter.upstream import AT_ONCE, Upstreams, trust
from reporting.helplines import Helplines
from reporting.metrics import process_collector
from reporting.recorder import Recorder
from reporting.visits import Visits

log = logging.getLogger("schoolgate.dns")

LOOK = 0.05
"""Seconds between two looks at the snapshots; with its rehearsal (`dns_filter.rehearsal`) a change takes 150 ms."""
CLOCK = 0.2
"""Seconds between two looks at whether the clock can be believed, for which every journal is looked at."""
CLOCK_STEP = 1_000_000_000
"""Nanoseconds by which wall clock and monotonic clock may part between two looks; more, and verdicts are forgotten."""
PARTING = 1.0
"""Seconds, besides those of upstream, in which what is under way is answered when others follow."""
FILES = 4096
"""Files that a worker asks to be allowed, sockets among them: it is given 1,024 by itself."""
SPARE = 100
"""Files besides connections and questions: index, journal, ports, pages of metrics."""

type Ready = Callable[[dict[str, tuple[str, int]]], None]


class More(msgspec.Struct, frozen=True):
    """What only the highest room knows: whether named visits are kept (G15), and who is told of permitted answers.

    *helplines* counts who turned to help services, and outlives settings.
    """

    visits: bool = False
    tell: Tell | None = None
    helplines: Helplines | None = None


NOTHING_MORE = More()


async def serve(
    settings: DnsSettings,
    files: Files,
    recorder: Recorder,
    *,
    instance: int,
    metrics: tuple[str, int] | None,
    ready: Ready,
    more: More = NOTHING_MORE,
    standing: Standing | None = None,
) -> None:
    """Answer until cancelled; OSError if an address cannot be bound.

    With *standing*, whoever serves with it already is followed without a question lost, and is to be cancelled then.

    *ready* gets the bound addresses by name ("dns", "dns.1" ..., "inner", "metrics") once a question would be decided.
    The recorder is the caller's to run and its journal the caller's to close.
    """
    log.debug("DNS worker %d begins.", instance)
    standing = standing or Standing()
    try:
        with standing.short_turns():
            async with asyncio.TaskGroup() as tasks:
                server = _Server(settings, files, recorder, tasks, more=more, standing=standing)
                try:
                    await server.open(metrics)
                    await server.watch(ready)
                finally:
                    await server.close()
    except ExceptionGroup as errors:
        if isinstance(first := errors.exceptions[0], OSError):
            raise first from None
        raise


class _Server:
    """One worker: what it has opened, and the state that it follows."""

    def __init__(
        self,
        settings: DnsSettings,
        files: Files,
        recorder: Recorder,
        tasks: asyncio.TaskGroup,
        *,
        more: More,
        standing: Standing,
    ) -> None:
        self.live = Live(files)
        self._settings, self._recorder, self._tasks, self._standing = settings, recorder, tasks, standing
        self._under_way: set[asyncio.Task[Any]] = set()
        listeners = len(settings.listen) + bool(settings.inner)
        self._upstreams = _upstreams_of(settings, _questions_at_once(listeners))
        self._figures = Figures()
        own = (*settings.own_addresses, settings.closed_address_v4, settings.closed_address_v6)
        self._rebinding = Rebinding(settings.own_zones, filter(None, own))
        self._resolver = Resolver(
            lookups=self._lookups(),
            local=Local(settings.hosts, settings.own_addresses, elsewhere=settings.own_zones),
            recorder=recorder,
            room=settings.finished_mb << 20,
            closed=(packed(settings.closed_address_v4), packed(settings.closed_address_v6)),
            figures=self._figures,
            now_ns=time.time_ns,
            monotonic=time.monotonic,
            words=Words(settings.organisation, settings.contact),
        )
        self._visits = Visits(recorder.visit, kept=more.visits, helplines=more.helplines)
        self._resolver.permitting.tell = more.tell
        self._resolver.school.visited = self._visited
        self._resolver.school.floods = Floods(settings.client_rate, settings.client_burst)
        self._own = Opened()
        self._metrics: tuple[str, int] | None = None
        self._apart = time.time_ns() - time.monotonic_ns()
        self._clock_read, self._clock_ok = -math.inf, False

    def _lookups(self) -> Lookups:
        known = self._standing.known_to(self._settings)
        return Lookups(
            known=known or Known(self._settings.cache_mb << 20, self._settings.stale_seconds),
            ask=self._upstreams.ask,
            spawn=self._spawn,
            rebinding=self._rebinding,
            figures=self._figures,
            monotonic=time.monotonic,
        )

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        task = self._tasks.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task

    @property
    def _places(self) -> Iterator[tuple[tuple[str, str], Door]]:
        """(name and address, whom it answers) of each port that is wanted."""
        for place, text in enumerate(self._settings.listen):
            yield (f"dns.{place}" if place else "dns", text), self._resolver.school
        if self._settings.inner:
            yield ("inner", self._settings.inner), self._resolver.inner

    async def open(self, metrics: tuple[str, int] | None) -> None:
        """Bind everything that is not open yet; from here on the ports answer."""
        self._metrics = metrics
        for place, door in self._places:
            if place not in self._standing.ports and place not in self._own.ports:
                self._own.ports[place] = await Port.opened(place[1], door, self._resolver, self._spawn)
        if metrics and metrics not in self._standing.pages and metrics not in self._own.pages:
            self._own.pages[metrics] = Page(metrics, *self._collectors())

    def _collectors(self) -> tuple[Collector, ...]:
        doors = (self._resolver.school, self._resolver.inner)
        return (
            process_collector(self.live, self._recorder),
            DnsCollector(self._figures, doors, self._upstreams.all),
        )

    async def _follow(self) -> dict[str, tuple[str, int]]:
        """Answer from now on in the place of whoever did; returns what is open where."""
        standing = self._standing
        if standing.school is not None and standing.known_to(self._settings) is not None:
            await self._rehearse(standing.school, self._resolver.school)
        await self.open(self._metrics)  # again, should the one before have ended meanwhile
        standing.take(self._own)
        standing.owner, wanted = self, dict(self._places)
        others = standing.without(wanted, (self._metrics,) if self._metrics else ())
        for place, door in wanted.items():
            standing.ports[place].answer_by(door, self._resolver, self._spawn)
        for page in standing.pages.values():
            page.show(*self._collectors())
        standing.remember(self._settings, self._resolver.lookups.known, self._resolver.school)
        await others.close()
        endpoints = {name: standing.ports[name, text].address for name, text in wanted}
        return endpoints | ({"metrics": standing.pages[self._metrics].address} if self._metrics else {})

    async def watch(self, ready: Ready) -> None:
        """Follow the snapshots and the clock, forever; call *ready* once."""
        said = False
        while True:
            clock_ok = await self._look()
            await self._renew(clock_ok=clock_ok)
            self._watch_clock()
            with self._counted("What was counted could not be taken down."):
                await self._look_at_seats()
            if not said and self.live.ready:
                said = True
                ready(await self._follow())
            await asyncio.sleep(LOOK)

    async def _renew(self, *, clock_ok: bool) -> None:
        """Decide by what was read from now on; by a new policy as soon as what is popular is decided anew."""
        policy, clients, version = self.live.policy, self.live.clients, self.live.version
        new, school = None, self._resolver.school
        if policy and clients and school.policy and self._resolver.differs(policy, clock_ok=clock_ok):
            new = self._resolver.rehearsed(policy, clients, clock_ok=clock_ok)
            await self._rehearse(school, new, Unchanged(school, new))
        if clients is not None and clients is not school.clients:
            self._rebinding.renew(clients.networks)
        self._resolver.renew(policy, clients, version, clock_ok=clock_ok)
        if new is not None:
            school.adopt(new)

    async def _rehearse(self, old: Door, new: Door, unchanged: Unchanged | None = None) -> None:
        with self._counted("What is new could not be rehearsed; it is in force all the same."):
            for _ in rehearse(self._resolver, old, new, time.monotonic, unchanged):
                await asyncio.sleep(0)

    @contextlib.contextmanager
    def _counted(self, says: str) -> Iterator[None]:
        """Count an error of ours and say so, instead of ending every listener with it."""
        try:
            yield
        except Exception:
            self._figures.failures += 1
            log.exception(says)

    async def _look(self) -> bool:
        """Read what was replaced, off the event loop; whether the clock can be believed. Never raises."""
        try:
            return await asyncio.to_thread(self._read)
        except Exception:
            self._figures.failures += 1
            log.exception("The snapshots could not be read; the last good ones stay in force.")
            return False

    def _read(self) -> bool:
        self.live.refresh()
        if (now := time.monotonic()) - self._clock_read >= CLOCK:
            self._clock_read, self._clock_ok = now, self.live.clock_ok()
        return self._clock_ok

    def _visited(self, address: str, sites: list[str], at_ns: int) -> None:
        clients = self._resolver.school.clients
        if clients is not None and (client := clients.of(address)) is not None:
            self._visits.add(client, sites, at_ns)

    async def _look_at_seats(self) -> None:
        """Take what was counted on the hit path, and write the visits of a minute that is over."""
        for door in (self._resolver.school, self._resolver.inner):
            for _ in door.look(time.time_ns(), time.monotonic()):
                await asyncio.sleep(0)
        self._visits.sweep(time.time_ns())

    def _watch_clock(self) -> None:
        apart = time.time_ns() - time.monotonic_ns()
        if abs(apart - self._apart) > CLOCK_STEP:
            log.warning("The clock was set; everything is decided anew.")
            self._resolver.school.empty()
        self._apart = apart

    async def close(self) -> None:
        """Give every port back, or leave it to who follows; what was visited is on record then."""
        try:
            await self._own.close()
            if self._standing.owner is self:
                self._standing.owner = None
                await self._standing.close()
            elif self._under_way:
                await asyncio.wait(self._under_way, timeout=self._settings.upstream_timeout + PARTING)
        finally:
            await self._upstreams.close()
            self._resolver.school.remap()
            self._visits.flush()


def _upstreams_of(settings: DnsSettings, at_once: int) -> Upstreams:
    """The resolvers that *settings* name; authorities are read only where one is asked over TLS, as they take 2 MB."""
    places, forwarded = settings.places, settings.forwarded
    tls = any(place.tls for own in (places, *forwarded.values()) for place in own)
    return Upstreams(
        places,
        settings.upstream_timeout,
        at_once,
        forward=forwarded,
        trust=trust(settings.upstream_ca) if tls else None,
    )


def _questions_at_once(listeners: int) -> int:
    """How many questions may be under way, with a socket each, beside the connections of *listeners*.

    Asks for as many files as that takes, and makes do with what is allowed.
    """
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = max(allowed, min(FILES, most))
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, most))
    return max(SPARE, min(AT_ONCE, files - listeners * tcp.CONNECTIONS - SPARE))
