"""Addresses that no name of the outside world may have.

A public name that points at a private address turns a pupil's browser against our own machines (DNS rebinding). Only
the school's own zones may do that, and only by themselves: a public name that is an alias of one of ours would make our
machine answer to a stranger's name, and a name of ours that is an alias of a public one lets a stranger choose which of
our machines answers. This file does no I/O.
"""

import ipaddress
from collections.abc import Collection, Iterable

from blocklists import address as address_rules
from blocklists import domain
from dns_filter import local
from dns_filter.answer import Address

_DOCUMENTATION = tuple(
    map(ipaddress.ip_network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"))
)
"""Addresses for examples (RFC 5737, RFC 3849): they lead nowhere, and tests and demonstrations need some."""


def is_public(address: Address) -> bool:
    """Whether *address*, or the IPv4 one that it carries, is one of the outside world, or one for examples."""
    inner = address_rules.innermost(address)
    documented = any(inner.version == network.version and inner in network for network in _DOCUMENTATION)
    return documented or address_rules.is_public(inner)


type Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _is_a_schools(network: Network) -> bool:
    """Whether *network* is not most of the world, as "0.0.0.0/0" for everybody would be."""
    return network.prefixlen >= (8 if network.version == 4 else 16)


class Rebinding:
    """Judges answers; *zones* are the school's own, whose names may be private.

    The gateway's *own* addresses and the clients' *networks* are inside too, whatever they look like from outside: a
    school with IPv6 has public ones.
    """

    def __init__(self, zones: Iterable[str], own: Iterable[str] = ()) -> None:
        """Take the canonical names of the school's own *zones* and the texts of the gateway's *own* addresses."""
        self._zones = tuple(zones)
        self._own = frozenset(map(ipaddress.ip_address, own))
        self._networks: dict[int, tuple[Network, ...]] = {4: (), 6: ()}

    def allows(self, host: str | None, addresses: Collection[Address], names: Iterable[str] = ()) -> bool:
        """Whether *host* may have *addresses*, to which its aliases and services *names* lead.

        Without addresses a foreign name may not lead to one of ours: who follows the alias asks us for the rest.
        """
        aliases = tuple(names)
        if host is not None and self._is_ours(host):
            return all(map(self._is_ours, aliases)) or all(map(self._is_outside, addresses))
        return all(map(self._is_outside, addresses)) and (bool(addresses) or not any(map(self._leads_in, aliases)))

    def renew(self, networks: Iterable[Network]) -> None:
        """Take the clients' *networks*; one that is most of the world says nothing of a school."""
        schools = [network for network in networks if _is_a_schools(network)]
        self._networks = {
            4: tuple(ipaddress.collapse_addresses(n for n in schools if n.version == 4)),
            6: tuple(ipaddress.collapse_addresses(n for n in schools if n.version == 6)),
        }

    def _is_outside(self, address: Address) -> bool:
        if not is_public(address):
            return False
        inner = address_rules.innermost(address)
        return inner not in self._own and not any(inner in network for network in self._networks[inner.version])

    def _leads_in(self, host: str) -> bool:
        return self._is_ours(host) or any(domain.is_within(host, zone) for zone in (local.OWN, local.LOCALHOST))

    def _is_ours(self, host: str) -> bool:
        return any(domain.is_within(host, zone) for zone in self._zones)
