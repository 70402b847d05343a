"""Addresses that no name of the outside world may have.

A public name that points at a private address turns a pupil's browser against our own machines (DNS rebinding). Only
the school's own zones may do that. This file does no I/O.
"""

import ipaddress
from collections.abc import Iterable

from blocklists import domain
from dns_filter.answer import Address

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""Addresses that a NAT64 turns into the IPv4 one in their last 32 bits (RFC 6052)."""


_UNICAST = ipaddress.IPv6Network("2000::/3")
"""All of IPv6 that has been given to the outside world (RFC 4291, IANA). What lies elsewhere is site-local (fec0::/10),
an old way to write IPv4 (::127.0.0.1, ::ffff:0:127.0.0.1) or nobody's; Python takes much of it for global."""


_DOCUMENTATION = tuple(
    map(ipaddress.ip_network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"))
)
"""Addresses for examples (RFC 5737, RFC 3849): they lead nowhere, and tests and demonstrations need some."""


_ASSIGNED = ipaddress.ip_network("192.0.0.0/24")
"""Protocol assignments, metadata services among them (RFC 6890); Python before 3.12.4 takes them for public."""


def is_public(address: Address) -> bool:
    """Whether *address* is one of the outside world.

    Private, loopback, link-local (cloud metadata among them), shared (RFC 6598), multicast, reserved and unspecified
    addresses are not; an IPv6 address that carries an IPv4 one (mapped, NAT64, 6to4) is what that one is, and any other
    must be global unicast.
    """
    inner = _embedded(address) if address.version == 6 else None
    if inner is not None:
        return is_public(inner)
    if address.version == 6 and address not in _UNICAST:
        return False
    if any(address.version == net.version and address in net for net in _DOCUMENTATION):
        return True
    return address.is_global and not address.is_multicast and address not in _ASSIGNED


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that packets to *address* end at, or None."""
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


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
