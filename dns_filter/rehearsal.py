"""A new policy without a cold start: what is popular is decided anew before the old answers go.

Everything that was decided is forgotten when a policy, a pass or a list changes. In the middle of a lesson that would
be thousands of decisions at once, and each packet would wait behind them. So for a moment the old answers stay in
force while their successors are made, a few at a time; what surely stays as it is (`dns_filter.unchanged`) costs a
fifth of what else is made. This file reads no clock: seconds are monotonic.
"""

from collections.abc import Callable, Iterator
from typing import TypeGuard

from blocklists.policy import Verdict
from blocklists.profile import Profile
from dns_filter import safe, wire
from dns_filter.answer import PRIVATE
from dns_filter.asked import Asked
from dns_filter.cache import Ready, Stop
from dns_filter.doors import Door
from dns_filter.resolver import Resolver
from dns_filter.seats import View
from dns_filter.unchanged import Unchanged
from dns_filter.wire import Fault
from reporting.visits import worth_a_visit

PATIENCE = 0.12
"""Seconds that the old answers stay: with the time until a new policy is seen they are over within 200 ms."""
POPULAR = 2
"""Seconds: what was asked for within them is made anew; the rest when somebody asks for it."""
AT_ONCE = 0.0008
"""Seconds between two turns of the event loop, each of which answers a batch of what came in meanwhile."""
_NUMBER = b"\0\0"


def rehearse(
    resolver: Resolver, old: Door, new: Door, now: Callable[[], float], unchanged: Unchanged | None = None
) -> Iterator[None]:
    """Make in *new*, which nobody asks yet, what is popular in *old*; yields whenever others should have a turn.

    What *unchanged* says stays as it is; without it, as where the settings are others too, all is made anew.
    """
    started = turn = now()
    for key, address, before in list(_popular(old, int(started) - POPULAR)):
        view = resolver.view(address, new)
        if view and unchanged and unchanged.stays(address, view, key, before):
            new.keep(view, key, before)
        else:
            _make(resolver, _NUMBER + key, address, new, before)
        if (moment := now()) - started > PATIENCE:
            return
        if moment - turn > AT_ONCE:
            yield
            turn = now()


def _make(resolver: Resolver, packet: bytes, address: str, door: Door, before: Ready | Stop) -> None:
    """Make the answer to *packet* from *address* ready in *door*, if it is refused or upstream's is at hand.

    *before* is what it was until now. It stays where nothing but a verdict made it, and that permits it still.
    """
    question, view = wire.read(packet), resolver.view(address, door)
    if isinstance(question, Fault) or view is None or not (host := wire.host(question.name)):
        return
    asked = Asked(packet, question, address, door)
    verdict = resolver.verdicts.on(asked, view, host)
    if verdict.blocked:
        resolver.refusing.rehearse(asked, view, host, verdict)
        return
    target = safe.target(door.profile(view), host)
    if not target and _is_still(before, verdict, door.profile(view), host):
        door.keep(view, asked.key, before)
        return
    kept = resolver.lookups.at_hand(asked.sought(target))
    if kept is not None and kept.answer.note != PRIVATE:
        resolver.permitting.ready(asked, view, host, kept)


def _is_still(before: Ready | Stop, verdict: Verdict, profile: Profile | None, host: str) -> TypeGuard[Ready]:
    """Whether *before* is what *verdict* would make of the answer for *host* again."""
    if before.blocks or before.names != () or verdict.until is not None or profile is None:
        return False
    return before.site == worth_a_visit(verdict, profile, host)


def _popular(door: Door, since: int) -> Iterator[tuple[bytes, str, Ready | Stop]]:
    """(packet behind its number, an address that has it, itself) of each permitted answer that went out since then.

    Behind them come the refusals, of which nobody knows when they went out: the youngest first.
    """
    addresses: dict[View, str] = {seat.view: seat.address for seat in door.seats.values()}
    for view, address in addresses.items():
        for key, finished in view.answers.items():
            if not finished.blocks and finished.second >= since:
                yield key, address, finished
    for view, address in addresses.items():
        for key, finished in reversed(view.answers.items()):
            if finished.blocks:
                yield key, address, finished
