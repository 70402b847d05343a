"""How old the sealed lists are, for Prometheus and the log: a list that nobody renews closes less each day.

Reporting has no key of theirs and reads no hash; names and times stand in the marker (`blocklists.sealed_marker`).
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from blocklists import sealed_marker, snapshot
from blocklists.live import Files
from blocklists.sealed_marker import Loaded

log = logging.getLogger("schoolgate.reporting")

PAUSE = 3600.0
"""Seconds between two lines of the log about the same trouble."""
HOUR_NS = 3_600_000_000_000
LOOK = 60.0
"""Seconds between two looks: a list that was renewed is well again within a minute."""


class SealedWatch(Collector):
    """The sealed lists of *files*; *now_ns* gives UTC nanoseconds."""

    def __init__(self, files: Files, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._files, self._now_ns = files, now_ns
        self._said = -PAUSE

    def collect(self) -> Iterator[Metric]:
        """The age of each list, and how many want renewing."""
        ages = GaugeMetricFamily(
            "schoolgate_sealed_age_seconds", "Seconds since a sealed list was imported.", labels=["list"]
        )
        for name, one in self._loaded().items():
            ages.add_metric([name], max(0, self._now_ns() - one.imported_ns) / 1e9)
        yield ages
        says = "Sealed lists that are missing or were imported more than 24 hours ago."
        yield GaugeMetricFamily("schoolgate_sealed_stale", says, value=len(list(self.troubles())))

    def troubles(self) -> Iterator[str]:
        """A sentence for each list that wants renewing, or for what keeps that from being known."""
        yield from sealed_marker.missing(self._files)
        now = self._now_ns()
        for name, one in self._loaded().items():
            if one.is_stale(now):
                age = f"{(now - one.imported_ns) // HOUR_NS} hours old" if one.imported_ns else "of unknown age"
                yield f"the sealed list {name} is {age}; import it again: {sealed_marker.AGAIN}"

    def _loaded(self) -> dict[str, Loaded]:
        try:
            return sealed_marker.read(self._files)
        except (OSError, snapshot.SnapshotError):  # `missing` says so
            return {}

    def say(self, monotonic: float) -> None:
        """Say in the log what is wrong, unless something was said within the last hour; *monotonic* is in seconds."""
        if monotonic - self._said < PAUSE:
            return
        for sentence in self.troubles():
            log.error("%s.", sentence[0].upper() + sentence[1:])
            self._said = monotonic

    async def run(self) -> None:
        """Say it for as long as it is so."""
        while True:
            self.say(time.monotonic())
            await asyncio.sleep(LOOK)
