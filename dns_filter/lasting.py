"""For how long an answer may be used, so that no client keeps it beyond the verdict that made it.

This file reads no clock: it is handed two, of UTC nanoseconds and of monotonic seconds.
"""

from collections.abc import Callable

from blocklists.policy import Reason, Verdict
from dns_filter.doors import NEVER

NS = 1_000_000_000
RUNWAY = 60
"""Seconds that a blocked answer is used whose verdict ends; others are used until something changes."""


class Lasting:
    """Ends of verdicts and answers, as seconds from now or as the monotonic second in which they come."""

    def __init__(self, now_ns: Callable[[], int], monotonic: Callable[[], float]) -> None:
        """Tell the time by these."""
        self.now_ns, self.monotonic = now_ns, monotonic

    def seconds_left(self, verdict: Verdict, most: int) -> int:
        """Whole seconds that *verdict* still holds, *most* at most."""
        if verdict.until is None:
            return most
        return max(0, min(most, (verdict.until - self.now_ns()) // NS))

    def runway(self, verdict: Verdict, ttl: int) -> int:
        """For how many seconds an answer with *ttl* may be used, so that no client keeps it beyond *verdict*."""
        return self.seconds_left(verdict, RUNWAY + ttl) - ttl

    def second_in(self, life: int) -> int:
        """The second in which a stop that lasts *life* seconds is over; 0 for one that does not last."""
        return int(self.monotonic()) + life if life > 0 else 0

    def stands_until(self, verdict: Verdict, ttl: int, most: int) -> int:
        """The second until which a block that is given for *ttl* seconds may be given out; 0 for never again.

        That is in *most* seconds at the latest: an alias closes a name only while the name leads there.
        """
        if verdict.reason is Reason.FAILURE:
            return 0
        if verdict.until is None and most == NEVER:
            return NEVER
        return self.second_in(min(most, self.runway(verdict, ttl)))
