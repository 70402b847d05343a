"""What the front door counts, as plain integers, and how Prometheus reads them; no label says who or where."""

from collections.abc import Callable, Iterator

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from reporting.metric_rows import counters, gauges


class PeekCounters:
    """The counts of one front door since its start."""

    def __init__(self) -> None:
        self.connections = 0
        self.strangers = 0
        self.too_many = 0
        self.spliced = 0
        self.handed_over = 0
        self.refused = 0
        self.unread = 0
        self.late = 0
        self.broken = 0
        self.no_worker = 0
        self.unreachable = 0
        self.failures = 0


class PeekCollected(Collector):
    """Shows *counts*; *open_connections* is asked when Prometheus asks."""

    def __init__(self, counts: PeekCounters, open_connections: Callable[[], int], memory: Callable[[], int]) -> None:
        self._counts, self._open, self._memory = counts, open_connections, memory

    def collect(self) -> Iterator[Metric]:
        """Every metric of the front door."""
        counts = self._counts
        rows = (
            ("connections", "Connections that came to the front door.", counts.connections),
            (
                "strangers",
                "Connections closed at the front door: no configured network, or no policy.",
                counts.strangers,
            ),
            ("too_many", "Connections closed at the front door: their client had as many as it may.", counts.too_many),
            ("spliced", "Connections relayed to the server unopened.", counts.spliced),
            ("handed_over", "Connections handed to a worker.", counts.handed_over),
            (
                "refused",
                "Connections ended with a TLS alert or closed, because of whom they asked for.",
                counts.refused,
            ),
            ("unread", "Connections whose inside cannot be known, whatever became of them.", counts.unread),
            ("late", "Connections closed because the client did not say in time what it wants.", counts.late),
            ("broken", "Connections closed because what the client said cannot be read.", counts.broken),
            ("no_worker", "Connections closed because no worker took them.", counts.no_worker),
            ("unreachable", "Permitted connections whose server was not found or did not answer.", counts.unreachable),
            ("failures", "Connections closed because something went wrong here.", counts.failures),
        )
        yield from counters("schoolgate_peek", rows)
        now = (
            ("open_connections", "Connections at the front door now.", self._open()),
            ("memory_bytes", "Resident memory of the front door.", self._memory()),
        )
        yield from gauges("schoolgate_peek", now)
