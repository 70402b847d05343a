"""Which zones a text stands for, such as a key of [dns.forward]: one zone, or the reverse zones of a network.

This file does no I/O and raises nothing.
"""

import ipaddress

from blocklists import domain

EXAMPLE = "school.internal or 10.20.0.0/16"


def zones_of(key: str) -> tuple[str, ...]:
    """The canonical zones that *key* stands for; none if it is neither a zone nor a network.

    Reverse zones end at whole bytes of IPv4 (RFC 1035, 3.5) and at whole half-bytes of IPv6 (RFC 3596, 2.5), so a
    network between two ends is several: 10.20.0.0/15 is 20.10.in-addr.arpa and 21.10.in-addr.arpa.
    """
    if "/" in key:
        return _reverse_zones(key)
    return (key,) if domain.canonical(key) == key and not domain.as_address(key) else ()


def _reverse_zones(cidr: str) -> tuple[str, ...]:
    try:
        network = ipaddress.ip_network(cidr)
    except ValueError:
        return ()
    if not network.prefixlen:
        return ()
    step = 8 if network.version == 4 else 4
    whole = -(-network.prefixlen // step)
    parts = network.subnets(new_prefix=whole * step)
    spare = (32 if network.version == 4 else 128) // step - whole
    return tuple(part.network_address.reverse_pointer.split(".", spare)[spare] for part in parts)
