"""A new policy without a cold start: what is popular is decided anew before the old answers go.

Everything that was decided is forgotten when a policy, a pass or a list changes. In the middle of a lesson that would
be thousands of decisions at once, and each packet would wait behind them. So for a moment the old answers stay in
force while their successors are made, a few at a time; what surely stays as it is (`dns_filter.unchanged`) costs a
fifth of what else is made. This file reads no clock: seconds are monotonic.
"""

from collections.abc import Callable, Iterator

from dns_filter.cache import Ready, Stop
from dns_filter.doors import Door
from dns_filter.resolver import Resolver
from dns_filter.seats import View
from dns_filter.unchanged import Unchanged

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
            resolver.rehearse(_NUMBER + key, address, new, before)
        if (moment := now()) - started > PATIENCE:
            return
        if moment - turn > AT_ONCE:
            yield
            turn = now()


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
