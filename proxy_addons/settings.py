"""What worker and front door are told by schoolgate.toml: plain values, checked before a socket is opened."""

import ipaddress
from collections.abc import Iterator

import msgspec

from blocklists import endpoint as endpoints
from proxy_addons import words
from proxy_addons.antivirus import Antivirus

LONGEST_SCAN = 300
"""Seconds: nobody waits longer for one step of a download."""
LONGEST_DRAIN = 60
"""Seconds. systemd kills what has not ended 90 s after it was told to (DefaultTimeoutStopSec)."""
LEAST_MEMORY = 200
"""Megabytes: a worker that has just started has 110, and each of 500 held connections takes 0.2."""
LONGEST_LIFE = 24 * 365
LONGEST_HANDOVER = 3600
"""Seconds. Two workers of one number share the machine's memory for as long."""


class ProxySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table `[proxy]`."""

    listen: tuple[str, ...] = ("127.0.0.1:8190",)
    """Where the first worker listens, for the front door alone; each further one listens at the next port."""

    inner_dns: str = "127.0.0.1:5301"
    """The inner DNS listener, the only place that names of servers are asked of."""

    ca_certificate: str = "keys/ca.crt"
    """The school's interception certificate (PEM)."""

    ca_key: str = "keys/ca.key"
    """Its key (PEM), readable by the signer only."""

    signer: str = "run/signer/signer.sock"
    """The signer's socket, in a folder that only the signer writes to and only workers may enter."""

    upstream_ca: str = ""
    """One more file of certificates (PEM) to trust in servers, besides the system's; "" for none."""

    upstream: str = ""
    """Another proxy through which every page is asked for, such as http://10.0.0.1:3128; "" for none."""

    upstream_credentials: str = ""
    """A file with "name:password" for it; "" for none; in the folder of keys it needs a LoadCredential line in the
    worker's unit."""

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
    """The portal's address, where a page's buttons lead (this should be open, I saw something); "" shows none."""

    portal_key: str = "keys/portal.key"
    """The key that those links are signed with, which the portal has too."""

    language: str = "en"
    """The language of pages for whoever's browser asks for none that there are words for (en, cy, pl, ur, ar, ro)."""

    drain_seconds: float = 3.0
    """How long a page in progress may take to finish when the worker is asked to stop (seconds)."""

    antivirus: str = ""
    """Where ClamAV's daemon takes downloads on opened connections: a socket's path or "address:port"; "" asks none."""

    antivirus_seconds: float = 30.0
    """How long one step of a scan may take before the file stays closed (seconds)."""

    antivirus_mb: int = 100
    """The longest file that is scanned, in megabytes, as the daemon's StreamMaxLength; a longer one is closed."""

    def virus_scanner(self) -> Antivirus | None:
        """The antivirus, if there is one."""
        if not self.antivirus:
            return None
        return Antivirus(self.antivirus, self.antivirus_seconds, self.antivirus_mb * 1_000_000)

    worker_memory_mb: int = 600
    """Megabytes of memory at which a worker is replaced by a new one, without dropping a page; 0 for no limit."""

    worker_hours: float = 24.0
    """Hours after which a worker is replaced in the same way; 0 for never."""

    handover_seconds: float = 300.0
    """How long what goes on in a worker that was replaced may take to finish (seconds)."""

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
        yield from self._antivirus_problems()
        if not 0 <= self.drain_seconds <= LONGEST_DRAIN:
            yield f"proxy.drain_seconds: {self.drain_seconds} must be between 0 and {LONGEST_DRAIN} seconds"
        yield from self._life_problems()
        yield from self._upstream_problems()
        for place, text in enumerate(self.reachable_private):
            try:
                ipaddress.ip_network(text)
            except ValueError:
                yield f"proxy.reachable_private[{place}]: {text!r} is no network; write for example 10.20.0.0/16"
        yield from self._page_problems()

    def _antivirus_problems(self) -> Iterator[str]:
        if self.antivirus and not self.antivirus.startswith("/"):
            yield from endpoints.problems("proxy.antivirus", self.antivirus, "/run/clamav/clamd.ctl")
        if not 0 < self.antivirus_seconds <= LONGEST_SCAN:
            yield f"proxy.antivirus_seconds: {self.antivirus_seconds} must be more than 0 and at most {LONGEST_SCAN}"
        if self.antivirus_mb < 1:
            yield f"proxy.antivirus_mb: {self.antivirus_mb} closes every file; write at least 1"

    def _upstream_problems(self) -> Iterator[str]:
        if self.upstream:
            given = self.upstream.removeprefix("http://")
            if given == self.upstream or endpoints.parse(given) is None:
                yield f"proxy.upstream: {self.upstream!r} is no proxy's address; write for example http://10.0.0.1:3128"
        elif self.upstream_credentials:
            yield "proxy.upstream_credentials: there is no proxy.upstream that they would be for"

    def _page_problems(self) -> Iterator[str]:
        if self.language not in words.available():
            there = ", ".join(sorted(words.available()))
            yield f"proxy.language: there are no words in {self.language!r}; choose one of {there}"
        if self.portal_url and not self.portal_url.startswith(("https://", "http://")):
            yield f"proxy.portal_url: {self.portal_url!r} is no web address; write https://..."

    def _life_problems(self) -> Iterator[str]:
        if self.worker_memory_mb != 0 and self.worker_memory_mb < LEAST_MEMORY:
            yield f"proxy.worker_memory_mb: {self.worker_memory_mb} must be 0 or at least {LEAST_MEMORY}"
        if not 0 <= self.worker_hours <= LONGEST_LIFE:
            yield f"proxy.worker_hours: {self.worker_hours} must be between 0 and {LONGEST_LIFE} hours"
        if not 0 <= self.handover_seconds <= LONGEST_HANDOVER:
            yield f"proxy.handover_seconds: {self.handover_seconds} must be between 0 and {LONGEST_HANDOVER} seconds"


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
