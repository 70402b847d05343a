"""What a worker counts, as plain integers, and how Prometheus reads them.

No label holds a host, a client or a person; nothing here is asked on the way of a request.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from proxy_addons.trouble import Trouble

_STATM = Path("/proc/self/statm")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Counters:
    """The counts of one worker since its start."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str]] = Counter()
        self.troubles: Counter[Trouble] = Counter()
        self.connections = 0
        self.strangers = 0
        self.too_many = 0
        self.spliced = 0
        self.opened = 0
        self.closed = 0
        self.sunk = 0
        self.failures = 0
        self.inner_errors = 0
        self.pages_scanned = 0
        self.pages_refused = 0
        self.pages_early = 0


class Collected(Collector):
    """Shows *counters*; *open_connections* and *held* (bytes) are asked when Prometheus asks."""

    def __init__(
        self, counters: Counters, open_connections: Callable[[], int], held: Callable[[], int] = lambda: 0
    ) -> None:
        self._counters, self._open, self._held = counters, open_connections, held

    def collect(self) -> Iterator[Metric]:
        """Every metric of the proxy."""
        yield self._requests()
        yield self._troubles()
        counts = self._counters
        for name, help_text, value in (
            ("connections", "Connections from clients.", counts.connections),
            ("strangers", "Connections closed at once: no configured network, or no policy yet.", counts.strangers),
            ("too_many", "Connections closed at once: their client already had as many as it may.", counts.too_many),
            ("spliced", "Connections relayed unopened.", counts.spliced),
            ("opened", "Connections opened with the school's certificate.", counts.opened),
            ("closed", "Connections closed without a page.", counts.closed),
            ("uploads_sunk", "Refused requests whose body was dropped.", counts.sunk),
            ("pages_scanned", "Answers whose words were read before they were shown.", counts.pages_scanned),
            ("pages_refused", "Answers that were refused for their words.", counts.pages_refused),
            ("pages_early", "Answers judged by their beginning: too large, or too slow.", counts.pages_early),
            ("hook_failures", "Decisions that failed; each was a block.", counts.failures),
            ("inner_errors", "Errors that the proxy library reported.", counts.inner_errors),
        ):
            yield CounterMetricFamily(f"schoolgate_proxy_{name}", help_text, value=value)
        yield GaugeMetricFamily("schoolgate_proxy_open_connections", "Connections now.", value=self._open())
        yield GaugeMetricFamily(
            "schoolgate_proxy_held_bytes", "Answers held until they are judged.", value=self._held()
        )
        yield GaugeMetricFamily("schoolgate_proxy_memory_bytes", "Resident memory of the worker.", value=memory())

    def _requests(self) -> Metric:
        family = CounterMetricFamily("schoolgate_proxy_requests", "Requests judged.", labels=["profile", "verdict"])
        for (profile, verdict), count in self._counters.requests.items():
            family.add_metric([profile, verdict], count)
        return family

    def _troubles(self) -> Metric:
        family = CounterMetricFamily(
            "schoolgate_proxy_troubles", "Pages that could not be had, by what was wrong.", labels=["trouble"]
        )
        for trouble in Trouble:
            family.add_metric([trouble.name.lower()], self._counters.troubles[trouble])
        return family


def memory() -> int:
    """The resident memory of this process in bytes."""
    return int(_STATM.read_text().split()[1]) * _PAGE
