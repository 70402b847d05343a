"""Asking resolvers outside, with what this school forwards elsewhere.

An answer counts only if it comes from the address that was asked, carries our number, repeats our question and speaks
of its name; all else is ignored and counted. This file keeps nothing: `dns_filter.lookups` does.
"""

import asyncio
import logging
import ssl
from collections.abc import Mapping, Sequence

from dns_filter import answer, reply, wire
from dns_filter.answer import Answer
from dns_filter.turns import Share, Turns
from dns_filter.upstream_alarms import Alarms
from dns_filter.upstream_one import Upstream
from dns_filter.upstream_place import Place
from dns_filter.upstream_query import Asking
from dns_filter.upstream_search import Group
from reporting.seldom import Seldom

log = logging.getLogger("schoolgate.dns")

AT_ONCE = 2000
"""Questions under way at a time, each with 2 kB: a silent zone holds one until its time is over, so there are enough
that dozens of clients must act together to shut others out (`dns_filter.turns`)."""
WAITING = 5000
"""Questions under way or waiting for their turn: 1,000 of our own proxies, and of 80 clients that have 50 each."""
SILENCE = 5.0
"""Seconds without any answer after which a failure is the resolvers' and not a slow name's."""


class Zone:
    """Resolvers for the same names, and whether they answer anything at all."""

    def __init__(self, name: str, upstreams: Sequence[Upstream], alarms: Alarms) -> None:
        """Nobody has failed yet; *name* is "" for the resolvers of every name."""
        self._where = f" in {name}" if name else ""
        self._upstreams, self._alarms = upstreams, alarms
        self.group = Group(upstreams, alarms, self.failed)
        self._began, self._outage = alarms.now(), Seldom(alarms.now)
        self._answers = 0

    def failed(self, says: str) -> Answer:
        """The failure that *says* why there is no answer; where none answers any question, the log hears of it."""
        now = self._alarms.now()
        if self._heard():
            self._began = now
        elif now - self._began > SILENCE and self._outage.due():
            names = ", ".join(str(upstream.place) for upstream in self._upstreams)
            log.error("Names%s cannot be looked up: %s. Is one of these there: %s?", self._where, says, names)
        return answer.failure(reply.NO_AUTHORITY, says)

    def succeeded(self) -> None:
        """Say that the trouble is over, if there was any and a resolver has answered since."""
        if self._outage.said:
            self._heard()

    def _heard(self) -> bool:
        """Whether a resolver has answered since the last look; the log hears when that ends what it complained of."""
        answers = sum(upstream.answers for upstream in self._upstreams)
        if answers == self._answers:
            return False
        if self._outage.said:
            log.info("Names%s can be looked up again.", self._where)
            self._outage.over()
        self._answers = answers
        return True


class Upstreams:
    """All resolvers: those for every name, and those that single zones are forwarded to.

    A name of a forwarded zone goes to that zone's resolvers and to no other, even where they fail: what the school's
    own directory is asked must not reach a public resolver.
    """

    def __init__(
        self,
        places: Sequence[Place],
        timeout: float,
        at_once: int = AT_ONCE,
        *,
        forward: Mapping[str, Sequence[Place]] | None = None,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        """Ask *places* at most *at_once* questions at a time; one may take *timeout* seconds in all.

        *forward* has the places of canonical zone names; *trust* says whose certificates are good, where TLS is used.
        """
        self._alarms, self._trust = Alarms(), trust
        self.all: list[Upstream] = []
        self._rest = self._zone("", places)
        self._zones = {wire.name_of(name): self._zone(name, own) for name, own in (forward or {}).items()}
        self._timeout = timeout
        self._turns = Turns(at_once)
        self._waiting = 0

    def _zone(self, name: str, places: Sequence[Place]) -> Zone:
        upstreams = [Upstream(place, self._alarms, self._trust) for place in places]
        self.all += upstreams
        return Zone(name, upstreams, self._alarms)

    async def ask(self, question: bytes, share: Share, *, dnssec_ok: bool, checking_disabled: bool) -> Answer:
        """The answer to *question* for *share*, or a failure that says why there is none; raises nothing."""
        if self._waiting >= WAITING:
            return answer.failure(reply.OTHER, "too many questions at once")
        zone, deadline = self._zone_of(question), self._alarms.now() + self._timeout
        self._waiting += 1
        try:
            if not self._turns.begin(share):
                async with asyncio.timeout_at(deadline):
                    await self._turns.wait(share)
            try:
                found = await zone.group.find(Asking(question, dnssec_ok, checking_disabled), deadline)
                zone.succeeded()
                return found
            finally:
                self._turns.end(share)
        except TimeoutError:
            return zone.failed("no resolver answered in time")
        finally:
            self._waiting -= 1

    def _zone_of(self, question: bytes) -> Zone:
        """Who is asked: the resolvers of the longest zone that the name lies in."""
        if self._zones:
            name, place = question[:-4], 0
            while name[place]:
                if (zone := self._zones.get(name[place:])) is not None:
                    return zone
                place += 1 + name[place]
        return self._rest

    async def close(self) -> None:
        """Give every port and connection back."""
        for upstream in self.all:
            upstream.stop()
        self._alarms.close()
        for upstream in self.all:
            await upstream.close()


def trust(ca_file: str = "") -> ssl.SSLContext:
    """Whose certificates are good: the system's authorities, and those in *ca_file*; OSError if it cannot be read."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file:
        try:
            context.load_verify_locations(ca_file)
        except ssl.SSLError as error:
            raise OSError(error.errno, "holds no certificate (PEM)", ca_file) from error
    return context
