"""How often somebody may try to log in, or try a token.

Only failures count, for the address and for the name, each on its own. After five of them the next try has to wait, and
each further failure doubles the wait. A name waits less long than an address: its wait also keeps its owner out, whom
anybody who reaches the pages could name. This file reads no clock of its own.
"""

from collections import OrderedDict
from collections.abc import Callable

import msgspec

FREE = 5
"""Failures without a wait: nobody mistypes more often before looking closely."""

FIRST_WAIT = 30.0
"""Seconds that the next try waits after FREE failures; each further failure doubles them."""

LONGEST_BY_ADDRESS = 15 * 60.0
"""Seconds: a guesser at one address gets four tries an hour."""

LONGEST_BY_NAME = 5 * 60.0
"""Seconds: twelve tries an hour from everywhere, against a password of twelve characters, is nothing."""

FORGOTTEN = 3600.0
"""Seconds after the last failure at which all of them are forgotten."""

KEPT = 10_000
"""Addresses and names remembered; the ones untouched longest go first."""

type _Key = tuple[str, str]


class _Failures(msgspec.Struct, frozen=True):
    count: int
    last: float


class Attempts:
    """Failed tries of the last hour, in memory."""

    def __init__(self, now: Callable[[], float]) -> None:
        """*now* gives seconds that never go back."""
        self._now = now
        self._failures: OrderedDict[_Key, _Failures] = OrderedDict()

    def wait(self, address: str, name: str = "") -> float:
        """Seconds until *address* may try *name* (empty: a token) again; 0 when it may now."""
        return max(self._wait(key) for key in _keys(address, name))

    def failed(self, address: str, name: str = "") -> float:
        """Count a failure; returns the seconds that the next try has to wait."""
        for key in _keys(address, name):
            self._failures[key] = _Failures(self._count(key) + 1, self._now())
            self._failures.move_to_end(key)
        while len(self._failures) > KEPT:
            self._failures.popitem(last=False)
        return self.wait(address, name)

    def succeeded(self, address: str, name: str = "") -> None:
        """Forget the failures of *address* and of *name*."""
        for key in _keys(address, name):
            self._failures.pop(key, None)

    def _count(self, key: _Key) -> int:
        found = self._failures.get(key)
        return found.count if found and self._now() - found.last < FORGOTTEN else 0

    def _wait(self, key: _Key) -> float:
        count = self._count(key)
        if count < FREE:
            return 0.0
        longest = LONGEST_BY_NAME if key[0] == "name" else LONGEST_BY_ADDRESS
        due = self._failures[key].last + min(longest, FIRST_WAIT * 2.0 ** min(count - FREE, 20))
        return max(0.0, due - self._now())


def _keys(address: str, name: str) -> list[_Key]:
    return [("address", address), *([("name", name[:200])] if name else [])]
