"""How well a resolver does: how soon it answers, whether it answers at all, when to try again one that does not.

This file reads no clock: times are arguments, in seconds. Smoothing is that of TCP's round trip (RFC 6298, 2).
"""

DEAD = 4
"""Questions in a row without an answer after which a resolver is left out; single ones are lost, or slow names."""
FIRST_PROBE, LAST_PROBE = 1.0, 30.0
"""Seconds until a dead one gets a question again, the first time and at most: it doubles from one to the other."""
SOONEST, LATEST = 0.02, 0.5
"""Seconds: no answer is overdue before the first, and every one is after the second."""
UNKNOWN = 0.2
"""Seconds after which the answer of a resolver that never gave one is overdue; most cold names take less."""
_SPREADS = 3
"""Where times fall off evenly (as waiting times do), 95 of 100 are below the mean and 2.7 mean deviations."""


class Health:
    """One resolver's. *rtt* is None until it has answered; *late* counts answers that are overdue, in a row."""

    __slots__ = ("_pause", "_probe_at", "late", "rtt", "silent", "spread")

    def __init__(self) -> None:
        """Know nothing, and hope."""
        self.rtt: float | None = None
        self.spread = 0.0
        self.late = self.silent = 0
        self._pause, self._probe_at = FIRST_PROBE, 0.0

    @property
    def alive(self) -> bool:
        """Whether it is asked before those that are not."""
        return self.silent < DEAD

    @property
    def usual(self) -> float:
        """Seconds in which it has nearly always answered (about 95 of 100): after them, another is asked too."""
        if self.rtt is None:
            return UNKNOWN
        return min(max(self.rtt + _SPREADS * self.spread, SOONEST), LATEST)

    @property
    def cost(self) -> tuple[bool, float]:
        """What resolvers are ordered by: the dead come last, one that is overdue counts as slower than it was."""
        return not self.alive, (self.rtt or 0.0) + self.late * UNKNOWN

    def heard(self, seconds: float) -> None:
        """Count an answer that took *seconds*."""
        if self.rtt is None:
            self.rtt, self.spread = seconds, seconds / 2
        else:
            self.spread += (abs(self.rtt - seconds) - self.spread) / 4
            self.rtt += (seconds - self.rtt) / 8
        self.late = self.silent = 0
        self._pause = FIRST_PROBE

    def overdue(self) -> None:
        """Count an answer that is later than usual; it may come yet."""
        self.late += 1

    def lost(self, now: float) -> None:
        """Count a question that got no answer at all."""
        self.silent += 1
        if self.silent == DEAD:
            self._probe_at = now + self._pause

    def to_probe(self, now: float) -> bool:
        """Whether a dead one should get a question again; asked once, it says no until the next time."""
        if self.alive or now < self._probe_at:
            return False
        self._pause = min(2 * self._pause, LAST_PROBE)
        self._probe_at = now + self._pause
        return True
