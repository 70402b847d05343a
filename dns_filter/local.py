"""Names that are answered here and never asked of anybody: our own, the school's static hosts, and zones of no world.

This file has no clock, no chance, no socket and no log: a name and a type go in, the body of an answer comes out.
Zones that belong to the inside of any network (RFC 6303, RFC 6761 and others) leave the school only by a setting.
"""

import ipaddress
import struct
from collections.abc import Collection, Iterable, Mapping

from blocklists import domain
from blocklists.verdict import Action, Reason, Verdict
from dns_filter import forwarding, reply, wire
from dns_filter.reply import Body

OWN = "schoolgate.internal"
"""The gateway's own name, where the portal is."""
LOCALHOST = "localhost"

_INSIDE = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "255.255.255.255/32",
    "::/128",
    "::1/128",
    "fd00::/8",
    "fe80::/10",
    "2001:db8::/32",
)
"""Networks whose reverse zones are answered where they are asked (RFC 6303, 4; RFC 7793 for 100.64.0.0/10)."""


ZONES = frozenset(zone for text in _INSIDE for zone in forwarding.zones_of(text)) | {
    OWN,
    LOCALHOST,  # RFC 6761, 6.3
    "invalid",  # RFC 6761, 6.4
    "local",  # RFC 6762, 22.1: asked of the link, not of us
    "onion",  # RFC 7686, 2
    "home.arpa",  # RFC 8375, 4
    "resolver.arpa",  # RFC 9462, 6.4
    "internal",  # reserved by ICANN in 2024 for inside networks
}
"""Zones that are ours to answer. "test" (RFC 6761, 6.2) is none of them: demonstrations try things there."""
_TOPS = frozenset(zone.rpartition(".")[2] for zone in ZONES)
"""The top-level domains of these: most names end in none of them, and no parent of theirs need be looked up."""

_NO_DESIGNATED_RESOLVER = "_dns.resolver.arpa"
"""Exists without records: this resolver names no encrypted one (RFC 9462, 6.4)."""

_NS, _PTR = 2, 12
_FOR_HOSTS = frozenset({wire.A, wire.AAAA, wire.SVCB, wire.HTTPS})
"""Types that who looks for a host asks for: of a name without a dot no upstream is asked for these. Validators ask for
others of top-level domains."""
_RECORD = struct.Struct(">HHIH")
_THE_QUESTION = b"\xc0\x0c"

type Data = Mapping[int, Collection[bytes]]
"""What a name has, by type: the data of its records."""


