"""One resolver: how it is asked, how well it does, and what became of the questions that it was asked."""

import errno
import logging
import ssl

from dns_filter import wire
from dns_filter.upstream_alarms import Alarms
from dns_filter.upstream_attempt import Attempt
from dns_filter.upstream_health import Health
from dns_filter.upstream_lines import Lines
from dns_filter.upstream_place import Place
from dns_filter.upstream_ports import Ports
from reporting.seldom import Seldom

log = logging.getLogger("schoolgate.dns")

FOLDS = 3
"""Answers in a row, each with our port, our number and our question, whose letters are not ours: then this resolver is
one that does not keep them. One forger in 1,850,000,000 gets so far once, so three times is no forger."""


class Upstream:
    """One resolver. The integers are its metrics; *hedged* counts questions that it got as another was slow.

    Letter case: an answer in other letters is not used; the question goes out again over TCP, where letters prove
    nothing. A resolver that folds letters each time (`FOLDS`) is asked in small letters from then on: port and number
    alone protect those answers, and `folded` says so in the metrics.
    """

    def __init__(self, place: Place, alarms: Alarms, trust: ssl.SSLContext | None = None) -> None:
        """Remember where it is; nothing is sent yet. *trust* says whose certificates are good (TLS)."""
        self.place, self.health = place, Health()
        self.answers = self.timeouts = self.failures = self.by_tcp = self.hedged = self.folded = 0
        self._alarms = alarms
        self._ports = Ports(place, alarms)
        self._lines = Lines(place, alarms, trust if place.tls else None)
        self._strange = self._folds = 0
        self._complaint = Seldom(alarms.now)
        self._closed = False

    @property
    def mismatches(self) -> int:
        """Messages that answered another question than ours."""
        return self._ports.mismatches + self._strange

    def put(self, attempt: Attempt) -> None:
        """Ask; OSError if there is no way to this resolver at all."""
        if self._closed:
            raise OSError(errno.ESHUTDOWN, "nothing is asked any more")
        if self.place.tls:
            self._lines.put(attempt)
        else:
            self._ports.put(attempt)

    def heard(self, attempt: Attempt, message: bytes) -> None:
        """Take an answer to our question; one that was cut is asked for over TCP."""
        if not attempt.by_tcp and not self.place.tls:
            self._folds = 0
            if message[2] & wire.TC >> 8:
                self._put_by_tcp(attempt)
                return
        self.answers += 1
        self.health.heard(self._alarms.now() - attempt.began)
        attempt.seeks.answered(attempt, message)

    def doubted(self, attempt: Attempt, *, folded: bool) -> None:
        """Ask over TCP, where nobody from outside can answer, as what came over UDP must not be believed."""
        if folded:
            self._note_folding()
        if attempt.by_tcp or self.place.tls:
            self._strange += 1
            self.failed(attempt, ValueError("it answers another question than ours"))
        else:
            self._put_by_tcp(attempt)

    def failed(self, attempt: Attempt, error: Exception) -> None:
        """Count that *attempt* came to nothing."""
        self.unreachable(error)
        attempt.seeks.refused(attempt)

    def unreachable(self, error: Exception) -> None:
        """Count a question that could not be put."""
        self.failures += 1
        self.health.lost(self._alarms.now())
        if self.place.tls and self._complaint.due():
            log.warning("The resolver at %s cannot be asked: %s.", self.place, str(error) or type(error).__name__)

    def silent(self, attempt: Attempt) -> None:
        """Count that *attempt* was not answered in time."""
        attempt.give_up()
        self.timeouts += 1
        self.health.lost(self._alarms.now())

    def not_of_our_name(self) -> None:
        """Count an answer that speaks of another name than the one that was asked."""
        self._strange += 1

    def stop(self) -> None:
        """Give every port back, and ask nothing any more."""
        self._closed = True
        self._ports.close()

    async def close(self) -> None:
        """End every connection."""
        await self._lines.close()

    def _put_by_tcp(self, attempt: Attempt) -> None:
        attempt.by_tcp = True
        self.by_tcp += 1
        self._lines.put(attempt)

    def _note_folding(self) -> None:
        self.folded += 1
        self._folds += 1
        if self._folds == FOLDS and not self._ports.plain:
            self._ports.plain = True
            log.warning("The resolver at %s changes the letters of names; it is asked in small letters.", self.place)
