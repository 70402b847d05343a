"""Addresses that no name of the outside world may have.

A public name that points at a private address turns a pupil's browser against our own machines (DNS rebinding). Only
the school's own zones may do that. This file does no I/O.
"""

import ipaddress
from collections.abc import Iterable

from blocklists import domain
from dns_filter.answer import Address

_NAT64 = 0x0064FF9B << 64
"""The upper 96 bits of an address that a NAT64 turns into an IPv4 one (RFC 6052)."""


_DOCUMENTATION = tuple(
    map(ipaddress.ip_network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"))
)
"""Addresses for examples (RFC 5737, RFC 3849): they lead nowhere, and tests and demonstrations need some."""


_ASSIGNED = ipaddress.ip_network("192.0.0.0/24")
"""Protocol assignments, metadata services among them (RFC 6890); Python before 3.12.4 takes them for public."""


def is_public(address: Address) -> bool:
    """Whether *address* is one of the outside world.

    Private, loopback, link-local (cloud metadata among them), shared (RFC 6598), multicast, reserved and unspecified
    addresses are not; an IPv6 address that carries an IPv4 one is what that one is.
    """
    if address.version == 6:
        inner = address.ipv4_mapped or address.sixtofour or _embedded(int(address))
        if inner is not None:
            return is_public(inner)
    if any(address.version == net.version and address in net for net in _DOCUMENTATION):
        return True
    return address.is_global and not address.is_multicast and address not in _ASSIGNED


def _embedded(number: int) -> Address | None:
    """The IPv4 address inside a NAT64 (RFC 6052) or an old IPv4-compatible address, else None."""
    high, low = number >> 32, number & 0xFFFFFFFF
    if high in (_NAT64, 0) and low > 1:
        return ipaddress.IPv4Address(low)
    return None


class Rebinding:
    """Judges answers; *zones* are the school's own, whose names may be private."""

    def __init__(self, zones: Iterable[str]) -> None:
        """Take the canonical names of the school's own *zones*."""
        self._zones = tuple(zones)

    def allows(self, host: str | None, addresses: Iterable[Address]) -> bool:
        """Whether *host* may have *addresses*."""
        if host is not None and any(domain.is_within(host, zone) for zone in self._zones):
            return True
        return all(is_public(address) for address in addresses)
