"""What is answered in place of a name that is closed, and where nothing can be answered at all.

This file opens no socket and reads no clock. Nothing blocked leaves before its breach is on record.
"""

from blocklists.policy import Verdict
from blocklists.profile import Blocked
from blocklists.rulebook import Severity
from dns_filter import canaries, reply
from dns_filter.asked import Asked, Outcome
from dns_filter.cache import Stop
from dns_filter.doors import NEVER
from dns_filter.known import Kept
from dns_filter.lasting import Lasting
from dns_filter.metrics import Figures
from dns_filter.reasons import Words
from dns_filter.records import Records, name_of_run
from dns_filter.reply import Body, Note
from dns_filter.seats import View


class Refusing:
    """Refuses, and keeps what may be said again."""

    def __init__(
        self, records: Records, lasting: Lasting, figures: Figures, words: Words, closed: tuple[bytes, bytes]
    ) -> None:
        """*closed* is the closed address (IPv4, IPv6; packed, b"" for none), *words* what is said."""
        self._records, self._lasting, self._figures, self._words = records, lasting, figures, words
        self._closed = closed if any(closed) else None

    def blocked(self, asked: Asked, view: View, host: str, verdict: Verdict, most: int = NEVER) -> Outcome:
        """The answer for a blocked name, used for *most* seconds; its breach is on record before it is returned."""
        message, ttl = self._refusal(asked, view, host, verdict)
        run = self._records.put(asked, host, verdict)
        until = self._lasting.stands_until(verdict, ttl, most)
        stop = asked.door.stops.same(Stop(message, asked.question.end, until, run))
        self._figures.count(view.profile, "block", "miss")
        if verdict.quiet:
            self._figures.quiet[verdict.category] += 1
        if self._records.must_wait(asked, run, verdict):
            return self._once_durable(asked, view, stop, message)
        self._keep(asked, view, stop)
        return message

    def rehearse(self, asked: Asked, view: View, host: str, verdict: Verdict) -> None:
        """Make a refusal ready that repeats what is on record; a first is no repeat, and written when asked for."""
        if verdict.severity >= Severity.URGENT:
            return
        message, ttl = self._refusal(asked, view, host, verdict)
        until = self._lasting.stands_until(verdict, ttl, NEVER)
        stop = asked.door.stops.same(Stop(message, asked.question.end, until, name_of_run(host, verdict)))
        self._keep(asked, view, stop)

    def _refusal(self, asked: Asked, view: View, host: str, verdict: Verdict) -> tuple[bytes, int]:
        """What a client is told by *verdict*, and its TTL."""
        ttl = self._lasting.seconds_left(verdict, reply.BLOCKED_TTL)
        body = reply.blocked(asked.question, _form(asked, view, host), self._closed, ttl)
        return asked.answered(body, self._words.told(verdict, view.profile)), ttl

    async def _once_durable(self, asked: Asked, view: View, stop: Stop, message: bytes) -> bytes | None:
        """*message* when its breach survives a power cut; a client for whom too many wait already asks again."""
        if not asked.door.waiting.begin(asked.address):
            return self.too_many(asked)
        try:
            await self._records.durable()
        finally:
            asked.door.waiting.end(asked.address)
        if asked.door.views.get(asked.address) is view:
            self._keep(asked, view, stop)
        return message

    def private(self, asked: Asked, view: View, kept: Kept, life: int) -> bytes:
        """The refusal, for *life* seconds, of an answer that points into private space: a block of nobody's doing."""
        message = asked.answered(kept.answer.body, kept.answer.note)
        self._figures.count(view.profile, "block", "miss")
        stop = Stop(message, asked.question.end, self._lasting.second_in(life), "")
        self._keep(asked, view, asked.door.stops.same(stop))
        return message

    def no_host(self, asked: Asked, view: View) -> bytes:
        """A name that no site can have (a printer's, with blanks in it): there is none, and it is nobody's breach."""
        self._figures.count(view.profile, "block", "miss")
        return asked.answered(reply.blocked(asked.question, Blocked.NXDOMAIN, None, reply.FILTERED_TTL))

    def too_many(self, asked: Asked) -> bytes:
        """The answer to a client for whom too many wait."""
        self._figures.dropped += 1
        return self.nobody(asked, reply.SERVFAIL, Note(reply.OTHER, "too many of your questions wait"))

    def nobody(self, asked: Asked, code: int, note: Note) -> bytes:
        """The answer *code* to whoever has no profile here, or to what is no question about a site."""
        self._figures.count("none", "refuse" if code == reply.REFUSED else "fail", "miss")
        return asked.answered(Body(code), note)

    def _keep(self, asked: Asked, view: View, stop: Stop) -> None:
        if asked.may_keep(stop):
            asked.door.keep(view, asked.key, stop, ends=stop.until < NEVER)


def _form(asked: Asked, view: View, host: str) -> Blocked:
    """How *host* is blocked: canaries as their makers say, all else as the profile says."""
    if canaries.is_canary(host):
        return Blocked.NODATA if canaries.is_discovery(host) else Blocked.NXDOMAIN
    profile = asked.door.profile(view)
    return profile.blocked_answer if profile else Blocked.NXDOMAIN
