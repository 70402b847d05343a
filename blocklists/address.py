"""Which addresses are of the outside world: DNS answers and the proxy's destinations are held to the same rule.

This file does no I/O: whether an address is this machine's own is for whoever opens sockets.
"""

import ipaddress

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""Addresses that a NAT64 turns into the IPv4 one in their last 32 bits (RFC 6052)."""
_UNICAST = ipaddress.IPv6Network("2000::/3")
"""All of IPv6 that has been given to the outside world (RFC 4291, IANA). What lies elsewhere is site-local (fec0::/10),
an old way to write IPv4 (::127.0.0.1, ::ffff:0:127.0.0.1) or nobody's; Python takes much of it for global."""
_ASSIGNED = ipaddress.ip_network("192.0.0.0/24")
"""Protocol assignments, metadata services among them (RFC 6890); Python before 3.12.4 takes them for public."""


def innermost(address: Address) -> Address:
    """The IPv4 address that packets to *address* end at (mapped, NAT64, 6to4), else *address* itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def is_public(address: Address) -> bool:
    """Whether the `innermost` *address* is one of the outside world.

    Private, loopback, link-local (cloud metadata among them), shared (RFC 6598), multicast, reserved and unspecified
    addresses are not; an IPv6 address must be global unicast.
    """
    if isinstance(address, ipaddress.IPv6Address) and address not in _UNICAST:
        return False
    return address.is_global and not address.is_multicast and address not in _ASSIGNED
