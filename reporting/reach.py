"""Whether the server with the database can be reached, and when to ask it again while it cannot.

While it is away nobody waits for it: whoever asks is told so at once, and one question in each pause, which doubles up
to a minute, finds out whether it is back. That it is away is said once a minute, however many ask.
"""

import logging
import time
from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from reporting.logline import reason
from reporting.seldom import Seldom

log = logging.getLogger("schoolgate.database")

FIRST, LONGEST = 1.0, 60.0
"""Seconds until it is asked again: after the first failure, and at most, so that who comes back is soon met."""


class AwayError(OSError):
    """The database's server cannot be reached now; what was to be written is still to be written."""


class Reach(Collector):
    """One server. *times* counts how often it went away."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        """It can be reached, as far as anybody knows; *monotonic* is in seconds."""
        self._monotonic = monotonic
        self._complaint = Seldom(monotonic)
        self._since: float | None = None
        self._why = ""
        self._next, self._pause = 0.0, FIRST
        self.times = 0

    @property
    def away(self) -> float:
        """For how many seconds it has been away; 0 if it is not."""
        return 0.0 if self._since is None else max(self._monotonic() - self._since, 0.001)

    @property
    def pause(self) -> float:
        """Seconds until it may be asked again."""
        return 0.0 if self._since is None else max(self._next - self._monotonic(), 0.0)

    def ask(self) -> None:
        """Before a question: AwayError if it is away and its pause is not over. Who passes asks for everybody."""
        if self._since is None:
            return
        if self.pause:
            raise AwayError(f"the database's server cannot be reached: {self._why}")
        self._next = self._monotonic() + self._pause

    def lost(self, error: BaseException) -> AwayError:
        """After a question that failed by *error*, as it is away; what to raise."""
        now = self._monotonic()
        if self._since is None:
            self._since, self._pause, self.times = now, FIRST, self.times + 1
        self._next, self._pause = now + self._pause, min(self._pause * 2, LONGEST)
        self._why = reason(getattr(error, "orig", None) or error)
        if self._complaint.due():
            says = "The database's server has been away for %.0f s; journals keep what happens, alerts wait for it: %s"
            log.error(says, self.away, self._why)
        return AwayError(f"the database's server cannot be reached: {self._why}")

    def there(self) -> None:
        """After a question that was answered."""
        if self._since is None:
            return
        log.warning("The database's server is there again after %.0f s; what waited is taken in.", self.away)
        self._since = None
        self._complaint.over()

    def collect(self) -> Iterator[Metric]:
        """For how long it has been away, and how often it went."""
        says = "For how long the database's server has been away; 0 while it is there, or the database is a file."
        yield GaugeMetricFamily("schoolgate_reporting_database_away_seconds", says, value=self.away)
        says = "Times that the database's server went away."
        yield CounterMetricFamily("schoolgate_reporting_database_lost", says, value=self.times)
