"""The way of a question that no finished answer fits: decide, ask upstream once, keep what came.

This file opens no socket and reads no clock: time, lookups and the journal are arguments. `begin` gives the answer at
once where it can, and else something to wait for; nothing blocked leaves before its breach is on record.
"""

import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeGuard

from blocklists import domain
from blocklists.alias import outranks
from blocklists.clients import ClientMap
from blocklists.policy import Action, Policy, Reason, Verdict
from blocklists.profile import Blocked, Profile
from blocklists.rulebook import Severity
from dns_filter import canaries, reply, safe, wire
from dns_filter.answer import PRIVATE, Answer
from dns_filter.asked import Asked
from dns_filter.cache import Ready, Stop
from dns_filter.doors import NEVER, Door, InnerDoor, SchoolDoor
from dns_filter.known import Kept
from dns_filter.local import Local
from dns_filter.lookups import Lookups
from dns_filter.metrics import Figures
from dns_filter.reasons import Words
from dns_filter.records import Records, name_of_run
from dns_filter.reply import Body, Note
from dns_filter.seats import View
from dns_filter.told import Tell, Told
from dns_filter.wire import Fault
from reporting.complaint import Complaint
from reporting.recorder import Recorder
from reporting.visits import worth_a_visit

log = logging.getLogger("schoolgate.dns")

NS = 1_000_000_000
RUNWAY = 60
"""Seconds that a blocked answer is used whose verdict ends; others are used until something changes."""

_TRANSFERS = frozenset({wire.IXFR, wire.AXFR})
type Outcome = bytes | Coroutine[Any, Any, bytes | None] | None


