"""What is wrong with the names, zones and addresses that the settings hold, in sentences that say what to write.

This file opens nothing; of zones it asks the public suffix list, and only of those that may be on it.
"""

import ipaddress
from collections.abc import Iterator

from blocklists import domain, suffix
from dns_filter import forwarding, local

ZONE = "school.internal"
HOST = "printer.school.internal"


def key(table: str, name: str) -> str:
    """The path of the key *name* of *table*, as the file writes it: a name has dots, so it is in quotes."""
    return f'{table}."{name}"'


def private_zone_problems(where: str, zone: str) -> Iterator[str]:
    """What is wrong with a zone of which the school says that it is its own."""
    if not _is_name(zone):
        yield f"{where}: {zone!r} is not a zone; write {_spelled(zone, ZONE)}"
    elif domain.is_within(zone, local.OWN):
        yield f"{where}: {zone} is the gateway's own zone, and nobody is asked for it; leave it out"
    elif not any(domain.is_within(zone, inside) for inside in local.ZONES) and suffix.is_public(zone):
        yield f"{where}: under {zone} anybody may have a site; write the school's own zone, for example {ZONE}"


def forward_problems(where: str, text: str) -> Iterator[str]:
    """What is wrong with a key of [dns.forward]: a zone, or a network for its reverse zones."""
    if not forwarding.zones_of(text):
        if network := _without_host_bits(text):
            yield f"{where}: {text} has host bits set; the network of this address is {network}"
        else:
            yield f"{where}: this is neither a zone nor a network; write {_spelled(text, forwarding.EXAMPLE)}"
    elif domain.is_within(text, local.OWN):
        yield f"{where}: this is the gateway's own zone, and nobody is asked for it; leave it out"


def host_problems(where: str, name: str, addresses: tuple[str, ...]) -> Iterator[str]:
    """What is wrong with one of the static hosts."""
    if not _is_name(name):
        yield f"{where}: {name!r} is no host's name; write {_spelled(name, HOST)}"
    elif name == local.OWN:
        yield f"{where}: this name is the gateway's own; write its addresses to dns.own_addresses"
    elif domain.is_within(name, local.LOCALHOST):
        yield f"{where}: this name is every machine's for itself; choose another"
    if not addresses or not all(map(_address, addresses)):
        yield f'{where}: write at least one address, and nothing else, for example ["10.20.0.9"]'


def given_problems(where: str, text: str, version: int | None = None) -> Iterator[str]:
    """What is wrong with an address that is given to devices, of IP *version* if that is set."""
    address = _address(text)
    if address is None or version not in (None, address.version):
        yield f"{where}: {text!r} is not an {f'IPv{version} ' if version else ''}address; write for example 10.20.0.1"
    elif address.is_unspecified or address.is_multicast:
        yield f"{where}: {text} is no machine's address; write the one that devices reach, for example 10.20.0.1"


def _is_name(text: str) -> bool:
    return domain.canonical(text) == text and not domain.as_address(text)


def _spelled(text: str, example: str) -> str:
    """What to write in place of *text*: the same as names are spelled here, or an example."""
    name = domain.canonical(text)
    if name is None or name == text or domain.as_address(name):
        return f"for example {example}"
    return f"{name}: in small letters, and without a dot at its end"


def _without_host_bits(text: str) -> str:
    """The network that the address with a prefix *text* is in; "" if it is none."""
    try:
        return str(ipaddress.ip_network(text, strict=False)) if "/" in text else ""
    except ValueError:
        return ""


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address *text*; None for what is none, or is good on one link only ("fe80::1%eth0")."""
    try:
        return None if "%" in text else ipaddress.ip_address(text)
    except ValueError:
        return None
