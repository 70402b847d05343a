"""Who counts as one client where clients share what there is only so much of.

An IPv4 address is one client. An IPv6 address is not: a device gives itself as many as it likes within its /64, so
limits that must hold count the /64. This file knows addresses and numbers: no socket, no clock, no name.
"""

import ipaddress


def network_of(address: str) -> str:
    """What *address* counts as: an IPv4 address (mapped ones too) as itself, IPv6 as its /64 on its link."""
    if ":" not in address:
        return address
    parsed = ipaddress.IPv6Address(address)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    network = f"{ipaddress.IPv6Address(int(parsed) >> 64 << 64)}/64"
    return f"{network}%{parsed.scope_id}" if parsed.scope_id else network
