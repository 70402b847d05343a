"""The DNS filter's part of schoolgate.toml.

Values only: addresses are texts here ("192.0.2.1:53", "[2001:db8::1]:53") and are read by `endpoint`.
"""

import ipaddress
import re
from collections.abc import Iterator

import msgspec

from blocklists import domain
from blocklists import endpoint as endpoints
from dns_filter import local

LONGEST_WORDS = 80
"""Letters of a name or of one contact."""
MOST_CONTACTS = 2
_CONTACT = re.compile(r"(mailto:[!-~]+@[!-~]+|https://[!-~]+|tel:[+0-9][0-9.()-]+)")


class DnsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the filter listens, whom it asks, and what it says of blocked names."""

    listen: tuple[str, ...] = ("127.0.0.1:5300",)
    """Addresses for the school's clients, UDP and TCP; name each address, as an answer must leave from where it was
    asked."""

    inner: str = "127.0.0.1:5301"
    """Address for our own proxies, on loopback: real addresses, no category is closed here. Empty: none."""

    upstream: tuple[str, ...] = ("127.0.0.1:53",)
    """Resolvers to ask, in this order."""

    upstream_timeout: float = 2.5
    """Seconds that one question may take for all upstreams together."""

    closed_address_v4: str = ""
    """The IPv4 address where the block page is, given for blocked names to devices with the school's certificate.
    Empty: blocked names have no IPv4 address."""

    closed_address_v6: str = ""
    """The same for IPv6."""

    organisation: str = ""
    """Who filters, as devices are told with each closed name: the school's name. Empty: nobody is named."""

    contact: tuple[str, ...] = ()
    """Whom to ask when a closed name should be open, as devices are told with it: addresses that begin with mailto:,
    https: or tel:. It goes to every device, so let it be an office's and nobody's own."""

    private_zones: tuple[str, ...] = ()
    """The school's own zones: their names may have private addresses, and upstream is asked for them even where they
    are of a kind that is not asked outside, such as school.internal."""

    own_addresses: tuple[str, ...] = ()
    """The gateway's addresses on the school's networks, given for schoolgate.internal, where the portal is."""

    hosts: dict[str, tuple[str, ...]] = {}
    """Names that are answered here, each with its addresses, and the addresses with their names (PTR). One that no list
    and no rule speaks of is open to every profile."""

    finished_mb: int = 16
    """Megabytes for finished answers of each listener, which differ by profile: 40,000, or 120,000 of closed names."""

    cache_mb: int = 8
    """Megabytes of memory for what upstream said: some 5,000 names each."""

    stale_seconds: int = 86400
    """How long an answer is kept after its end, to be given while upstream fails or is slow. 0: not at all."""

    client_rate: int = 1000
    """Questions that one client may ask in a second for good before it is slowed, while others wait."""

    client_burst: int = 10000
    """Questions that it may ask at once: a classroom behind one address that is opened asks some 3000."""

    def problems(self) -> Iterator[str]:
        """What a technician should mend, one sentence each."""
        for name, example in (("listen", "10.20.0.1:53"), ("upstream", "9.9.9.9:53")):
            for place, text in enumerate(getattr(self, name)):
                yield from endpoints.problems(f"dns.{name}[{place}]", text, example)
        yield from self._circles()
        if not self.upstream:
            yield "dns.upstream: name at least one resolver, for example 9.9.9.9:53"
        if self.inner:
            yield from _inner_problems(self.inner)
        for version in (4, 6):
            yield from _closed_problems(version, getattr(self, f"closed_address_v{version}"))
        yield from self._words()
        for place, zone in enumerate(self.private_zones):
            if domain.canonical(zone) != zone:
                yield f"dns.private_zones[{place}]: {zone!r} is not a zone; write for example school.internal"
        if not 0.1 <= self.upstream_timeout <= 30:
            yield "dns.upstream_timeout: choose between 0.1 and 30 seconds"
        yield from self._names()
        yield from self._bounds()

    def _words(self) -> Iterator[str]:
        """What is told of a closed name must be short, as it travels with the answer."""
        if len(self.organisation) > LONGEST_WORDS or not self.organisation.isprintable():
            yield f"dns.organisation: write a name of at most {LONGEST_WORDS} letters, without line breaks"
        if len(self.contact) > MOST_CONTACTS:
            yield f"dns.contact: name at most {MOST_CONTACTS}"
        for place, text in enumerate(self.contact):
            if not _CONTACT.fullmatch(text) or len(text) > LONGEST_WORDS:
                yield f"dns.contact[{place}]: {text!r} is no address; write for example mailto:office@school.example"

    def _names(self) -> Iterator[str]:
        for place, text in enumerate(self.own_addresses):
            if not _is_address(text):
                yield f"dns.own_addresses[{place}]: {text!r} is no address; write for example 10.20.0.1"
            elif text in (self.closed_address_v4, self.closed_address_v6):
                yield f"dns.own_addresses[{place}]: {text} is the closed address, where only the block page may be"
        for name, addresses in self.hosts.items():
            yield from _host_problems(name, addresses)

    def _bounds(self) -> Iterator[str]:
        for key, least in _LEAST.items():
            if getattr(self, key) < least:
                yield f"dns.{key}: choose at least {least}"
        for key in ("cache_mb", "finished_mb"):
            if not 1 <= getattr(self, key) <= 1024:
                yield f"dns.{key}: choose between 1 and 1024 megabytes"
        if not 0 <= self.stale_seconds <= 604800:
            yield "dns.stale_seconds: choose at most 604800 seconds (a week), or 0 for no stale answers"

    def _circles(self) -> Iterator[str]:
        """A resolver that is ourselves would be asked for what it asks, without end."""
        own = {endpoints.parse(text) for text in (*self.listen, self.inner)} - {None}
        for place, text in enumerate(self.upstream):
            if endpoints.parse(text) in own:
                yield f"dns.upstream[{place}]: {text!r} is where this filter itself listens; name another resolver"


