"""What the filter counts, as plain integers, and how Prometheus reads them.

No label holds a host, a client or a person; a helpline is counted like any other permitted name (G12).
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence

from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from dns_filter.doors import Door
from dns_filter.upstream_one import Upstream
from reporting.metric_rows import by_label, counters, gauges

EDGES = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 3.0)
"""Seconds: from an answer out of memory to one that no upstream gave."""


class Histogram:
    """Seconds by bucket, and their sum."""

    def __init__(self) -> None:
        """Start with none."""
        self.counts = [0] * (len(EDGES) + 1)
        self.total = 0.0

    def add(self, seconds: float, answers: int = 1) -> None:
        """Count *answers* that took so long each."""
        self.counts[bisect_left(EDGES, seconds)] += answers
        self.total += seconds * answers

    def buckets(self) -> list[tuple[str, float]]:
        """(upper edge, how many up to it) as Prometheus wants them."""
        up_to, running = [], 0
        for edge, count in zip((*map(str, EDGES), "+Inf"), self.counts, strict=True):
            running += count
            up_to.append((edge, float(running)))
        return up_to


class Figures:
    """Everything that is counted off the hit path; answers on it are counted by the doors."""

    def __init__(self) -> None:
        """Start at zero."""
        self.questions: Counter[tuple[str, str, str]] = Counter()
        self.quiet: Counter[str] = Counter()
        self.malformed = self.dropped = self.failures = self.unsent = self.rebinding = 0
        self.connections = self.unread = self.displaced = 0
        self.cache_answers = self.cache_bytes = self.cache_hits = self.cache_misses = 0
        self.stale = self.asked_ahead = self.limited = 0
        self.misses, self.rounds = Histogram(), Histogram()

    def count(self, profile: str, verdict: str, cache: str) -> None:
        """Count an answer to *profile* by its verdict (allow, block, fail, refuse) and where it came from."""
        self.questions[profile, verdict, cache] += 1


class DnsCollector(Collector):
    """Turns the figures into metrics at each scrape."""

    def __init__(self, figures: Figures, doors: Sequence[Door], upstreams: Sequence[Upstream]) -> None:
        """Read from *figures*, *doors* and *upstreams*, in a thread of the scrape's: nothing here changes them."""
        self._figures, self._doors, self._upstreams = figures, doors, upstreams

    def collect(self) -> Iterator[Metric]:
        """Every metric of the DNS filter."""
        figures = self._figures
        yield self._questions()
        misses = HistogramMetricFamily("schoolgate_dns_miss_seconds", "Seconds until an answer that upstream gave.")
        misses.add_metric([], figures.misses.buckets(), figures.misses.total)
        yield misses
        rounds = HistogramMetricFamily(
            "schoolgate_dns_round_seconds",
            "Seconds from reading a packet by UDP until it and those beside it were answered.",
        )
        rounds.add_metric([], figures.rounds.buckets(), figures.rounds.total)
        yield rounds
        quiet = {(category,): count for category, count in figures.quiet.copy().items()}
        yield by_label("schoolgate_dns_quiet", "Names closed quietly, decided anew.", ("category",), quiet)
        yield from self._by_upstream()
        now = (
            ("cached_answers", "Finished answers in memory.", sum(door.stored for door in self._doors)),
            ("cache_answers", "Answers of upstream in memory, those that are over with them.", figures.cache_answers),
            ("cache_bytes", "Bytes of memory that they take.", figures.cache_bytes),
        )
        yield from gauges("schoolgate_dns", now)
        rows = (
            ("cache_hits", "Questions for which upstream's answer was in memory.", figures.cache_hits),
            ("cache_misses", "Questions that had to wait for upstream.", figures.cache_misses),
            ("stale", "Answers given after their end because upstream failed or was slow.", figures.stale),
            ("asked_ahead", "Names asked of upstream before their answer ended.", figures.asked_ahead),
            ("malformed", "Packets that hold no question we answer.", figures.malformed),
            ("dropped", "Questions dropped because too many were under way.", figures.dropped),
            ("limited", "Questions left out because their client asks too much while others wait.", figures.limited),
            (
                "failures",
                "Failures of the filter itself: packets answered SERVFAIL, and decisions that failed, each a block.",
                figures.failures,
            ),
            ("unsent", "Answers that the socket did not take.", figures.unsent),
            ("rebinding", "Answers refused because they point into private space.", figures.rebinding),
            ("connections", "TCP connections accepted.", figures.connections),
            ("unread", "TCP connections ended because their client left its answers lying.", figures.unread),
            ("displaced", "TCP connections ended because another needed their place.", figures.displaced),
        )
        yield from counters("schoolgate_dns", rows)

    def _questions(self) -> Metric:
        total = Counter(self._figures.questions.copy())
        for door in self._doors:
            for (profile, blocked), count in door.counts().items():
                total[profile, "block" if blocked else "allow", "hit"] += count
        return by_label("schoolgate_dns_questions", "Questions answered.", ("profile", "verdict", "cache"), total)

    def _by_upstream(self) -> Iterator[Metric]:
        """By each resolver's number: its place in the setting, those of forwarded zones behind the others."""
        for name, words in (
            ("answers", "Answers that upstreams gave."),
            ("timeouts", "Questions that an upstream left without an answer."),
            ("failures", "Questions that could not be put to an upstream."),
            ("mismatches", "Messages that answered another question than ours; none is used."),
            ("folded", "Answers that did not keep the letter case of our question; none is used."),
            ("by_tcp", "Questions asked again over TCP because the answer was cut or could not be believed."),
            ("hedged", "Questions that an upstream got because another was slower than it usually is."),
        ):
            counts = {(str(number),): getattr(upstream, name) for number, upstream in enumerate(self._upstreams)}
            yield by_label(f"schoolgate_dns_upstream_{name}", words, ("upstream",), counts)
        alive = GaugeMetricFamily("schoolgate_dns_upstream_alive", "1 while an upstream answers.", labels=["upstream"])
        words = "Seconds until an upstream's answer, smoothed; NaN before the first."
        seconds = GaugeMetricFamily("schoolgate_dns_upstream_rtt_seconds", words, labels=["upstream"])
        for number, upstream in enumerate(self._upstreams):
            alive.add_metric([str(number)], upstream.health.alive)
            seconds.add_metric([str(number)], float("nan") if upstream.health.rtt is None else upstream.health.rtt)
        yield alive
        yield seconds
