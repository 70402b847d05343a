"""What upstream says of a name: asked once, however many wait for it, and kept while it holds.

This file opens no socket and reads no clock: upstream and time are arguments. It knows nothing of clients and
verdicts; who may have an answer is decided each time one is given (`dns_filter.resolver`).
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

import msgspec

from dns_filter import reply
from dns_filter.answer import Answer
from dns_filter.cache import Store
from dns_filter.metrics import Figures
from dns_filter.rebinding import Rebinding
from dns_filter.reply import Note
from dns_filter.turns import Share

TYPICAL = 512
"""Bytes that an answer takes in the cache, about; with the number of entries this bounds the whole cache in bytes."""


class Ask(Protocol):
    """Asks an upstream; raises nothing."""

    def __call__(
        self, question: bytes, share: Share, *, dnssec_ok: bool, checking_disabled: bool
    ) -> Coroutine[Any, Any, Answer]:
        """The answer to *question* in the turn of *share*, or a failure that says why there is none."""
        ...  # pragma: no cover - a protocol


class Spawn(Protocol):
    """Starts a task that somebody owns."""

    def __call__(self, work: Coroutine[Any, Any, Answer], /) -> "asyncio.Task[Answer]":
        """The running task."""
        ...  # pragma: no cover - a protocol


class Kept(msgspec.Struct, frozen=True):
    """An upstream's answer in the cache, from *born* until *over* (monotonic seconds)."""

    answer: Answer
    born: float
    over: float


class Lookups:
    """Asks upstream for what is not at hand.

    What is *sought* is a wire name in lower case, type and class, and two bytes: DO and CD, which change the answer.
    """

    def __init__(
        self,
        *,
        ask: Ask,
        spawn: Spawn,
        rebinding: Rebinding,
        entries: int,
        figures: Figures,
        monotonic: Callable[[], float],
    ) -> None:
        """Ask nobody yet; keep at most *entries* answers."""
        self.answers: Store[Kept] = Store(entries, entries * TYPICAL)
        self._ask, self._spawn, self._rebinding = ask, spawn, rebinding
        self._figures, self._monotonic = figures, monotonic
        self._under_way: dict[bytes, asyncio.Task[Answer]] = {}

    def at_hand(self, sought: bytes) -> Kept | None:
        """What is known of *sought*, or None if upstream must be asked."""
        kept = self.answers.get(sought)
        return kept if kept is not None and self._monotonic() < kept.over else None

    async def fetch(self, sought: bytes, host: str, share: Share) -> Kept:
        """The answer for *host*: upstream is asked in the turn of *share*, unless somebody asks already."""
        task = self._under_way.get(sought)
        if task is None:
            asking = self._ask(sought[:-2], share, dnssec_ok=bool(sought[-2]), checking_disabled=bool(sought[-1]))
            task = self._under_way[sought] = self._spawn(asking)
        try:
            found = await asyncio.shield(task)
        finally:
            self._under_way.pop(sought, None)
        return self._kept(sought, host, found)

    def _kept(self, sought: bytes, host: str, found: Answer) -> Kept:
        """*found* in the cache, or what stands there since another waiter put it in."""
        now = self._monotonic()
        standing = self.answers.get(sought)
        if standing is not None and now < standing.over:
            return standing
        if not self._rebinding.allows(host, found.addresses, found.names):
            self._figures.rebinding += 1
            found = Answer(
                reply.no_data(reply.FILTERED_TTL),
                reply.FILTERED_TTL,
                note=Note(reply.BLOCKED, "points into private space"),
            )
        kept = Kept(found, now, now + found.life)
        if found.life:
            self.answers.put(sought, kept, len(sought) + len(found.body.records) + TYPICAL // 2)
        return kept
