"""What of a worker goes on when its settings change: its ports, its page of metrics, and what it remembers.

The work of the new settings begins beside that of the old ones. Once it would decide a question, it answers at the
ports that are in both, from one packet to the next: what waits there is answered by it, connections stay, and what is
under way the old ones finish. Only then they end.
"""

import contextlib
import sys
from collections.abc import Container, Iterator
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.registry import Collector

from dns_filter import bound, tcp, udp
from dns_filter.doors import Door
from dns_filter.known import Known
from dns_filter.resolver import Resolver
from dns_filter.settings import DnsSettings, endpoint
from dns_filter.udp import Spawn
from reporting.metrics import serve_metrics

TURN = 0.0002
"""Seconds for which a thread that reads snapshots may keep the interpreter while questions come in. Python's own 5 ms
are as long as all of an answer may take."""

_NOT_REMEMBERED: dict[str, Any] = {
    "listen": (),
    "inner": "",
    "upstream_timeout": 0.0,
    "organisation": "",
    "contact": (),
    "client_rate": 0,
    "client_burst": 0,
    "finished_mb": 0,
}
"""Settings of which nothing is in what a worker remembers of upstream."""


class Port:
    """One address of a worker, by UDP and TCP."""

    def __init__(self, by_udp: udp.Listener, by_tcp: tcp.Listener, address: tuple[str, int]) -> None:
        """Hold the two listeners at *address*."""
        self._by_udp, self._by_tcp, self.address = by_udp, by_tcp, address

    @classmethod
    async def opened(cls, text: str, door: Door, resolver: Resolver, spawn: Spawn) -> "Port":
        """A port at the address *text* that answers from now on; OSError if it cannot be had."""
        host, wanted = endpoint(text)
        try:
            datagrams, streams = bound.alike(host, wanted)
        except OSError as error:
            raise OSError(error.errno, f"cannot listen at {text}: {error.strerror}") from error
        by_udp, by_tcp = udp.Listener(datagrams, door, resolver, spawn=spawn), tcp.Listener(door, resolver)
        await by_tcp.start(streams)
        by_udp.start()
        return cls(by_udp, by_tcp, datagrams.getsockname()[:2])

    def answer_by(self, door: Door, resolver: Resolver, spawn: Spawn) -> None:
        """Answer by these from the next question on."""
        self._by_udp.answer_by(door, resolver, spawn)
        self._by_tcp.answer_by(door, resolver)

    async def close(self) -> None:
        """Answer what has come, as far as that is at hand, and give the port back; connections end."""
        self._by_udp.close()
        await self._by_tcp.close()


class Page(Collector):
    """The page of metrics at one address."""

    def __init__(self, address: tuple[str, int], *shown: Collector) -> None:
        """Show the metrics of *shown*; OSError if the address cannot be had."""
        self._shown = shown
        registry = CollectorRegistry()
        registry.register(self)
        self._served = serve_metrics(registry, address)
        self.address = self._served.address

    def show(self, *shown: Collector) -> None:
        """Show these from now on."""
        self._shown = shown

    def collect(self) -> Iterator[Metric]:
        """Every metric that is shown."""
        for collector in self._shown:
            yield from collector.collect()

    def close(self) -> None:
        """Show nothing more."""
        self._served()


class Opened:
    """What is open: ports by what they are called and their address as it is set, pages by their address."""

    def __init__(self) -> None:
        """Nothing is open."""
        self.ports: dict[tuple[str, str], Port] = {}
        self.pages: dict[tuple[str, int], Page] = {}

    def take(self, other: "Opened") -> None:
        """Have what *other* has, which has nothing from then on."""
        self.ports, other.ports = self.ports | other.ports, {}
        self.pages, other.pages = self.pages | other.pages, {}

    def without(self, ports: Container[tuple[str, str]], pages: Container[tuple[str, int]]) -> "Opened":
        """Keep these *ports* and *pages*; returns the others."""
        others = Opened()
        others.ports = {key: self.ports.pop(key) for key in list(self.ports) if key not in ports}
        others.pages = {key: self.pages.pop(key) for key in list(self.pages) if key not in pages}
        return others

    async def close(self) -> None:
        """Give everything back."""
        ports, pages = list(self.ports.values()), list(self.pages.values())
        self.ports.clear()
        self.pages.clear()
        for page in pages:
            page.close()
        for port in ports:
            await port.close()


class Standing(Opened):
    """What one set of settings after the other has; *owner* is whose it is, *school* that one's door."""

    def __init__(self) -> None:
        """Nothing is open, and nobody's."""
        super().__init__()
        self.owner: object = None
        self.school: Door | None = None
        self._remembered: tuple[DnsSettings, Known] | None = None
        self._at_work, self._before = 0, 0.0

    def known_to(self, settings: DnsSettings) -> Known | None:
        """What was remembered of upstream, where other *settings* would remember the same."""
        if self._remembered is None or self._remembered[0] != _without_others(settings):
            return None
        return self._remembered[1]

    def remember(self, settings: DnsSettings, known: Known, school: Door) -> None:
        """Keep what is remembered by *settings*, for those that come after them."""
        self._remembered, self.school = (_without_others(settings), known), school

    @contextlib.contextmanager
    def short_turns(self) -> Iterator[None]:
        """Let no thread keep the interpreter for long while anybody is inside."""
        if not self._at_work:
            self._before = sys.getswitchinterval()
            sys.setswitchinterval(TURN)
        self._at_work += 1
        try:
            yield
        finally:
            self._at_work -= 1
            if not self._at_work:
                sys.setswitchinterval(self._before)


def _without_others(settings: DnsSettings) -> DnsSettings:
    return msgspec.structs.replace(settings, **_NOT_REMEMBERED)
