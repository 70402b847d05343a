"""How often somebody may try to log in.

Only failures count. An address is slowed early, a name late: otherwise anybody on the network could keep the DSL out.
This file reads no clock of its own.
"""

from collections import OrderedDict, deque
from collections.abc import Callable

BY_ADDRESS = (10, 5 * 60.0)
"""Failures and seconds: nobody mistypes ten times in five minutes, and a guesser gets 120 tries an hour."""

BY_NAME = (30, 15 * 60.0)
"""The same for one name from everywhere: 120 an hour against a password of twelve characters is nothing."""

KEPT = 10_000
"""Addresses and names remembered; the ones untouched longest go first."""


class Attempts:
    """Failed log-ins of the last minutes, in memory."""

    def __init__(self, now: Callable[[], float]) -> None:
        """*now* gives seconds that never go back."""
        self._now = now
        self._failures: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()

    def wait(self, address: str, name: str) -> float:
        """Seconds until *address* may try *name* again; 0 when it may now."""
        return max(self._wait(("address", address), *BY_ADDRESS), self._wait(("name", name[:200]), *BY_NAME))

    def failed(self, address: str, name: str) -> None:
        """Count a failure."""
        for key, (most, _) in ((("address", address), BY_ADDRESS), (("name", name[:200]), BY_NAME)):
            times = self._failures.setdefault(key, deque(maxlen=most))
            times.append(self._now())
            self._failures.move_to_end(key)
        while len(self._failures) > KEPT:
            self._failures.popitem(last=False)

    def succeeded(self, address: str) -> None:
        """Forget the failures of *address*."""
        self._failures.pop(("address", address), None)

    def _wait(self, key: tuple[str, str], most: int, seconds: float) -> float:
        times = self._failures.get(key)
        if times is None or len(times) < most:
            return 0.0
        return max(0.0, times[0] + seconds - self._now())
