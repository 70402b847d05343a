"""The DNS filter's part of schoolgate.toml.

Values only: addresses are texts here ("192.0.2.1:53", "[2001:db8::1]:53") and are read by `endpoint`; resolvers by
`dns_filter.upstream_place`.
"""

import ipaddress
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

import msgspec

from blocklists import domain
from blocklists import endpoint as endpoints
from dns_filter import forwarding, setting_names, upstream_place
from dns_filter.upstream_place import Place

LONGEST_WORDS = 80
"""Letters of a name or of one contact."""
MOST_CONTACTS = 2
_CONTACT = re.compile(r"(mailto:[!-~]+@[!-~]+|https://[!-~]+|tel:[+0-9][0-9.()-]+)")


class DohSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A resolver that is asked over HTTPS, by a process of its own (`schoolgate doh`)."""

    url: str = ""
    """where the resolver is, such as https://dns.example/dns-query; its certificate must be for that name; empty: there
    is no such process"""
    addresses: tuple[str, ...] = ()
    """the addresses of that name, tried in this order, as no DNS is there to find them"""
    listen: str = "127.0.0.1:5302"
    """where the process listens, UDP and TCP, on loopback; name the same in dns.upstream"""

    def problems(self) -> Iterator[str]:
        """What a technician should mend, one sentence each; nothing of what is not used."""
        if not self.url:
            return
        if not _is_doh(self.url):
            what = "names no path" if _is_doh(f"{self.url}/") else "is no address of a resolver"
            yield f"dns.doh.url: {self.url!r} {what}; write for example https://dns.example/dns-query"
        yield from endpoints.problems("dns.doh.listen", self.listen, "127.0.0.1:5302")
        if (found := endpoints.parse(self.listen)) and not endpoints.is_loopback(found[0]):
            yield f"dns.doh.listen: {self.listen!r} must be on loopback, as nothing is closed there"
        for place, text in enumerate(self.addresses):
            yield from endpoints.address_problems(f"dns.doh.addresses[{place}]", text)
        if not self.addresses:
            yield "dns.doh.addresses: name at least one address of the resolver, for example 9.9.9.9"


class DnsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the filter listens, whom it asks, and what it says of blocked names."""

    listen: tuple[str, ...] = ("127.0.0.1:5300",)
    """Addresses for the school's clients, UDP and TCP; name each address, as an answer must leave from where it was
    asked."""

    inner: str = "127.0.0.1:5301"
    """Address for our own proxies, on loopback: real addresses, no category is closed here. Empty: none."""

    upstream: tuple[str, ...] = ("127.0.0.1:53",)
    """Resolvers to ask, the quickest first; "tls://9.9.9.9:853#dns.quad9.net" is one that is asked over TLS."""

    upstream_timeout: float = 2.5
    """Seconds that one question may take for all upstreams together."""

    upstream_ca: str = ""
    """One more file of certificates (PEM) to trust in resolvers that are asked over TLS or HTTPS, besides the system's;
    "" for none; in the folder of keys it needs a LoadCredential line in the units of dns and doh."""

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

    tell: str = ""
    """A Unix datagram socket that is told of each permitted answer: which client may go to which addresses, for how
    long; for a firewall. Empty: nobody is told."""

    finished_mb: int = 12
    """Megabytes for finished answers of each listener, which differ by profile: 30,000, or 90,000 of closed names."""

    cache_mb: int = 8
    """Megabytes of memory for what upstream said: some 5,000 names each."""

    stale_seconds: int = 86400
    """How long an answer is kept after its end, to be given while upstream fails or is slow. 0: not at all."""

    client_rate: int = 1000
    """Questions that one client may ask in a second for good before it is slowed, while others wait."""

    client_burst: int = 10000
    """Questions that it may ask at once: a classroom behind one address that is opened asks some 3000."""

    forward: dict[str, tuple[str, ...]] = {}
    """Zones, or networks for their reverse zones, with the resolvers that are asked for them and nobody else; the
    longest zone wins, and its names may have private addresses."""

    doh: DohSettings = DohSettings()
    """a resolver that is asked over HTTPS"""

    @property
    def places(self) -> list[Place]:
        """The resolvers for every name; ValueError if one is written wrongly."""
        return _places(self.upstream)

    @property
    def forwarded(self) -> dict[str, list[Place]]:
        """The resolvers of each zone that is forwarded; ValueError if one is written wrongly."""
        return {zone: _places(texts) for key, texts in self.forward.items() for zone in forwarding.zones_of(key)}

    @property
    def own_zones(self) -> tuple[str, ...]:
        """The zones that the school has itself: names there may be private, and somebody inside knows them."""
        return (*self.private_zones, *self.forwarded)

    def problems(self) -> Iterator[str]:
        """What a technician should mend, one sentence each."""
        for place, text in enumerate(self.listen):
            yield from _listen_problems(f"dns.listen[{place}]", text)
        yield from self._upstream_problems("dns.upstream", self.upstream)
        yield from self._forward_problems()
        yield from self._doh_problems()
        if self.inner:
            yield from _inner_problems(self.inner)
        for version in (4, 6):
            if text := getattr(self, f"closed_address_v{version}"):
                yield from setting_names.given_problems(f"dns.closed_address_v{version}", text, version)
        yield from self._words()
        for place, zone in enumerate(self.private_zones):
            yield from setting_names.private_zone_problems(f"dns.private_zones[{place}]", zone)
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
            yield from setting_names.given_problems(f"dns.own_addresses[{place}]", text)
            if text in (self.closed_address_v4, self.closed_address_v6):
                yield f"dns.own_addresses[{place}]: {text} is the closed address, where only the block page may be"
        for name, addresses in self.hosts.items():
            yield from setting_names.host_problems(setting_names.key("dns.hosts", name), name, addresses)

    def _bounds(self) -> Iterator[str]:
        for key, least in _LEAST.items():
            if getattr(self, key) < least:
                yield f"dns.{key}: choose at least {least}"
        for key in ("cache_mb", "finished_mb"):
            if not 1 <= getattr(self, key) <= 1024:
                yield f"dns.{key}: choose between 1 and 1024 megabytes"
        if not 0 <= self.stale_seconds <= 604800:
            yield "dns.stale_seconds: choose at most 604800 seconds (a week), or 0 for no stale answers"

    def _upstream_problems(self, where: str, texts: Sequence[str]) -> Iterator[str]:
        """A resolver that is ourselves would be asked for what it asks, without end."""
        own = {endpoints.parse(text) for text in (*self.listen, self.inner)} - {None}
        for place, text in enumerate(texts):
            if text.startswith("https:"):
                says = f"name it in [dns.doh], and here {self.doh.listen}"
                yield f"{where}[{place}]: {text!r} is asked by a process of its own: {says}"
            else:
                yield from upstream_place.problems(f"{where}[{place}]", text)
            if (found := upstream_place.parse(text)) and found[:2] in own:
                yield f"{where}[{place}]: {text!r} is where this filter itself listens; name another resolver"
        if not texts:
            yield f"{where}: name at least one resolver, for example 9.9.9.9:53"

    def _doh_problems(self) -> Iterator[str]:
        found = list(self.doh.problems())
        yield from found
        asked = {text for texts in (self.upstream, *self.forward.values()) for text in texts}
        if self.doh.url and not found and self.doh.listen not in asked:
            yield f"dns.doh.url: nobody asks this resolver; add {self.doh.listen!r} to dns.upstream"

    def _forward_problems(self) -> Iterator[str]:
        for key, texts in self.forward.items():
            where = setting_names.key("dns.forward", key)
            yield from setting_names.forward_problems(where, key)
            yield from self._upstream_problems(where, texts)
        for zone, count in Counter(zone for key in self.forward for zone in forwarding.zones_of(key)).items():
            if count > 1:
                yield f"dns.forward: the zone {zone} is there twice"


