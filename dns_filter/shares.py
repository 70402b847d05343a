"""Who counts as one client where clients share what there is only so much of.

An IPv4 address is one client. An IPv6 address is not: a device gives itself as many as it likes within its /64, so
limits that must hold count the /64. This file knows addresses and numbers: no socket, no clock, no name.
"""

import ipaddress
from collections import Counter


def network_of(address: str) -> str:
    """What *address* counts as: an IPv4 address (mapped ones too) as itself, IPv6 as its /64 on its link."""
    if ":" not in address:
        return address
    parsed = ipaddress.IPv6Address(address)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    network = f"{ipaddress.IPv6Address(int(parsed) >> 64 << 64)}/64"
    return f"{network}%{parsed.scope_id}" if parsed.scope_id else network


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
