"""Who asks more than a client may while others wait: a token bucket for each client (an IPv6 /64 is one).

A flood is slowed only where it costs somebody something: the listener leaves its packets out of a batch in which
others wait too (`dns_filter.udp`), and answers them where nobody else does. So a classroom behind one address loses
nothing in its rush. This file reads no clock: seconds are monotonic and come from the caller.
"""

import msgspec

CLIENTS = 65536
"""Buckets that are kept; full ones are as good as none and go first."""


class Bucket(msgspec.Struct):
    """What a client may still ask, as it was at *at*; below zero it floods."""

    tokens: float
    at: float


class Floods:
    """The buckets of one door, and the clients that have emptied theirs."""

    def __init__(self, rate: int, burst: int) -> None:
        """A client may ask *burst* questions at once and *rate* in a second for good."""
        self._rate, self._burst = rate, burst
        self._buckets: dict[str, Bucket] = {}
        self.over: set[str] = set()

    def count(self, client: str, questions: int, now: float) -> None:
        """Take *questions* out of the bucket of *client*."""
        bucket = self._filled(client, now)
        # A flood of a minute is forgotten as soon as one of a second: the bucket holds no debt beyond one filling.
        bucket.tokens = max(bucket.tokens - questions, -float(self._burst))
        if bucket.tokens < 0:
            self.over.add(client)

    def allows(self, client: str, now: float) -> bool:
        """Whether a flooding *client* may ask one question more by now."""
        bucket = self._filled(client, now)
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True

    def sweep(self, now: float) -> None:
        """Let those go whose bucket has half filled again."""
        for client in [name for name in self.over if self._filled(name, now).tokens >= self._burst / 2]:
            self.over.discard(client)
        if len(self._buckets) > CLIENTS:
            self._buckets = {name: self._buckets[name] for name in self.over if name in self._buckets}

    def _filled(self, client: str, now: float) -> Bucket:
        bucket = self._buckets.get(client)
        if bucket is None:
            bucket = self._buckets[client] = Bucket(float(self._burst), now)
        bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.at) * self._rate)
        bucket.at = now
        return bucket
