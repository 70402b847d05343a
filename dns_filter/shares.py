"""How many answers a client may wait for, where clients share what there is only so much of.

This file knows addresses and numbers: no socket, no clock, no name.
"""

from collections import Counter

from blocklists.clients import network_of


class Waiting:
    """How many answers clients wait for, and how many they may.

    One address may wait for *each*, and all addresses of one IPv6 /64 together for *network*.
    """

    def __init__(self, each: int, network: int) -> None:
        """Start with nobody waiting."""
        self._each, self._network = each, network
        self._counts: Counter[str] = Counter()

    def begin(self, address: str) -> bool:
        """Count one more for *address*, unless it or its network waits for as many as it may."""
        limits = self._limits(address)
        if any(self._counts[name] >= limit for name, limit in limits.items()):
            return False
        self._counts.update(limits.keys())
        return True

    def end(self, address: str) -> None:
        """Count one less; whoever waits for nothing is forgotten."""
        for name in self._limits(address):
            self._counts[name] -= 1
            if not self._counts[name]:
                del self._counts[name]

    def _limits(self, address: str) -> dict[str, int]:
        network = network_of(address)
        return {address: self._each, network: self._network} if "/" in network else {network: self._each}
