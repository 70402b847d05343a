"""The way of a question that no finished answer fits: decide, ask upstream once, keep what came.

This file opens no socket and reads no clock: time, lookups and the journal are arguments. `begin` gives the answer at
once where it can, and else something to wait for; nothing blocked leaves before its breach is on record.
"""

from collections.abc import Callable

from blocklists import domain
from blocklists.clients import ClientMap
from blocklists.policy import Policy, Verdict
from dns_filter import reply, safe, wire
from dns_filter.answer import PRIVATE
from dns_filter.asked import Asked, Outcome
from dns_filter.cache import Ready
from dns_filter.doors import Door
from dns_filter.inner_door import InnerDoor
from dns_filter.known import Kept
from dns_filter.lasting import RUNWAY, Lasting
from dns_filter.local import Local
from dns_filter.lookups import Lookups
from dns_filter.metrics import Figures
from dns_filter.permitting import Permitting
from dns_filter.reasons import Words
from dns_filter.records import Records
from dns_filter.refusing import Refusing
from dns_filter.reply import Body, Note
from dns_filter.school_door import SchoolDoor
from dns_filter.seats import View
from dns_filter.verdicts import Verdicts
from dns_filter.wire import Fault
from reporting.recorder import Recorder

_TRANSFERS = frozenset({wire.IXFR, wire.AXFR})


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
        self.figures, self.lookups = figures, lookups
        self._local, self._lasting = local, Lasting(now_ns, monotonic)
        self.verdicts = Verdicts(local, self._lasting, figures)
        self.refusing = Refusing(self.records, self._lasting, figures, words or Words(), closed)
        self.permitting = Permitting(self.verdicts, self._lasting, untold=self.inner)

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
        return door.view(address, self._lasting.now_ns())

    def begin(self, packet: bytes, address: str, door: Door, *, tcp: bool = False) -> Outcome:
        """The answer to *packet* from *address*: at once, or to be awaited, or None for silence."""
        question = wire.read(packet)
        if isinstance(question, Fault):
            self.figures.malformed += 1
            return reply.to_fault(packet, question)
        asked = Asked(packet, question, address, door, tcp)
        if door.policy is None or (door is self.school and self.school.clients is None):
            return self.refusing.nobody(asked, reply.SERVFAIL, Note(reply.NOT_READY, "the filter is starting"))
        view = door.view(address, self._lasting.now_ns())
        if view is None:
            return self.refusing.nobody(asked, reply.REFUSED, Note(reply.PROHIBITED, "this network is not served"))
        if question.klass != wire.IN or question.kind in _TRANSFERS:
            return self.refusing.nobody(asked, reply.REFUSED, Note(reply.NOT_SUPPORTED))
        return self._decide(asked, view)

    def _decide(self, asked: Asked, view: View) -> Outcome:
        host = wire.host(asked.question.name)
        if host is None or (host and domain.canonical(host) != host):
            return self.refusing.no_host(asked, view)
        if (ours := self._local.answer(host, asked.question.name, asked.question.kind)) is not None:
            return self._ours(asked, view, ours, RUNWAY)
        verdict = self.verdicts.on(asked, view, host)
        if verdict.blocked:
            return self.refusing.blocked(asked, view, host, verdict)
        return self._open(asked, view, host, verdict)

    def _open(self, asked: Asked, view: View, host: str, verdict: Verdict) -> Outcome:
        """The answer for a name that is not blocked: our own, or upstream's."""
        ttl, kind = self._lasting.seconds_left(verdict, reply.FILTERED_TTL), asked.question.kind
        if (ours := self._local.static(host, asked.question.name, kind, ttl)) is not None:
            return self._ours(asked, view, ours, self._lasting.runway(verdict, ttl), ends=True)
        if kind == wire.ANY:
            self.figures.count(view.profile, "allow", "warm")
            return asked.answered(reply.any_minimal(ttl))
        target = safe.target(asked.door.profile(view), host)
        if target is not None and kind not in safe.KINDS:
            return self._ours(asked, view, reply.no_data(ttl), self._lasting.runway(verdict, ttl), ends=True)
        if (kept := self.lookups.at_hand(asked.sought(target))) is not None:
            return self._allowed(asked, view, host, kept, "warm")
        return self._in_turn(asked, host, target)

    def _ours(self, asked: Asked, view: View, body: Body, life: int, *, ends: bool = False) -> bytes:
        """What we know ourselves, to be used for *life* seconds; *ends* as in `Door.keep`."""
        message = asked.answered(body)
        ready = Ready(message[2:], int(self._lasting.monotonic()), life)
        if asked.may_keep(ready):
            asked.door.keep(view, asked.key, ready, ends=ends)
        self.figures.count(view.profile, "allow", "warm")
        return message

    async def _in_turn(self, asked: Asked, host: str, target: str | None) -> bytes | None:
        """Ask, or join who asked, unless this client waits for so much already that others would wait behind it."""
        started, waiting, address = self._lasting.monotonic(), asked.door.waiting, asked.address
        if not waiting.begin(address):
            return self.refusing.too_many(asked)
        try:
            kept = await self.lookups.fetch(asked.sought(target), target or host, asked.door.share(address))
        finally:
            waiting.end(address)
        self.figures.misses.add(self._lasting.monotonic() - started)
        return await self._after_upstream(asked, host, target, kept)

    async def _after_upstream(self, asked: Asked, host: str, target: str | None, kept: Kept) -> bytes | None:
        """The answer now that *kept* is here; decided again, as the policy or the hour may be another by now."""
        view = asked.door.view(asked.address, self._lasting.now_ns())
        if view is None:
            return self.refusing.nobody(asked, reply.REFUSED, Note(reply.PROHIBITED, "this network is not served"))
        if safe.target(asked.door.profile(view), host) != target:
            outcome = self._decide(asked, view)
        elif (verdict := self.verdicts.on(asked, view, host)).blocked:
            outcome = self.refusing.blocked(asked, view, host, verdict)
        else:
            outcome = self._allowed(asked, view, host, kept, "miss")
        return outcome if outcome is None or isinstance(outcome, bytes) else await outcome

    def _allowed(self, asked: Asked, view: View, host: str, kept: Kept, cache: str) -> Outcome:
        """The upstream's answer, with TTLs as they are now, unless one of its names is blocked."""
        if kept.answer.note == PRIVATE:
            return self.refusing.private(asked, view, kept, self._life(kept))
        ready = self.permitting.ready(asked, view, host, kept)
        if isinstance(ready, Verdict):
            return self.refusing.blocked(asked, view, host, ready, self._life(kept))
        self.permitting.given(asked, ready)
        self.figures.count(view.profile, "fail" if kept.answer.body.code == reply.SERVFAIL else "allow", cache)
        return asked.packet[:2] + ready.payload

    def _life(self, kept: Kept) -> int:
        """Whole seconds that *kept* still holds."""
        return kept.answer.life - self.permitting.age(kept)