class Local:
    """What is answered here.

    *hosts* are the school's static hosts and their addresses, *own* the addresses of `OWN`, *elsewhere* zones that are
    answered by somebody whom the school names, though they lie in one of `ZONES`; of two the longer one counts.
    """

    def __init__(self, hosts: Mapping[str, Iterable[str]], own: Iterable[str], elsewhere: Iterable[str]) -> None:
        """Learn them; names are canonical, addresses texts (ValueError for one that is none)."""
        self._hosts = {name: _by_type(addresses) for name, addresses in hosts.items()}
        self._own = _by_type(own)
        self._elsewhere = frozenset(elsewhere) - {OWN}
        self._reverse = _reverse_names({**hosts, OWN: own})
        named = {*self._hosts, *self._reverse, *self._elsewhere, _NO_DESIGNATED_RESOLVER}
        self._existing = {suffix for name in named for suffix in domain.suffixes(name)}

    def answer(self, host: str, name: bytes, kind: int) -> Body | None:
        """What we say ourselves of *host*, whoever asks; None for a static host and for what others know.

        *name* is the host's wire form, *kind* the type that is asked for.
        """
        if not host or host in self._hosts:
            return None
        if host in self._reverse:
            return _records(name, kind, {_PTR: self._reverse[host]}, reply.FILTERED_TTL, host)
        zone = self._zone(host)
        if zone is None or (not zone and kind not in _FOR_HOSTS):
            return None
        return self._in_zone(zone, host, name, kind)

    def static(self, host: str, name: bytes, kind: int, ttl: int) -> Body | None:
        """The answer for a static host, good for *ttl* seconds; None for any other name."""
        found = self._hosts.get(host)
        return None if found is None else _records(name, kind, found, ttl, host)

    def judged(self, host: str, verdict: Verdict) -> Verdict:
        """*verdict*, but that what the technician named is open where nobody decided about it.

        That is a static host, and any name in a zone of the school's own: no list of approved sites has those.
        """
        unknown = verdict.blocked and verdict.reason in (Reason.UNKNOWN, Reason.NOT_APPROVED)
        if not unknown or not (host in self._hosts or self._elsewhere.intersection(domain.suffixes(host))):
            return verdict
        return Verdict(Action.ALLOW, Reason.APPROVED, rule=host, until=verdict.until)

    def _zone(self, host: str) -> str | None:
        """The zone of ours that *host* is in, "" for a name without a dot, None if others know it."""
        _, dot, top = host.rpartition(".")
        if dot and top not in _TOPS:
            return None
        for suffix in domain.suffixes(host):
            if suffix in self._elsewhere:
                return None
            if suffix in ZONES:
                return suffix
        return None if dot else ""

    def _in_zone(self, zone: str, host: str, name: bytes, kind: int) -> Body:
        data = dict(_LOOPBACK if zone == LOCALHOST else self._own if host == OWN else {})
        if host == zone:
            data |= {_NS: [_THE_QUESTION], wire.SOA: [_soa_data(name, zone, reply.FILTERED_TTL)]}
        if data or host in self._existing:
            return _records(name, kind, data, reply.FILTERED_TTL, zone)
        return Body(reply.NXDOMAIN, _soa(name, zone, reply.FILTERED_TTL), (0, 1, 0))


def _by_type(addresses: Iterable[str]) -> Data:
    packed = [ipaddress.ip_address(text).packed for text in addresses]
    return {kind: [one for one in packed if len(one) == length] for kind, length in ((wire.A, 4), (wire.AAAA, 16))}


_LOOPBACK = _by_type(("127.0.0.1", "::1"))


def _reverse_names(hosts: Mapping[str, Iterable[str]]) -> dict[str, list[bytes]]:
    """The wire names of the hosts that each address belongs to, by its reverse name."""
    names: dict[str, list[bytes]] = {}
    for host, addresses in hosts.items():
        for text in addresses:
            names.setdefault(ipaddress.ip_address(text).reverse_pointer, []).append(wire.name_of(host))
    return names


def _records(name: bytes, kind: int, data: Data, ttl: int, zone: str) -> Body:
    """The records of type *kind* that *name* has by *data*, or that it has none; small for ANY (RFC 8482)."""
    if kind == wire.ANY:
        return reply.any_minimal(ttl)
    found = data.get(kind)
    if not found:
        return Body(reply.NOERROR, _soa(name, zone, ttl), (0, 1, 0))
    records = (_THE_QUESTION + _RECORD.pack(kind, wire.IN, ttl, len(one)) + one for one in found)
    return Body(reply.NOERROR, b"".join(records), (len(found), 0, 0))


def _soa(name: bytes, zone: str, ttl: int) -> bytes:
    """The SOA record of *zone*, in which *name* is, that lets a missing name be remembered for *ttl* seconds."""
    data = _soa_data(name, zone, ttl)
    return _top(name, zone) + _RECORD.pack(wire.SOA, wire.IN, ttl, len(data)) + data


def _soa_data(name: bytes, zone: str, ttl: int) -> bytes:
    """As RFC 6303, 3, has it: the zone is its own server, and nobody answers mail."""
    return _top(name, zone) + wire.name_of("nobody.invalid") + struct.pack(">IIIII", 1, 3600, 1200, 604800, ttl)


def _top(name: bytes, zone: str) -> bytes:
    """The name of *zone*: a pointer to where it stands in the question's *name*; the root has no use for one."""
    if not zone:
        return b"\0"
    return (0xC000 | wire.HEADER + len(name) - len(wire.name_of(zone))).to_bytes(2)
