"""How often and how much reporting writes to the disk: an SD card bears so many writes and no more.

A transaction that holds something grave, or what people did, is on the disk when it ends (`synchronous` FULL); all
others, which can be read from the journals again, are written without waiting for the disk (NORMAL).
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

MINUTE = 60.0
_IO = Path("/proc/self/io")


class Wear(Collector):
    """Counts transactions; *monotonic* is in seconds."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        """None has been written."""
        self._monotonic = monotonic
        self.full = self.normal = 0
        self._began = monotonic()
        self._in_this = self._in_last = 0

    def count(self, *, durable: bool) -> None:
        """Count one transaction."""
        self._turn()
        self._in_this += 1
        if durable:
            self.full += 1
        else:
            self.normal += 1

    @property
    def a_minute(self) -> int:
        """Transactions in the last whole minute."""
        self._turn()
        return self._in_last

    def _turn(self) -> None:
        minutes = int((self._monotonic() - self._began) // MINUTE)
        if minutes:
            self._in_last = self._in_this if minutes == 1 else 0
            self._in_this = 0
            self._began += minutes * MINUTE

    def collect(self) -> Iterator[Metric]:
        """Transactions by how they are written, those of the last minute, and bytes."""
        says = "Transactions written to the database."
        written = CounterMetricFamily("schoolgate_reporting_writes", says, labels=["synchronous"])
        written.add_metric(["full"], self.full)
        written.add_metric(["normal"], self.normal)
        yield written
        says = "Transactions written in the last whole minute."
        yield GaugeMetricFamily("schoolgate_reporting_writes_per_minute", says, value=self.a_minute)
        says = "Bytes that this process has had written to disks."
        yield CounterMetricFamily("schoolgate_reporting_written_bytes", says, value=written_bytes())


def written_bytes() -> int:
    """What the kernel has written for this process so far; 0 where it does not say."""
    with contextlib.suppress(OSError, ValueError):
        for line in _IO.read_text(encoding="ascii").splitlines():
            if line.startswith("write_bytes:"):
                return int(line.split()[1])
    return 0
