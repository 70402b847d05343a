"""What Prometheus is told of the lists that were fetched or imported, read from `state/lists/` at each scrape.

Nothing here raises: what cannot be read counts as failed. A label is the name of a list, never of a host, and
one printable line (G28): the file that has it may hold anything.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from blocklists import stored
from reporting.logline import plain


class _Part(msgspec.Struct):
    list: str = ""


class _Copy(msgspec.Struct):
    fetched_ns: int = 0
    parts: list[_Part] = []


class _Seen(msgspec.Struct):
    """Of `blocklists.stored.Meta`, what is counted."""

    asked: str = ""
    list: str = ""
    since_ns: int = 0
    checked_ns: int = 0
    problem: str = ""
    current: _Copy | None = None
    held: _Copy | None = None

    @property
    def lists(self) -> set[str]:
        """The lists that it feeds; before its first copy, the one that it is to feed."""
        return {part.list for part in self.current.parts} if self.current else {self.list} - {""}

    @property
    def good_ns(self) -> int:
        """When it was last known to be the newest: an imported copy on the day that it was imported."""
        return self.checked_ns or self.since_ns if self.asked or not self.current else self.current.fetched_ns


class ListCollector(Collector):
    """The metrics of the lists in the folder *store*."""

    def __init__(self, store: Path) -> None:
        """Nothing is read yet."""
        self._store = store

    def collect(self) -> Iterator[Metric]:
        """Read what is known of each label, and count it."""
        seen = [_read(folder) for folder in _folders(self._store)]
        ages = GaugeMetricFamily(
            "schoolgate_list_age_seconds",
            "Since the oldest copy of a list was found to be the newest, or was imported.",
            labels=["list"],
        )
        for name, age in sorted(_ages([one for one in seen if one], time.time_ns()).items()):
            ages.add_metric([plain(name)], age)
        yield ages
        held = sum(one is not None and one.held is not None for one in seen)
        yield GaugeMetricFamily("schoolgate_list_held", "Copies of lists that wait to be accepted.", value=held)
        failed = sum(one is None or bool(one.problem) for one in seen)
        yield GaugeMetricFamily("schoolgate_list_failed", "Lists that the last update could not get.", value=failed)


def ages(store: Path, now_ns: int) -> dict[str, float]:
    """Seconds since the oldest copy of each list in the folder *store* was found to be the newest."""
    return _ages([one for one in map(_read, _folders(store)) if one], now_ns)


def _folders(store: Path) -> list[Path]:
    try:
        return list(stored.folders(store))
    except OSError:
        return []


def _read(folder: Path) -> _Seen | None:
    try:
        return msgspec.json.decode((folder / stored.META).read_bytes(), type=_Seen)
    except FileNotFoundError:
        return _Seen()  # its first copy is on the way
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _ages(seen: list[_Seen], now_ns: int) -> dict[str, float]:
    """The seconds for each list that has a copy or is to have one, by its oldest source."""
    ages: dict[str, float] = {}
    for one in seen:
        for name in one.lists:
            age = max(0, now_ns - one.good_ns) / 1e9
            ages[name] = max(ages.get(name, 0.0), age)
    return ages