_LEAST = {"client_rate": 10, "client_burst": 100}
"""One page asks for 20 to 40 names, a device that starts for a hundred."""


def _inner_problems(text: str) -> Iterator[str]:
    yield from endpoints.problems("dns.inner", text, "127.0.0.1:5301")
    if (found := endpoints.parse(text)) and not endpoints.is_loopback(found[0]):
        yield f"dns.inner: {text!r} must be on loopback, as nothing is closed there"


def _closed_problems(version: int, text: str) -> Iterator[str]:
    if not text:
        return
    try:
        good = ipaddress.ip_address(text).version == version
    except ValueError:
        good = False
    if not good:
        yield f"dns.closed_address_v{version}: {text!r} is not an IPv{version} address"


def _host_problems(name: str, addresses: tuple[str, ...]) -> Iterator[str]:
    """What is wrong with one of the static hosts."""
    where = f"dns.hosts.{name}"
    if domain.canonical(name) != name or domain.as_address(name):
        yield f"{where}: {name!r} is no host's name; write for example printer.school.internal"
    elif name == local.OWN:
        yield f"{where}: this name is the gateway's own; write its addresses to dns.own_addresses"
    elif domain.is_within(name, local.LOCALHOST):
        yield f"{where}: this name is every machine's for itself; choose another"
    if not addresses or not all(map(_is_address, addresses)):
        yield f'{where}: write at least one address, and nothing else, for example ["10.20.0.9"]'


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def endpoint(text: str) -> tuple[str, int]:
    """(address, port) of *text* like "192.0.2.1:53" or "[2001:db8::1]:53"; ValueError with a sentence if it is none."""
    if (found := endpoints.parse(text)) is None:
        raise ValueError(f'{text!r} is no address with a port; write "192.0.2.1:53" or "[2001:db8::1]:53"')
    return found


def packed(address: str) -> bytes:
    """The bytes of *address*; b"" for none."""
    return ipaddress.ip_address(address).packed if address else b""
