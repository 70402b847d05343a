"""What a proxy worker is told by schoolgate.toml: plain values, checked before a socket is opened."""

import ipaddress
from collections.abc import Iterator

import msgspec

from blocklists import endpoint as endpoints
from proxy_addons import words

LONGEST_DRAIN = 60
"""Seconds. systemd kills what has not ended 90 s after it was told to (DefaultTimeoutStopSec)."""


class ProxySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table `[proxy]`."""

    listen: tuple[str, ...] = ("127.0.0.1:8080",)
    """Where clients reach the proxy, as "address:port"; several instances share one port."""

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
    """Ports that may be reached: the web and nothing else."""

    adult: str = ""
    """The grown-up whom pupils are told to talk to; "" says "a teacher or another adult you trust"."""

    contact: str = ""
    """Whom staff ask when a site should be open; "" says "the person who looks after the network"."""

    portal_url: str = ""
    """The portal's address, where a page's buttons lead (this should be open, I saw something); "" shows none."""

    portal_key: str = "keys/portal.key"
    """The key that those links are signed with, which the portal has too."""

    language: str = "en"
    """The language of pages for whoever's browser asks for none that there are words for (en, cy, pl, ur, ar, ro)."""

    drain_seconds: float = 3.0
    """How long a page in progress may take to finish when the worker is asked to stop (seconds)."""

    def problems(self) -> Iterator[str]:
        """What a technician should mend, one sentence each."""
        for place, text in enumerate(self.listen):
            yield from endpoints.problems(f"proxy.listen[{place}]", text, "10.20.0.1:8080")
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
        if self.language not in words.available():
            there = ", ".join(sorted(words.available()))
            yield f"proxy.language: there are no words in {self.language!r}; choose one of {there}"
        if self.portal_url and not self.portal_url.startswith(("https://", "http://")):
            yield f"proxy.portal_url: {self.portal_url!r} is no web address; write https://..."


def endpoint(text: str) -> tuple[str, int] | None:
    """(address, port) of "10.0.0.1:8080" or "[fd00::1]:8080", or None if *text* is not written like that."""
    return endpoints.parse(text)
