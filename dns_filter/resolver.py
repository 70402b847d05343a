"""The way of a question that no finished answer fits: decide, ask upstream once, keep what came.

This file opens no socket and reads no clock: time, lookups and the journal are arguments. `begin` gives the answer at
once where it can, and else something to wait for; nothing blocked leaves before its breach is on record.
"""

import logging
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from blocklists import domain
from blocklists.alias import outranks
from blocklists.clients import ClientMap
from blocklists.policy import Action, Policy, Reason, Verdict
from blocklists.rulebook import Severity
from dns_filter import canaries, reply, wire
from dns_filter.answer import Answer
from dns_filter.cache import Ready
from dns_filter.doors import Door, InnerDoor, SchoolDoor, View
from dns_filter.lookups import Kept, Lookups
from dns_filter.metrics import Figures
from dns_filter.reasons import told
from dns_filter.reply import Body, Note
from dns_filter.wire import Fault, Question
from reporting.breach import breach_of
from reporting.complaint import Complaint
from reporting.recorder import Recorder

log = logging.getLogger("schoolgate.dns")

NS = 1_000_000_000
RUNWAY = 60
"""Seconds that a finished blocked answer is used before it is made anew."""

_TRANSFERS = frozenset({wire.IXFR, wire.AXFR})
type Outcome = bytes | Coroutine[Any, Any, bytes | None] | None


class Asked(msgspec.Struct, frozen=True):
    """One packet on its way: what was asked, by which address, at which door, over what."""

    packet: bytes
    question: Question
    address: str
    door: Door
    tcp: bool = False

    @property
    def limit(self) -> int:
        """The longest answer in bytes."""
        return wire.MAX_TCP if self.tcp else self.question.udp_limit

    @property
    def key(self) -> bytes:
        """What equal packets share behind their number."""
        return self.packet[2:]

    def may_keep(self, ready: Ready) -> bool:
        """Whether the next packet for this name may be the same, by UDP or TCP, and have *ready* too.

        It may not if there is a cookie in it or a random letter case, or if only TCP carries the answer.
        """
        question = self.question
        plain = self.packet[wire.HEADER : question.end - 4] == question.name
        return plain and not question.options and len(ready.payload) + 2 <= question.udp_limit

    @property
    def sought(self) -> bytes:
        """What the upstream is asked: name in lower case, type, class, and two flags that change the answer."""
        question = self.question
        return (
            question.name
            + self.packet[question.end - 4 : question.end]
            + bytes((question.dnssec_ok, bool(question.flags & wire.CD)))
        )


