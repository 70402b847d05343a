"""What upstream answered as a client gets it: unless one of its names is blocked, with TTLs as they are now.

This file opens no socket and reads no clock.
"""

from blocklists.alias import outranks
from blocklists.policy import Verdict
from dns_filter import reply, safe, wire
from dns_filter.answer import Answer
from dns_filter.asked import Asked
from dns_filter.cache import Ready
from dns_filter.doors import Door
from dns_filter.known import Kept
from dns_filter.lasting import Lasting
from dns_filter.seats import View
from dns_filter.told import Tell, Told
from dns_filter.verdicts import Verdicts
from reporting.visits import worth_a_visit


class Permitting:
    """Makes finished answers. *tell* is told who was given which addresses, but for those that ask at *untold*."""

    def __init__(self, verdicts: Verdicts, lasting: Lasting, untold: Door) -> None:
        """Tell nobody yet."""
        self.tell: Tell | None = None
        self._verdicts, self._lasting, self._untold = verdicts, lasting, untold

    def ready(self, asked: Asked, view: View, host: str, kept: Kept) -> Ready | Verdict:
        """*kept* as a finished answer, which is at hand from now on; or the verdict that blocks a name in it."""
        profile = asked.door.profile(view)
        target = safe.target(profile, host)
        found = kept.answer if target is None else safe.rewritten(kept.answer, asked.question, target)
        verdict = self._verdicts.on(asked, view, host)
        cap, ends = self._lasting.seconds_left(verdict, reply.FILTERED_TTL), verdict.until is not None
        for name in found.names:
            other = self._verdicts.on(asked, view, name)
            if other.blocked and outranks(other, verdict):
                return other
            cap, ends = self._lasting.seconds_left(other, cap), ends or other.until is not None
        ready = self._made(asked, found, self.age(kept), cap)
        answered = found.body.code == reply.NOERROR and found.body.counts[0]
        ready.site = worth_a_visit(verdict, profile, host) if profile and answered else ""
        ready.names = None if ends or target else found.names
        if asked.may_keep(ready):
            asked.door.keep(view, asked.key, ready, ends=ends)
        return ready

    def age(self, kept: Kept) -> int:
        """Whole seconds since *kept* came."""
        return int(self._lasting.monotonic() - kept.born)

    def given(self, asked: Asked, ready: Ready) -> None:
        """Count that *ready* goes out for the first time as every later time is counted (`dns_filter.seats.Seat`)."""
        if ready.site and asked.door.visited:
            asked.door.visited(asked.address, [ready.site], self._lasting.now_ns())
        if ready.told is not None:
            ready.told.to(asked.address)

    def _made(self, asked: Asked, found: Answer, age: int, cap: int) -> Ready:
        """*found*, which is *age* seconds old, as this client gets it, to be used for *cap* seconds at most."""
        payload = asked.answered(found.body, found.note)[2:]
        cut = payload[0] & wire.TC >> 8
        shift, life = asked.question.end - 2, min(found.life - age, cap)
        tell = self.tell if found.addresses and asked.door is not self._untold else None
        ttls = () if cut else tuple(max(0, min(ttl - age, cap)) for ttl in found.ttls)
        ready = Ready(
            payload,
            int(self._lasting.monotonic()),
            life,
            told=Told(tell, found.addresses, max(life, *ttls, 0)) if tell else None,
            offsets=() if cut else tuple(shift + offset for offset in found.offsets),
            ttls=ttls,
        )
        ready.set_ttls(0)
        return ready
