"""Where a connection was going before the firewall turned it to us (`redirect` of nftables)."""

import socket
import struct

_SO_ORIGINAL_DST = 80
"""Netfilter's, the same number for IPv4 and IPv6 (linux/netfilter_ipv4.h, linux/netfilter_ipv6/ip6_tables.h)."""
_V4, _V6 = struct.Struct("!2xH4s8x"), struct.Struct("!2xH4x16s4x")


def destination(taken: socket.socket) -> tuple[str, int] | None:
    """(address, port) that the client of *taken* wanted; None if it came to us by itself."""
    local = taken.getsockname()
    host, port = _folded(local[0]), local[1]
    try:
        if "." in host:
            wanted, packed = _V4.unpack(taken.getsockopt(socket.SOL_IP, _SO_ORIGINAL_DST, _V4.size))
            found = socket.inet_ntop(socket.AF_INET, packed), wanted
        else:
            wanted, packed = _V6.unpack(taken.getsockopt(socket.IPPROTO_IPV6, _SO_ORIGINAL_DST, _V6.size))
            found = socket.inet_ntop(socket.AF_INET6, packed), wanted
    except OSError:
        return None
    return None if found == (host, port) else found


def _folded(address: str) -> str:
    """*address* without its scope, and an IPv4 one in IPv6's clothes as itself."""
    return address.partition("%")[0].removeprefix("::ffff:")
