"""What the process at the closed address counts, and how Prometheus reads it: how much, never who or what."""

from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from reporting.metric_rows import by_label, counters


class Counts:
    """The counts since the start."""

    def __init__(self) -> None:
        self.connections = 0
        self.strangers = 0
        self.too_many = 0
        self.unfinished = 0
        self.uncertified = 0
        self.failures = 0


class Collected(Collector):
    """Shows *counts*, and *pages* by profile and what they said."""

    def __init__(self, counts: Counts, pages: Counter[tuple[str, str]]) -> None:
        self._counts, self._pages = counts, pages

    def collect(self) -> Iterator[Metric]:
        """Every metric of the closed address."""
        yield by_label("schoolgate_closed_pages", "Pages shown.", ("profile", "page"), self._pages)
        counts = self._counts
        rows = (
            ("connections", "Connections let in.", counts.connections),
            ("strangers", "Connections closed at once: no configured network, or no policy yet.", counts.strangers),
            ("too_many", "Connections closed at once: there were as many as there may be.", counts.too_many),
            ("unfinished", "Connections that ended, or took too long, before they had a page.", counts.unfinished),
            ("uncertified", "Connections closed because there was no certificate.", counts.uncertified),
            ("failures", "Pages that failed; the connection was closed.", counts.failures),
        )
        yield from counters("schoolgate_closed", rows)
