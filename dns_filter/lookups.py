"""What upstream says of a name: asked once, however many wait for it, and kept while it holds and a while longer.

This file opens no socket and reads no clock: upstream and time are arguments. It knows nothing of clients and
verdicts; who may have an answer is decided each time one is given (`dns_filter.resolver`), of a stale one too.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from dns_filter import answer, reply, wire
from dns_filter.answer import Answer
from dns_filter.known import FLAGS, TYPE, Kept, Known
from dns_filter.metrics import Figures
from dns_filter.rebinding import Rebinding
from dns_filter.turns import Share
from reporting.seldom import Seldom

log = logging.getLogger("schoolgate.dns")

PATIENCE = 0.8
"""Seconds that a client waits for upstream where a stale answer is at hand (RFC 8767, 5, suggests 1.8): Windows and
Chromium ask again after one."""
AHEAD = 50
"""Names that are asked of upstream ahead of time at once; others wait until somebody asks for them again."""
BACKGROUND = Share("ahead")
"""Whose turn that is: a share like one client's, at most an eighth of what is free."""


class Ask(Protocol):
    """Asks an upstream; raises nothing."""

    def __call__(
        self, question: bytes, share: Share, *, dnssec_ok: bool, checking_disabled: bool
    ) -> Coroutine[Any, Any, Answer]:
        """The answer to *question* in the turn of *share*, or a failure that says why there is none."""
        ...  # pragma: no cover - a protocol


class Spawn(Protocol):
    """Starts a task that somebody owns."""

    def __call__(self, work: Coroutine[Any, Any, Kept], /) -> "asyncio.Task[Kept]":
        """The running task."""
        ...  # pragma: no cover - a protocol


class Lookups:
    """Asks upstream for what is not at hand (*sought* as `dns_filter.known` has it)."""

    def __init__(
        self,
        *,
        known: Known,
        ask: Ask,
        spawn: Spawn,
        rebinding: Rebinding,
        figures: Figures,
        monotonic: Callable[[], float],
    ) -> None:
        """Ask nobody yet; keep answers in *known*."""
        self.known = known
        self._ask, self._spawn, self._rebinding = ask, spawn, rebinding
        self._figures, self._monotonic = figures, monotonic
        self._under_way: dict[bytes, asyncio.Task[Kept]] = {}
        self._ahead: set[bytes] = set()
        self._complaint = Seldom(monotonic)
        self._count()

    def at_hand(self, sought: bytes) -> Kept | None:
        """What is known of *sought*, or None if upstream must be asked."""
        now = self._monotonic()
        kept = self.known.at_hand(sought, now)
        if kept is None:
            self._figures.cache_misses += 1
            return None
        if kept.due and not self.known.rests(sought, now):
            self._ask_ahead(sought)
        self._figures.cache_hits += 1
        self._figures.stale += kept.stale
        return kept

    async def fetch(self, sought: bytes, host: str, share: Share) -> Kept:
        """The answer for *host*: upstream is asked in the turn of *share*, unless somebody asks already.

        Where a stale answer is at hand it is given instead of a failure, and after `PATIENCE` in any case; upstream
        goes on being asked.
        """
        task = self._under_way.get(sought)
        if task is None:
            task = self._under_way[sought] = self._spawn(self._for_clients(sought, host, share))
        kept = await self._patiently(sought, task)
        if kept is None:
            kept = await asyncio.shield(task)
        self._figures.stale += kept.stale
        return kept

    async def _patiently(self, sought: bytes, task: "asyncio.Task[Kept]") -> Kept | None:
        """The stale answer for *sought*, if there is one and *task* takes longer than a client waits."""
        if self.known.stale(sought, self._monotonic()) is None:
            return None
        if (await asyncio.wait((task,), timeout=PATIENCE))[0]:
            return None
        slow = answer.failure(reply.NO_AUTHORITY, "no resolver answered in time")
        kept = self.known.fail(sought, slow, self._monotonic())
        return kept if kept.stale else None

    async def _for_clients(self, sought: bytes, host: str, share: Share) -> Kept:
        try:
            return await self._asked(sought, host, share)
        finally:
            del self._under_way[sought]

    def _ask_ahead(self, sought: bytes) -> None:
        """Ask in the background for what is still at hand; clients who find it over do not wait for this turn."""
        if sought not in self._ahead and len(self._ahead) < AHEAD:
            self._ahead.add(sought)
            self._figures.asked_ahead += 1
            self._spawn(self._ahead_of_time(sought))

    async def _ahead_of_time(self, sought: bytes) -> Kept:
        try:
            return await self._asked(sought, wire.host(sought[:TYPE]), BACKGROUND)
        finally:
            self._ahead.discard(sought)

    async def _asked(self, sought: bytes, host: str | None, share: Share) -> Kept:
        """What upstream says; whatever goes wrong with it is a failure, as our task group must not end of it."""
        dnssec_ok, checking_disabled = map(bool, sought[FLAGS:])
        try:
            found = await self._ask(sought[:FLAGS], share, dnssec_ok=dnssec_ok, checking_disabled=checking_disabled)
            return self._settled(sought, host, found)
        except Exception:
            self._figures.failures += 1
            if self._complaint.due():
                log.exception("Upstream could not be asked (%d failures so far).", self._figures.failures)
            failure = answer.failure(reply.OTHER, "upstream could not be asked")
            return self.known.fail(sought, failure, self._monotonic())

    def _settled(self, sought: bytes, host: str | None, found: Answer) -> Kept:
        """What may be given now that upstream said *found*, which is kept if it is good."""
        now = self._monotonic()
        if found.body.code not in (reply.NOERROR, reply.NXDOMAIN):
            return self.known.fail(sought, found, now)
        if not self._rebinding.allows(host, found.addresses, found.names):
            self._figures.rebinding += 1
            found = Answer(reply.no_data(reply.FILTERED_TTL), reply.FILTERED_TTL, note=answer.PRIVATE)
        kept = self.known.keep(sought, found, now)
        self._count()
        return kept

    def _count(self) -> None:
        self._figures.cache_answers, self._figures.cache_bytes = len(self.known.answers), self.known.answers.size
