"""What every process tells Prometheus; `reporting.metrics_port` is where.

No label holds a host, a client or a person (G28): a scrape says how much, never who.
"""

import threading
from collections.abc import Callable, Collection, Iterator
from typing import Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from reporting.metric_rows import counters, gauges
from reporting.metrics_port import PATIENCE, Port
from reporting.recorder import Recorder

_refused_configurations = 0
_outdated_configuration = False


def config_refused() -> None:
    """Count a configuration that was refused while the old one stays in force."""
    global _refused_configurations, _outdated_configuration  # noqa: PLW0603 - a process has one configuration
    _refused_configurations += 1
    _outdated_configuration = True


def config_accepted() -> None:
    """The newest configuration is no longer one that was refused."""
    global _outdated_configuration  # noqa: PLW0603 - see above
    _outdated_configuration = False


class State(Protocol):
    """What a process knows of its snapshots (`blocklists.live.Live`)."""

    version: int
    refused: int

    @property
    def outdated(self) -> Collection[str]:
        """What is older in force than on the disk."""
        ...  # pragma: no cover - a protocol

    def clock_ok(self) -> bool:
        """Whether the clock can be believed."""
        ...  # pragma: no cover - a protocol


class _Process(Collector):
    def __init__(self, live: State, recorder: Recorder | None) -> None:
        self._live, self._recorder = live, recorder

    def collect(self) -> Iterator[Metric]:
        live = self._live
        yield GaugeMetricFamily("schoolgate_policy_version", "The policy version in force.", value=live.version)
        yield CounterMetricFamily(
            "schoolgate_snapshots_refused", "Snapshots and policy files refused.", value=live.refused
        )
        yield GaugeMetricFamily(
            "schoolgate_snapshots_outdated",
            "Snapshots, policy files and indexes whose newest was refused.",
            value=len(live.outdated),
        )
        yield GaugeMetricFamily(
            "schoolgate_clock_implausible", "1 while the clock is behind.", value=not live.clock_ok()
        )
        yield CounterMetricFamily("schoolgate_config_refused", "Configurations refused.", value=_refused_configurations)
        yield GaugeMetricFamily(
            "schoolgate_config_outdated", "1 while the newest configuration is refused.", value=_outdated_configuration
        )
        if recorder := self._recorder:
            yield from _journal(recorder)


def _journal(recorder: Recorder) -> Iterator[Metric]:
    rows = (
        ("records", "Records written.", recorder.written),
        ("repeats", "Breaches counted onto a run.", recorder.repeats),
        ("floods", "Floods: rows that count what has no row of its own.", recorder.floods),
        ("lost", "Breaches with no room to write, nor to wait for it.", recorder.lost),
        ("visits", "Records of visits written.", recorder.visits),
        ("visits_lost", "Records of visits with no room to write.", recorder.visits_lost),
        ("sync_failures", "Syncs that the disk refused.", recorder.syncing.failures),
    )
    yield from counters("schoolgate_journal", rows)
    now = (
        ("full", "1 while no more room can be reserved.", recorder.journal.full),
        ("waiting", "Breaches that wait in memory for room.", recorder.waiting),
        ("unsynced_bytes", "Bytes that a power cut would lose now.", recorder.syncing.unsynced),
        ("lag_seconds", "For how long the oldest of them have been waiting.", recorder.syncing.lag),
    )
    yield from gauges("schoolgate_journal", now)


def process_collector(live: State, recorder: Recorder | None) -> Collector:
    """The metrics that every process has; without *recorder*, those of a journal are left out."""
    return _Process(live, recorder)


_LOOK = 0.1
"""Seconds between two looks at whether the port is to close: who closes it waits as long, on an event loop."""


class Served:
    """A metrics port that is open; call it to close the port. *address* is where it really listens."""

    def __init__(self, close: Callable[[], None], address: tuple[str, int]) -> None:
        """Remember how to end."""
        self._close, self.address = close, address

    def __call__(self) -> None:
        """Close the port and wait for its thread."""
        self._close()


def serve_metrics(registry: CollectorRegistry, address: tuple[str, int], patience: float = PATIENCE) -> Served:
    """Answer scrapes of *registry* at *address* from a thread; port 0 takes a free one.

    A connection has *patience* seconds. OSError if that cannot be; its text says what and where.
    """
    host, port = address
    try:
        server = Port(registry, address, patience)
    except OSError as error:
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        raise OSError(f"metrics cannot be served at {place}: {error.strerror or error}") from error
    thread = threading.Thread(target=server.serve_forever, args=(_LOOK,), name="metrics", daemon=True)
    thread.start()

    def close() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return Served(close, (host, server.server_address[1]))
