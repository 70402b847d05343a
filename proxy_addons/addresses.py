"""Which addresses the proxy may reach: the public ones, and the private ones that the school has named.

A proxy stands inside the school's network and on the gateway itself, so without this rule a page could read the
gateway's own pages, a printer, or a cloud's metadata through it.
"""

import errno
import ipaddress
import socket
import time
from collections.abc import Iterable

from blocklists.address import Address, innermost, is_public

_CLOUD_HOST = ipaddress.ip_address("168.63.129.16")
"""A cloud's host, which its public address does not show."""
_FRESH = 1.0
"""Seconds for which it is known whether an address may be reached: the gateway's own ones may change."""
_MOST_KNOWN = 8192


class Reach:
    """The rule, with the networks that the school has named; the gateway's own address only where it is named alone."""

    def __init__(self, reachable_private: Iterable[str] = ()) -> None:
        """Take *reachable_private* (CIDR); ValueError if one is no network."""
        self._named = tuple(ipaddress.ip_network(text) for text in reachable_private)
        self._known: dict[str, bool] = {}
        self._until = 0.0

    def permits(self, text: str) -> bool:
        """Whether the address *text* may be reached; what is no address may not. Holds for a second."""
        if time.monotonic() >= self._until or len(self._known) >= _MOST_KNOWN:
            self._known.clear()
            self._until = time.monotonic() + _FRESH
        if (known := self._known.get(text)) is None:
            known = self._known[text] = self._judged(text)
        return known

    def _judged(self, text: str) -> bool:
        try:
            address = innermost(ipaddress.ip_address(text.partition("%")[0]))
        except ValueError:
            return False
        named = [network for network in self._named if address in network]
        if any(network.num_addresses == 1 for network in named):
            return True
        return (bool(named) or _is_outside(address)) and not is_own(str(address))


def _is_outside(address: Address) -> bool:
    return is_public(address) and address != _CLOUD_HOST


def is_own(text: str) -> bool:
    """Whether *text* is an address of this machine: only those can be bound (a few microseconds)."""
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((text, 0))
        except OSError as error:
            return error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EINVAL)
    return True