class Resolver:
    """Answers what the hit path cannot."""

    def __init__(
        self,
        *,
        lookups: Lookups,
        recorder: Recorder,
        entries: int,
        closed: tuple[bytes, bytes],
        figures: Figures,
        now_ns: Callable[[], int],
        monotonic: Callable[[], float],
    ) -> None:
        """Ask nobody yet. *closed* is the closed address (IPv4, IPv6; packed, b"" for none)."""
        self.school, self.inner = SchoolDoor(entries), InnerDoor(entries)
        self.version = 0
        self.figures, self.lookups = figures, lookups
        self._recorder = recorder
        self._closed = closed if any(closed) else None
        self._now_ns, self._monotonic = now_ns, monotonic
        self._complaint = Complaint(log, monotonic)

    @property
    def recorder(self) -> Recorder:
        """Where breaches and their repeats are recorded."""
        return self._recorder

    def renew(self, policy: Policy | None, clients: ClientMap | None, version: int, *, clock_ok: bool) -> None:
        """Decide by these from now on; what was decided before is forgotten where it may differ."""
        new_policy = policy is not self.school.policy or clock_ok is not self.school.clock_ok
        if clients is not self.school.clients:
            self.school.clients = clients
            self.school.remap()
        self.version = version
        for door in (self.school, self.inner):
            door.policy, door.clock_ok = policy, clock_ok
            if new_policy:
                door.empty()

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
        verdict = self._verdict(asked, view, host)
        if verdict.blocked:
            return self._blocked(asked, view, host, verdict)
        if asked.question.kind == wire.ANY:
            self._count(view, "allow", "warm")
            return self._message(asked, reply.any_minimal())
        if (kept := self.lookups.at_hand(asked.sought)) is not None:
            return self._allowed(asked, view, host, kept, "warm")
        return self._in_turn(asked, host)

    def _verdict(self, asked: Asked, view: View, host: str) -> Verdict:
        if not host:  # the root zone is no site; stub resolvers ask for it to see whether we are there
            return Verdict(Action.ALLOW, Reason.OPEN)
        verdict = asked.door.verdict(view, asked.address, host, self._now_ns())
        if verdict.reason is Reason.FAILURE:
            self.figures.failures += 1
            self._complaint.say(verdict, self.figures.failures)
        return verdict

    async def _in_turn(self, asked: Asked, host: str) -> bytes | None:
        """Ask, or join who asked, unless this client waits for so much already that others would wait behind it."""
        started, waiting, address = self._monotonic(), asked.door.waiting, asked.address
        if not waiting.begin(address):
            self.figures.dropped += 1
            return self._refuse(asked, reply.SERVFAIL, Note(reply.NO_AUTHORITY, "too many of your questions wait"))
        try:
            kept = await self.lookups.fetch(asked.sought, host, asked.door.share(address))
        finally:
            waiting.end(address)
        self.figures.misses.add(self._monotonic() - started)
        return await self._after_upstream(asked, host, kept)

    async def _after_upstream(self, asked: Asked, host: str, kept: Kept) -> bytes | None:
        """The answer now that *kept* is here; decided again, as the policy or the hour may be another by now."""
        view = asked.door.view(asked.address, self._now_ns())
        if view is None:
            return self._refuse(asked, reply.REFUSED, Note(reply.PROHIBITED, "this network is not served"))
        verdict = self._verdict(asked, view, host)
        outcome = (
            self._blocked(asked, view, host, verdict)
            if verdict.blocked
            else self._allowed(asked, view, host, kept, "miss")
        )
        return outcome if outcome is None or isinstance(outcome, bytes) else await outcome

    def _allowed(self, asked: Asked, view: View, host: str, kept: Kept, cache: str) -> Outcome:
        """The upstream's answer, with TTLs as they are now, unless one of its names is blocked."""
        found = kept.answer
        verdict = self._verdict(asked, view, host)
        cap = self._seconds_left(verdict, reply.FILTERED_TTL)
        for name in found.names:
            if domain.canonical(name) != name:
                continue  # an alias to what no site can be called ("0x7f.1"): no list can hold it
            other = self._verdict(asked, view, name)
            if other.blocked and outranks(other.reason, verdict.reason):
                return self._blocked(asked, view, host, other)
            cap = self._seconds_left(other, cap)
        ready = self._ready(asked, found, int(self._monotonic() - kept.born), cap)
        message = asked.packet[:2] + ready.payload
        if asked.may_keep(ready):
            asked.door.keep(view, asked.key, ready)
        self._count(view, "fail" if found.body.code == reply.SERVFAIL else "allow", cache)
        return message

    def _ready(self, asked: Asked, found: Answer, age: int, cap: int) -> Ready:
        """*found*, which is *age* seconds old, as this client gets it, to be used for *cap* seconds at most."""
        payload = self._message(asked, found.body, found.note)[2:]
        cut = payload[0] & wire.TC >> 8
        shift = asked.question.end - 2
        ready = Ready(
            payload,
            int(self._monotonic()),
            min(found.life - age, cap),
            offsets=() if cut else tuple(shift + offset for offset in found.offsets),
            ttls=() if cut else tuple(max(0, min(ttl - age, cap)) for ttl in found.ttls),
        )
        ready.set_ttls(0)
        return ready

    def _blocked(self, asked: Asked, view: View, host: str, verdict: Verdict) -> Outcome:
        """The answer for a blocked name; its breach is on record before it is returned."""
        ttl = self._seconds_left(verdict, reply.BLOCKED_TTL)
        closed = self._closed if view.certificate and host not in canaries.NAMES else None
        message = self._message(asked, reply.blocked(asked.question, closed, ttl), told(verdict, view.profile))
        life = 0 if verdict.reason is Reason.FAILURE else self._seconds_left(verdict, RUNWAY + ttl) - ttl
        run = self._run_of(asked, host, verdict)
        ready = Ready(message[2:], int(self._monotonic()), life, run=run)
        self._count(view, "block", "miss")
        if run and not self._on_record(asked, host, verdict, run):
            return self._once_durable(asked, view, ready, message)
        self._keep_blocked(asked, view, ready)
        return message

    def _run_of(self, asked: Asked, host: str, verdict: Verdict) -> str:
        """What repeats of this breach are counted under; "" for what is no breach.

        A reverse name ("4.3.2.1.in-addr.arpa") is asked by programs, never by people.
        """
        if verdict.quiet or asked.door is self.inner or host.endswith(".arpa"):
            return ""
        return f"{host} {verdict.reason} {verdict.category} {verdict.rule}"

    def _on_record(self, asked: Asked, host: str, verdict: Verdict, run: str) -> bool:
        """Write the breach or count it; False if the answer must wait until it is durable."""
        request = asked.door.request(asked.address, host, self._now_ns())
        breach = breach_of(request, verdict, source="dns", policy=self.version) if request else None
        if breach is None:
            return True
        self._recorder.first((asked.address, run), breach)
        return verdict.severity < Severity.URGENT

    async def _once_durable(self, asked: Asked, view: View, ready: Ready, message: bytes) -> bytes:
        await self._recorder.durable()
        if asked.door.views.get(asked.address) is view:
            self._keep_blocked(asked, view, ready)
        return message

    def _keep_blocked(self, asked: Asked, view: View, ready: Ready) -> None:
        if asked.may_keep(ready):
            asked.door.keep(view, asked.key, ready)

    def _no_host(self, asked: Asked, view: View) -> bytes:
        """A name that no site can have (a printer's, with blanks in it): there is none, and it is nobody's breach."""
        self._count(view, "block", "miss")
        return self._message(asked, reply.blocked(asked.question, None, reply.FILTERED_TTL))

    def _seconds_left(self, verdict: Verdict, most: int) -> int:
        """Whole seconds that *verdict* still holds, *most* at most."""
        if verdict.until is None:
            return most
        return max(0, min(most, (verdict.until - self._now_ns()) // NS))

    def _message(self, asked: Asked, body: Body, note: Note | None = None) -> bytes:
        return reply.message(asked.packet, asked.question, body, note, limit=asked.limit)

    def _refuse(self, asked: Asked, code: int, note: Note) -> bytes:
        self.figures.questions["none", "refuse" if code == reply.REFUSED else "fail", "miss"] += 1
        return reply.message(asked.packet, asked.question, Body(code), note, limit=asked.limit)

    def _count(self, view: View, verdict: str, cache: str) -> None:
        self.figures.questions[view.profile, verdict, cache] += 1
