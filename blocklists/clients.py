"""Which profile an address has: the clients snapshot.

Names of people and devices live only in the database; here they are numbers. An address in no configured network is
nobody's: it gets no answer at all.
"""

import ipaddress
from functools import lru_cache

import msgspec

from blocklists import domain


class Client(msgspec.Struct, frozen=True):
    """Somebody who asks: an address, its profile, and numbers that only the database can turn into names."""

    address: str
    profile: str
    number: int = 0
    device: int = 0
    person: int = 0
    confidence: int = 0
    source: str = "network"


class Network(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A configured network and the profile of whoever is in it without a more exact entry."""

    cidr: str
    profile: str


class Clients(msgspec.Struct, frozen=True):
    """The clients snapshot's body: known addresses, then networks (the longest prefix wins)."""

    networks: tuple[Network, ...] = ()
    known: tuple[Client, ...] = ()


def network_of(address: str) -> str:
    """What *address* counts as where a limit must hold: IPv4 (mapped too) as itself, IPv6 as its /64 on its link.

    An IPv6 device gives itself as many addresses as it likes within its /64.
    """
    if ":" not in address:
        return address
    parsed = ipaddress.IPv6Address(address)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    network = f"{ipaddress.IPv6Address(int(parsed) >> 64 << 64)}/64"
    return f"{network}%{parsed.scope_id}" if parsed.scope_id else network


class ClientMap:
    """Finds the client of an address; built once for each snapshot."""

    def __init__(self, clients: Clients) -> None:
        """Sort the networks of *clients* by prefix length; a bad CIDR or address raises ValueError with its text."""
        self._known = {str(_address(client.address)): client for client in clients.known}
        networks = [(ipaddress.ip_network(n.cidr, strict=False), n.profile) for n in clients.networks]
        self._networks = sorted(networks, key=lambda n: n[0].prefixlen, reverse=True)
        self.of = lru_cache(maxsize=65536)(self._of)

    @property
    def networks(self) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
        """The configured networks, the longest prefix first."""
        return tuple(network for network, _ in self._networks)

    def moved(self, before: "ClientMap") -> set[str] | None:
        """The addresses whose client is another than *before*; None if it may be so for any."""
        old, new = before._known, self._known  # noqa: SLF001 - one of us
        if self._networks != before._networks:  # noqa: SLF001
            return None
        return {address for address in old.keys() | new.keys() if old.get(address) != new.get(address)}

    def _of(self, text: str) -> Client | None:
        """The client of the address *text*, or None where no configured network holds it."""
        try:
            address = _address(text)
        except ValueError:
            return None
        for network, profile in self._networks:
            if address.version == network.version and address in network:
                return self._known.get(str(address)) or Client(address=str(address), profile=profile)
        return None


def is_among(text: str, addresses: set[str]) -> bool:
    """Whether the address *text*, as the kernel writes it, is one of *addresses* as a `ClientMap` does."""
    return text in addresses or (":" in text and str(_address(text)) in addresses)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(domain.as_address(text) or text)