class Resolver:
    """Answers what the hit path cannot."""

    def __init__(
        self,
        *,
        lookups: Lookups,
        local: Local,
        recorder: Recorder,
        room: int,
        closed: tuple[bytes, bytes],
        figures: Figures,
        now_ns: Callable[[], int],
        monotonic: Callable[[], float],
        words: Words | None = None,
    ) -> None:
        """Ask nobody yet. *closed* is the closed address (IPv4, IPv6; packed, b"" for none), *words* what is said."""
        self.school, self.inner = SchoolDoor(room), InnerDoor(room)
        self.records = Records(recorder, self.school, now_ns)
        self._room = room
        self.tell: Tell | None = None
        self.figures, self.lookups = figures, lookups
        self._local = local
        self._closed = closed if any(closed) else None
        self._words = words or Words()
        self._now_ns, self._monotonic = now_ns, monotonic
        self._complaint = Complaint(log, monotonic)

    def renew(self, policy: Policy | None, clients: ClientMap | None, version: int, *, clock_ok: bool) -> None:
        """Decide by these from now on; what was decided before is forgotten where it may differ."""
        new_policy = self.differs(policy, clock_ok=clock_ok)
        if clients is not self.school.clients:
            self.school.meet(clients)
        self.records.version = version
        for door in (self.school, self.inner):
            door.policy, door.clock_ok = policy, clock_ok
            if new_policy:
                door.empty()

    def differs(self, policy: Policy | None, *, clock_ok: bool) -> bool:
        """Whether what was decided may be decided otherwise by *policy*."""
        return policy is not self.school.policy or clock_ok is not self.school.clock_ok

    def rehearsed(self, policy: Policy, clients: ClientMap, *, clock_ok: bool) -> SchoolDoor:
        """A door for these that nobody asks yet: `rehearse` fills it, and `SchoolDoor.adopt` puts it in force."""
        door = SchoolDoor(self._room)
        door.policy, door.clients, door.clock_ok = policy, clients, clock_ok
        return door

    def view(self, address: str, door: Door) -> View | None:
        """What is decided for *address* in *door* now."""
        return door.view(address, self._now_ns())

    def rehearse(self, packet: bytes, address: str, door: Door, before: Ready | Stop) -> None:
        """Make the answer to *packet* from *address* ready in *door*, if it is refused or upstream's is at hand.

        *before* is what it was until now. It stays where nothing but a verdict made it, and that permits it still.
        """
        question, view = wire.read(packet), door.view(address, self._now_ns())
        if isinstance(question, Fault) or view is None or not (host := wire.host(question.name)):
            return
        asked = Asked(packet, question, address, door)
        verdict = self._verdict(asked, view, host)
        if verdict.blocked:
            self._rehearse_stop(asked, view, host, verdict)
            return
        target = safe.target(door.profile(view), host)
        if not target and _is_still(before, verdict, door.profile(view), host):
            door.keep(view, asked.key, before)
            return
        kept = self.lookups.at_hand(asked.sought(target))
        if kept is not None and kept.answer.note != PRIVATE:
            self._permitted(asked, view, host, kept)

    def _rehearse_stop(self, asked: Asked, view: View, host: str, verdict: Verdict) -> None:
        """Make a refusal ready that repeats what is on record; a first is no repeat, and written when asked for."""
        if verdict.severity >= Severity.URGENT:
            return
        message, ttl = self._refusal(asked, view, host, verdict)
        until = self._stands_until(verdict, ttl, NEVER)
        stop = asked.door.stops.same(Stop(message, asked.question.end, until, name_of_run(host, verdict)))
        self._keep_blocked(asked, view, stop)

    def begin(self, packet: bytes, address: str, door: Door, *, tcp: bool = False) -> Outcome:
        """The answer to *packet* from *address*: at once, or to be awaited, or None for silence."""
        question = wire.read(packet)
        if isinstance(question, Fault):
            self.figures.malformed += 1
            return reply.to_fault(packet, question)
        asked = Asked(packet, question, address, door, tcp)
        if door.policy is None or (door is self.school and self.school.clients is None):
            return self._refuse(asked, reply.SERVFAIL, Note(reply.NOT_READY, "the filter is starting"))
        view = door.view(address, self._now_ns())
        if view is None:
            return self._refuse(asked, reply.REFUSED, Note(reply.PROHIBITED, "this network is not served"))
        if question.klass != wire.IN or question.kind in _TRANSFERS:
            return self._refuse(asked, reply.REFUSED, Note(reply.NOT_SUPPORTED))
        return self._decide(asked, view)

    def _decide(self, asked: Asked, view: View) -> Outcome:
        host = wire.host(asked.question.name)
        if host is None or (host and domain.canonical(host) != host):
            return self._no_host(asked, view)
        if (ours := self._local.answer(host, asked.question.name, asked.question.kind)) is not None:
            return self._ours(asked, view, ours, RUNWAY)
        verdict = self._verdict(asked, view, host)
        if verdict.blocked:
            return self._blocked(asked, view, host, verdict)
        return self._open(asked, view, host, verdict)

    def _open(self, asked: Asked, view: View, host: str, verdict: Verdict) -> Outcome:
        """The answer for a name that is not blocked: our own, or upstream's."""
        ttl, kind = self._seconds_left(verdict, reply.FILTERED_TTL), asked.question.kind
        if (ours := self._local.static(host, asked.question.name, kind, ttl)) is not None:
            return self._ours(asked, view, ours, self._runway(verdict, ttl), ends=True)
        if kind == wire.ANY:
            self._count(view, "allow", "warm")
            return self._message(asked, reply.any_minimal(ttl))
        target = safe.target(asked.door.profile(view), host)
        if target is not None and kind not in safe.KINDS:
            return self._ours(asked, view, reply.no_data(ttl), self._runway(verdict, ttl), ends=True)
        if (kept := self.lookups.at_hand(asked.sought(target))) is not None:
            return self._allowed(asked, view, host, kept, "warm")
        return self._in_turn(asked, host, target)

    def _ours(self, asked: Asked, view: View, body: Body, life: int, *, ends: bool = False) -> bytes:
        """What we know ourselves, to be used for *life* seconds; *ends* as in `Door.keep`."""
        message = self._message(asked, body)
        ready = Ready(message[2:], int(self._monotonic()), life)
        if asked.may_keep(ready):
            asked.door.keep(view, asked.key, ready, ends=ends)
        self._count(view, "allow", "warm")
        return message

    def _verdict(self, asked: Asked, view: View, host: str) -> Verdict:
        if not host:  # the root zone is no site; stub resolvers ask for it to see whether we are there
            return Verdict(Action.ALLOW, Reason.OPEN)
        verdict = self._local.judged(host, asked.door.verdict(view, asked.address, host, self._now_ns()))
        if verdict.reason is Reason.FAILURE:
            self.figures.failures += 1
            self._complaint.say(verdict, self.figures.failures)
        return verdict

    async def _in_turn(self, asked: Asked, host: str, target: str | None) -> bytes | None:
        """Ask, or join who asked, unless this client waits for so much already that others would wait behind it."""
        started, waiting, address = self._monotonic(), asked.door.waiting, asked.address
        if not waiting.begin(address):
            return self._too_many(asked)
        try:
            kept = await self.lookups.fetch(asked.sought(target), target or host, asked.door.share(address))
        finally:
            waiting.end(address)
        self.figures.misses.add(self._monotonic() - started)
        return await self._after_upstream(asked, host, target, kept)

    async def _after_upstream(self, asked: Asked, host: str, target: str | None, kept: Kept) -> bytes | None:
        """The answer now that *kept* is here; decided again, as the policy or the hour may be another by now."""
        view = asked.door.view(asked.address, self._now_ns())
        if view is None:
            return self._refuse(asked, reply.REFUSED, Note(reply.PROHIBITED, "this network is not served"))
        if safe.target(asked.door.profile(view), host) != target:
            outcome = self._decide(asked, view)
        elif (verdict := self._verdict(asked, view, host)).blocked:
            outcome = self._blocked(asked, view, host, verdict)
        else:
            outcome = self._allowed(asked, view, host, kept, "miss")
        return outcome if outcome is None or isinstance(outcome, bytes) else await outcome

    def _allowed(self, asked: Asked, view: View, host: str, kept: Kept, cache: str) -> Outcome:
        """The upstream's answer, with TTLs as they are now, unless one of its names is blocked."""
        if kept.answer.note == PRIVATE:
            return self._private(asked, view, kept)
        ready = self._permitted(asked, view, host, kept)
        if isinstance(ready, Verdict):
            return self._blocked(asked, view, host, ready, self._life(kept))
        self._given(asked, ready)
        self._count(view, "fail" if kept.answer.body.code == reply.SERVFAIL else "allow", cache)
        return asked.packet[:2] + ready.payload

    def _private(self, asked: Asked, view: View, kept: Kept) -> bytes:
        """The refusal of an answer that points into private space: a block of nobody's doing."""
        message = self._message(asked, kept.answer.body, kept.answer.note)
        self._count(view, "block", "miss")
        stop = Stop(message, asked.question.end, self._second_in(self._life(kept)), "")
        self._keep_blocked(asked, view, asked.door.stops.same(stop))
        return message

    def _permitted(self, asked: Asked, view: View, host: str, kept: Kept) -> Ready | Verdict:
        """*kept* as a finished answer, which is at hand from now on; or the verdict that blocks a name in it."""
        profile = asked.door.profile(view)
        target = safe.target(profile, host)
        found = kept.answer if target is None else safe.rewritten(kept.answer, asked.question, target)
        verdict = self._verdict(asked, view, host)
        cap, ends = self._seconds_left(verdict, reply.FILTERED_TTL), verdict.until is not None
        for name in found.names:
            other = self._verdict(asked, view, name)
            if other.blocked and outranks(other, verdict):
                return other
            cap, ends = self._seconds_left(other, cap), ends or other.until is not None
        ready = self._ready(asked, found, int(self._monotonic() - kept.born), cap)
        answered = found.body.code == reply.NOERROR and found.body.counts[0]
        ready.site = worth_a_visit(verdict, profile, host) if profile and answered else ""
        ready.names = None if ends or target else found.names
        if asked.may_keep(ready):
            asked.door.keep(view, asked.key, ready, ends=ends)
        return ready

    def _life(self, kept: Kept) -> int:
        """Whole seconds that *kept* still holds."""
        return kept.answer.life - int(self._monotonic() - kept.born)

    def _given(self, asked: Asked, ready: Ready) -> None:
        """Count that *ready* goes out for the first time as every later time is counted (`dns_filter.seats.Seat`)."""
        if ready.site and asked.door.visited:
            asked.door.visited(asked.address, [ready.site], self._now_ns())
        if ready.told is not None:
            ready.told.to(asked.address)

    def _ready(self, asked: Asked, found: Answer, age: int, cap: int) -> Ready:
        """*found*, which is *age* seconds old, as this client gets it, to be used for *cap* seconds at most."""
        payload = self._message(asked, found.body, found.note)[2:]
        cut = payload[0] & wire.TC >> 8
        shift, life = asked.question.end - 2, min(found.life - age, cap)
        tell = self.tell if found.addresses and asked.door is not self.inner else None
        ttls = () if cut else tuple(max(0, min(ttl - age, cap)) for ttl in found.ttls)
        ready = Ready(
            payload,
            int(self._monotonic()),
            life,
            told=Told(tell, found.addresses, max(life, *ttls, 0)) if tell else None,
            offsets=() if cut else tuple(shift + offset for offset in found.offsets),
            ttls=ttls,
        )
        ready.set_ttls(0)
        return ready

    def _blocked(self, asked: Asked, view: View, host: str, verdict: Verdict, most: int = NEVER) -> Outcome:
        """The answer for a blocked name, used for *most* seconds; its breach is on record before it is returned."""
        message, ttl = self._refusal(asked, view, host, verdict)
        run = self.records.put(asked, host, verdict)
        stop = asked.door.stops.same(Stop(message, asked.question.end, self._stands_until(verdict, ttl, most), run))
        self._count(view, "block", "miss")
        if verdict.quiet:
            self.figures.quiet[verdict.category] += 1
        if self.records.must_wait(asked, run, verdict):
            return self._once_durable(asked, view, stop, message)
        self._keep_blocked(asked, view, stop)
        return message

    def _refusal(self, asked: Asked, view: View, host: str, verdict: Verdict) -> tuple[bytes, int]:
        """What a client is told by *verdict*, and its TTL."""
        ttl = self._seconds_left(verdict, reply.BLOCKED_TTL)
        body = reply.blocked(asked.question, self._form(asked, view, host), self._closed, ttl)
        return self._message(asked, body, self._words.told(verdict, view.profile)), ttl

    def _stands_until(self, verdict: Verdict, ttl: int, most: int) -> int:
        """The second until which a block that is given for *ttl* seconds may be given out; 0 for never again.

        That is in *most* seconds at the latest: an alias closes a name only while the name leads there.
        """
        if verdict.reason is Reason.FAILURE:
            return 0
        if verdict.until is None and most == NEVER:
            return NEVER
        return self._second_in(min(most, self._runway(verdict, ttl)))

    def _second_in(self, life: int) -> int:
        """The second in which a stop that lasts *life* seconds is over; 0 for one that does not last."""
        return int(self._monotonic()) + life if life > 0 else 0

    def _runway(self, verdict: Verdict, ttl: int) -> int:
        """For how many seconds an answer with *ttl* may be used, so that no client keeps it beyond *verdict*."""
        return self._seconds_left(verdict, RUNWAY + ttl) - ttl

    def _form(self, asked: Asked, view: View, host: str) -> Blocked:
        """How *host* is blocked: canaries as their makers say, all else as the profile says."""
        if canaries.is_canary(host):
            return Blocked.NODATA if canaries.is_discovery(host) else Blocked.NXDOMAIN
        profile = asked.door.profile(view)
        return profile.blocked_answer if profile else Blocked.NXDOMAIN

    async def _once_durable(self, asked: Asked, view: View, stop: Stop, message: bytes) -> bytes | None:
        """*message* when its breach survives a power cut; a client for whom too many wait already asks again."""
        if not asked.door.waiting.begin(asked.address):
            return self._too_many(asked)
        try:
            await self.records.durable()
        finally:
            asked.door.waiting.end(asked.address)
        if asked.door.views.get(asked.address) is view:
            self._keep_blocked(asked, view, stop)
        return message

    def _keep_blocked(self, asked: Asked, view: View, stop: Stop) -> None:
        if asked.may_keep(stop):
            asked.door.keep(view, asked.key, stop, ends=stop.until < NEVER)

    def _no_host(self, asked: Asked, view: View) -> bytes:
        """A name that no site can have (a printer's, with blanks in it): there is none, and it is nobody's breach."""
        self._count(view, "block", "miss")
        return self._message(asked, reply.blocked(asked.question, Blocked.NXDOMAIN, None, reply.FILTERED_TTL))

    def _seconds_left(self, verdict: Verdict, most: int) -> int:
        """Whole seconds that *verdict* still holds, *most* at most."""
        if verdict.until is None:
            return most
        return max(0, min(most, (verdict.until - self._now_ns()) // NS))

    def _message(self, asked: Asked, body: Body, note: Note | None = None) -> bytes:
        return reply.message(asked.packet, asked.question, body, note, limit=asked.limit)

    def _too_many(self, asked: Asked) -> bytes:
        self.figures.dropped += 1
        return self._refuse(asked, reply.SERVFAIL, Note(reply.OTHER, "too many of your questions wait"))

    def _refuse(self, asked: Asked, code: int, note: Note) -> bytes:
        self.figures.questions["none", "refuse" if code == reply.REFUSED else "fail", "miss"] += 1
        return reply.message(asked.packet, asked.question, Body(code), note, limit=asked.limit)

    def _count(self, view: View, verdict: str, cache: str) -> None:
        self.figures.questions[view.profile, verdict, cache] += 1


def _is_still(before: Ready | Stop, verdict: Verdict, profile: Profile | None, host: str) -> TypeGuard[Ready]:
    """Whether *before* is what *verdict* would make of the answer for *host* again."""
    if before.blocks or before.names != () or verdict.until is not None or profile is None:
        return False
    return before.site == worth_a_visit(verdict, profile, host)
