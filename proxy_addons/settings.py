"""What worker and front door are told by schoolgate.toml: plain values, checked before a socket is opened."""

import ipaddress
from collections.abc import Iterator

import msgspec

from blocklists import endpoint as endpoints

LONGEST_DRAIN = 60
"""Seconds. systemd kills what has not ended 90 s after it was told to (DefaultTimeoutStopSec)."""


class ProxySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table `[proxy]`."""

    listen: tuple[str, ...] = ("127.0.0.1:8190",)
    """Where the first worker listens, for the front door alone; each further one listens at the next port."""

    inner_dns: str = "127.0.0.1:5301"
    """The inner DNS listener, the only place that names of servers are asked of."""

    ca_certificate: str = "keys/ca.crt"
    """The school's interception certificate (PEM)."""

    ca_key: str = "keys/ca.key"
    """Its key (PEM), readable by the worker only."""

    upstream_ca: str = ""
    """One more file of certificates (PEM) to trust in servers, besides the system's; "" for none."""

    reachable_private: tuple[str, ...] = ()
    """Networks (CIDR) with private addresses that may be reached: the school's own servers; this machine's own address
    only where it is named alone (/32, /128)."""

    ports: tuple[int, ...] = (80, 443, 8080, 8443)
    """Ports that may be reached: the web; others only by profiles that let pass what nobody can see into (`unseen`)."""

    adult: str = ""
    """The grown-up whom pupils are told to talk to; "" says "a teacher or another adult you trust"."""

    contact: str = ""
    """Whom staff ask when a site should be open; "" says "the person who looks after the network"."""

    portal_url: str = ""
    """Where staff ask for a site to be opened; "" shows no link."""

    drain_seconds: float = 3.0
    """How long a page in progress may take to finish when the worker is asked to stop (seconds)."""

    def problems(self) -> Iterator[str]:
        """What a technician should mend, one sentence each."""
        if not self.listen:
            yield 'proxy.listen: there is no address, so no worker could be reached; write ["127.0.0.1:8190"]'
        if len(self.listen) > 1:
            yield f"proxy.listen: {len(self.listen)} addresses, but one is enough; further workers have the next ports"
        for place, text in enumerate(self.listen):
            yield from endpoints.problems(f"proxy.listen[{place}]", text, "127.0.0.1:8190")
            if (found := endpoints.parse(text)) and not endpoints.is_loopback(found[0]):
                yield f"proxy.listen[{place}]: {text} is not loopback; clients come to peek.listen, not to a worker"
        yield from endpoints.problems("proxy.inner_dns", self.inner_dns, "127.0.0.1:5301")
        for place, port in enumerate(self.ports):
            yield from endpoints.port_problems(f"proxy.ports[{place}]", port)
        if not 0 <= self.drain_seconds <= LONGEST_DRAIN:
            yield f"proxy.drain_seconds: {self.drain_seconds} must be between 0 and {LONGEST_DRAIN} seconds"
        for place, text in enumerate(self.reachable_private):
            try:
                ipaddress.ip_network(text)
            except ValueError:
                yield f"proxy.reachable_private[{place}]: {text!r} is no network; write for example 10.20.0.0/16"
        if self.portal_url and not self.portal_url.startswith(("https://", "http://")):
            yield f"proxy.portal_url: {self.portal_url!r} is no web address; write https://..."


class PeekSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table `[peek]`."""

    listen: tuple[str, ...] = ("127.0.0.1:8080",)
    """Where clients that know of the proxy reach it, as "address:port"; several instances share one port."""

    transparent_http: tuple[str, ...] = ()
    """Where the firewall turns plain HTTP (port 80) to, of clients that know of no proxy: "10.20.0.1:8081"; [] for
    nowhere."""

    transparent_tls: tuple[str, ...] = ()
    """The same for HTTPS (port 443): "10.20.0.1:8443"; [] for nowhere."""

    def problems(self) -> Iterator[str]:
        """What a technician should mend, one sentence each."""
        for key, texts, example in (
            ("listen", self.listen, "10.20.0.1:8080"),
            ("transparent_http", self.transparent_http, "10.20.0.1:8081"),
            ("transparent_tls", self.transparent_tls, "10.20.0.1:8443"),
        ):
            for place, text in enumerate(texts):
                yield from endpoints.problems(f"peek.{key}[{place}]", text, example)

    @property
    def places(self) -> tuple[tuple[str, str], ...]:
        """(setting, address and port) of each place."""
        kinds = (
            ("listen", self.listen),
            ("transparent_http", self.transparent_http),
            ("transparent_tls", self.transparent_tls),
        )
        return tuple((f"peek.{key}[{place}]", text) for key, texts in kinds for place, text in enumerate(texts))


def endpoint(text: str) -> tuple[str, int] | None:
    """(address, port) of "10.0.0.1:8080" or "[fd00::1]:8080", or None if *text* is not written like that."""
    return endpoints.parse(text)