def _is_doh(url: str) -> bool:
    """Whether *url* is one that can be asked: https, a host's name, and a path."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    plain = not (parts.username or parts.password or parts.query or parts.fragment) and port != 0
    return parts.scheme == "https" and domain.canonical(host) == host and parts.path.startswith("/") and plain


_LEAST = {"client_rate": 10, "client_burst": 100}
"""One page asks for 20 to 40 names, a device that starts for a hundred."""


def _inner_problems(text: str) -> Iterator[str]:
    yield from endpoints.problems("dns.inner", text, "127.0.0.1:5301")
    if (found := endpoints.parse(text)) and not endpoints.is_loopback(found[0]):
        yield f"dns.inner: {text!r} must be on loopback, as nothing is closed there"


def _listen_problems(where: str, text: str) -> Iterator[str]:
    yield from endpoints.problems(where, text, "10.20.0.1:53")
    if (found := endpoints.parse(text)) and ipaddress.ip_address(found[0]).is_unspecified:
        says = "answers would leave from another address than was asked"
        yield f"{where}: {text!r} stands for every address, and {says}; name each address, for example 10.20.0.1:53"


def endpoint(text: str) -> tuple[str, int]:
    """(address, port) of *text* like "192.0.2.1:53" or "[2001:db8::1]:53"; ValueError with a sentence if it is none."""
    if (found := endpoints.parse(text)) is None:
        raise ValueError(f'{text!r} is no address with a port; write "192.0.2.1:53" or "[2001:db8::1]:53"')
    return found


def packed(address: str) -> bytes:
    """The bytes of *address*; b"" for none."""
    return ipaddress.ip_address(address).packed if address else b""


def _places(texts: Sequence[str]) -> list[Place]:
    places = []
    for text in texts:
        if (found := upstream_place.parse(text)) is None:
            raise ValueError(f"{text!r} is no resolver's address with a port; write {upstream_place.EXAMPLE}")
        places.append(found)
    return places
