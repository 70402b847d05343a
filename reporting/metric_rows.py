"""Plain integers as metrics: what every process that counts does with its counts when Prometheus asks."""

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

type Row = tuple[str, str, float]
"""What it is called behind the prefix, what it says, and how much it is."""


def counters(prefix: str, rows: Iterable[Row]) -> Iterator[Metric]:
    """A counter for each of *rows*; Prometheus adds `_total` to its name."""
    return (CounterMetricFamily(f"{prefix}_{name}", says, value=value) for name, says, value in rows)


def gauges(prefix: str, rows: Iterable[Row]) -> Iterator[Metric]:
    """A gauge for each of *rows*."""
    return (GaugeMetricFamily(f"{prefix}_{name}", says, value=value) for name, says, value in rows)


def by_label[V: tuple[str, ...]](name: str, says: str, labels: V, counts: Mapping[V, float]) -> Metric:
    """One counter with *labels*, and the count of each combination of their values."""
    family = CounterMetricFamily(name, says, labels=labels)
    for values, count in counts.items():
        family.add_metric(values, count)
    return family
