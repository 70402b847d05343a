"""What a worker counts, as plain integers, and how Prometheus reads them.

No label holds a host, a client or a person; nothing here is asked on the way of a request.
"""

from collections import Counter
from collections.abc import Callable, Iterator

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from proxy_addons.memory import memory
from proxy_addons.trouble import Trouble
from reporting.metric_rows import by_label, counters, gauges


class Counters:
    """The counts of one worker since its start."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str]] = Counter()
        self.troubles: Counter[Trouble] = Counter()
        self.carried: Counter[str] = Counter()
        self.connections = 0
        self.strangers = 0
        self.too_many = 0
        self.forged = 0
        self.spliced = 0
        self.opened = 0
        self.closed = 0
        self.unsigned = 0
        self.signer_silent = True
        self.sunk = 0
        self.failures = 0
        self.inner_errors = 0
        self.prompts = 0
        self.prompts_unread = 0
        self.searches = 0
        self.help_panels = 0
        self.searches_redirected = 0
        self.pages_scanned = 0
        self.pages_read_before = 0
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
        yield self._carried()
        counts = self._counters
        rows = (
            ("connections", "Connections from clients.", counts.connections),
            ("strangers", "Connections closed at once: no configured network, or no policy yet.", counts.strangers),
            ("too_many", "Connections closed at once: their client already had as many as it may.", counts.too_many),
            ("forged", "Connections closed at once: the front door has not signed them.", counts.forged),
            ("spliced", "Connections relayed unopened.", counts.spliced),
            ("opened", "Connections opened with the school's certificate.", counts.opened),
            ("closed", "Connections closed without a page.", counts.closed),
            ("unsigned", "Connections closed because the signer gave no certificate.", counts.unsigned),
            ("uploads_sunk", "Refused requests whose body was dropped.", counts.sunk),
            ("pages_scanned", "Answers whose words were read before they were shown.", counts.pages_scanned),
            ("pages_read_before", "Of these, whose bytes had been read already.", counts.pages_read_before),
            ("pages_refused", "Answers that were refused for their words.", counts.pages_refused),
            ("pages_early", "Answers judged by their beginning: too large, or too slow.", counts.pages_early),
            ("hook_failures", "Decisions that failed; each was a block.", counts.failures),
            ("prompts", "Prompts to AI chat sites whose words were read.", counts.prompts),
            ("prompts_unread", "Prompts that were too long to be held, or in an unknown code.", counts.prompts_unread),
            ("searches", "Searches whose words were read.", counts.searches),
            ("help_panels", "Searches that were answered by the help panel first.", counts.help_panels),
            ("searches_redirected", "Searches sent to the school's own engine.", counts.searches_redirected),
            ("inner_errors", "Errors that the proxy library reported.", counts.inner_errors),
        )
        yield from counters("schoolgate_proxy", rows)
        now = (
            ("open_connections", "Connections now.", self._open()),
            ("held_bytes", "Answers held until they are judged.", self._held()),
            ("memory_bytes", "Resident memory of the worker.", memory()),
            ("signer_silent", "1 while the signer does not answer.", counts.signer_silent),
        )
        yield from gauges("schoolgate_proxy", now)

    def _requests(self) -> Metric:
        return by_label(
            "schoolgate_proxy_requests", "Requests judged.", ("profile", "verdict"), self._counters.requests
        )

    def _troubles(self) -> Metric:
        counts = {(trouble.name.lower(),): self._counters.troubles[trouble] for trouble in Trouble}
        says = "Pages that could not be had, by what was wrong."
        return by_label("schoolgate_proxy_troubles", says, ("trouble",), counts)

    def _carried(self) -> Metric:
        counts = {(what,): self._counters.carried[what] for what in CARRIED}
        says = "What was refused beyond addresses, by what it was."
        return by_label("schoolgate_proxy_carried", says, ("what",), counts)


CARRIED = ("download", "upload", "infected", "unscanned", "message", "thumbnail")
