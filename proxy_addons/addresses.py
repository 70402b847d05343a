"""Which addresses the proxy may reach: the public ones, and the private ones that the school has named.

A proxy stands inside the school's network and on the gateway itself, so without this rule a page could read the
gateway's own pages, a printer, or a cloud's metadata through it.
"""

import errno
import ipaddress
import socket
from collections.abc import Iterable

type _Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""IPv4 inside IPv6 by translation (RFC 6052)."""
_UNICAST = ipaddress.IPv6Network("2000::/3")
"""All of IPv6 that is given out for the internet (RFC 4291, 2.4); Python takes some of the rest for public."""
_NEVER = (ipaddress.ip_network("168.63.129.16/32"), ipaddress.ip_network("192.0.0.0/24"))
"""A cloud's host, which its public address does not show, and protocol assignments, metadata services among them
(RFC 6890), which Python before 3.12.4 takes for public."""


class Reach:
    """The rule, with the networks that the school has named; the gateway's own address only where it is named alone."""

    def __init__(self, reachable_private: Iterable[str] = ()) -> None:
        """Take *reachable_private* (CIDR); ValueError if one is no network."""
        self._named = tuple(ipaddress.ip_network(text) for text in reachable_private)

    def permits(self, text: str) -> bool:
        """Whether the address *text* may be reached; what is no address may not."""
        try:
            address = _inner(ipaddress.ip_address(text.partition("%")[0]))
        except ValueError:
            return False
        named = [network for network in self._named if address in network]
        if any(network.num_addresses == 1 for network in named):
            return True
        return (bool(named) or _is_public(address)) and not is_own(str(address))


def _is_public(address: _Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and address not in _UNICAST:
        return False
    return address.is_global and not address.is_multicast and not any(address in network for network in _NEVER)


def _inner(address: _Address) -> _Address:
    """The IPv4 address inside *address*, where there is one."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def is_own(text: str) -> bool:
    """Whether *text* is an address of this machine: only those can be bound (a few microseconds)."""
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((text, 0))
        except OSError as error:
            return error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EINVAL)
    return True
