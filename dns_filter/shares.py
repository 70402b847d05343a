"""How many answers a client may wait for, where clients share what there is only so much of.

This file knows addresses and numbers: no socket, no clock, no name.
"""

from collections import Counter

from blocklists.clients import network_of
from dns_filter.turns import PART


class Waiting:
    """How many answers clients wait for: one more while one waits for less than an eighth of what is free.

    So a classroom behind one address may wait for 440 of 4,000, and greedy ones for fewer the more they are, as
    `dns_filter.turns` shares the places at upstream. All addresses of one IPv6 /64 together have twice as much as one.
    """

    def __init__(self, places: int, weight: int = 1) -> None:
        """Start with nobody waiting; a client with *weight* 8 may have as much as is free."""
        self._free, self._weight = places, weight
        self._counts: Counter[str] = Counter()

    def begin(self, address: str) -> bool:
        """Count one more for *address*, unless it or its network waits for as many as it may."""
        names = self._names(address)
        if any(self._counts[name] * PART >= share * self._weight * self._free for name, share in names.items()):
            return False
        self._counts.update(names.keys())
        self._free -= 1
        return True

    def end(self, address: str) -> None:
        """Count one less; whoever waits for nothing is forgotten."""
        self._free += 1
        for name in self._names(address):
            self._counts[name] -= 1
            if not self._counts[name]:
                del self._counts[name]

    def _names(self, address: str) -> dict[str, int]:
        """What *address* counts as, and how many shares each may have."""
        network = network_of(address)
        return {address: 1, network: 2} if "/" in network else {network: 1}
