"""What is wrong with a schoolgate.toml that can be read: a sentence each, with the path of the key that it is about.

A room says of its own settings what is wrong with them. Here is what is between them: networks, files, and what would
listen at the address of something else.
"""

import ipaddress
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from blocklists import defaults, endpoint
from blocklists.clients import Network
from reporting import site_schema
from reporting.settings import on_server

if TYPE_CHECKING:
    from deploy.config import Config

LONGEST_SITE = 64
"""Characters. A journal's file carries the name besides 32 more, and a file's name has 255 bytes (NAME_MAX)."""
LAST_INSTANCE = 63
"""The highest number of a process of one kind: more processes than this, on one core each, no gateway has."""


def of(config: "Config") -> Iterator[str]:
    """Everything in *config* that stands in the way of using it, one sentence each."""
    yield from _site_problems(config)
    if config.log_level not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
        yield f"log_level: {config.log_level!r} must be DEBUG, INFO, WARNING or ERROR"
    for place, network in enumerate(config.networks):
        yield from _network_problems(f"networks[{place}]", network, loopback=config.loopback_school)
    yield from _twice("networks", [network.cidr for network in config.networks])
    yield from _listening_twice(config)
    for place, cidr in enumerate(config.proxy.reachable_private):
        yield from _cidr_problems(f"proxy.reachable_private[{place}]", cidr, loopback=config.loopback_school)
    yield from config.dns.problems()
    yield from config.peek.problems()
    yield from config.proxy.problems()
    yield from config.closed.problems()
    yield from config.reporting.problems()
    yield from config.metrics.problems()
    for label, subscription in config.subscriptions.items():
        yield from subscription.problems(label)
    for key, path in _paths(config).items():
        if not path or "\0" in path:
            yield f"{key}: {path!r} is no path; name a file or folder"
    for name, count in (("dns", config.run.dns), ("peek", config.run.peek), ("workers", config.run.workers)):
        if not 1 <= count <= LAST_INSTANCE + 1:
            yield f"run.{name}: {count} must be between 1 and {LAST_INSTANCE + 1}"


def _site_problems(config: "Config") -> Iterator[str]:
    if not config.site.replace("_", "").isalnum() or not config.site.isascii() or len(config.site) > LONGEST_SITE:
        yield f"site: {config.site!r} must be letters, digits and underscores, {LONGEST_SITE} at most"
    elif on_server(config.reporting.database):
        yield from site_schema.problems(config.site)


def _paths(config: "Config") -> dict[str, str]:
    """Every file and folder that the file names, by the path of its key."""
    return {
        **{f"paths.{name}": path for name, path in msgspec.structs.asdict(config.paths).items()},
        **{f"lists.{name}.file": one.file for name, one in config.lists.items()},
        "proxy.signer": config.proxy.signer,
        "dns.tell": config.dns.tell or "-",  # nobody
        **{key: path for key, path in files_given(config).items() if path},
        "reporting.database": config.reporting.database or "-",  # an empty one is said by reporting
        "reporting.backup.folder": config.reporting.backup.folder or "-",
    }


def files_given(config: "Config") -> dict[str, str]:
    """The files of keys, certificates and passwords, by the path of the key; "" for none."""
    proxy, reporting = config.proxy, config.reporting
    return {
        "dns.upstream_ca": config.dns.upstream_ca,
        "proxy.ca_certificate": proxy.ca_certificate,
        "proxy.ca_key": proxy.ca_key,
        "proxy.upstream_ca": proxy.upstream_ca,
        "proxy.portal_key": proxy.portal_key if proxy.portal_url else "",
        "proxy.upstream_credentials": proxy.upstream_credentials,
        "reporting.tls_certificate": reporting.tls_certificate,
        "reporting.tls_key": reporting.tls_key,
        "reporting.server.password_file": reporting.server.password_file,
        "reporting.server.ca_file": reporting.server.ca_file,
        "reporting.mail.password_file": reporting.mail.password_file,
        "reporting.mail.ca_file": reporting.mail.ca_file,
        **{f"reporting.channels.{name}.url_file": one.url_file for name, one in reporting.channels.items()},
        **{f"subscriptions.{label}.ca_file": one.ca_file for label, one in config.subscriptions.items()},
    }


def _twice(what: str, values: list[str]) -> Iterator[str]:
    for value, count in sorted(Counter(values).items()):
        if count > 1:
            yield f"{what}: {value} is there twice"


def _listening_twice(config: "Config") -> Iterator[str]:
    """One sentence for each address and port at which two things would listen, with the keys of both."""
    keys: dict[str, list[str]] = {}
    for key, address in _listening(config):
        keys.setdefault(address, []).append(key)
    for address, named in sorted(keys.items()):
        if len(named) > 1:
            yield f"{' and '.join(named)}: {address} is there twice; choose another address or port for one"


def _listening(config: "Config") -> Iterator[tuple[str, str]]:
    """(key, address and port) of all that something listens on over TCP."""
    dns, metrics = config.dns, config.metrics
    yield from ((f"dns.listen[{place}]", text) for place, text in enumerate(dns.listen))
    if dns.inner:
        yield "dns.inner", dns.inner
    if dns.doh.url:
        yield "dns.doh.listen", dns.doh.listen
    yield from config.peek.places
    yield from (("proxy.listen[0]", text) for text in workers(config))
    for key in ("listen", "listen_tls"):
        yield from ((f"closed.{key}[{place}]", text) for place, text in enumerate(getattr(config.closed, key)))
    yield "reporting.listen", config.reporting.listen
    if config.reporting.offsite.listen:
        yield "reporting.offsite.listen", config.reporting.offsite.listen
    host = f"[{metrics.address}]" if ":" in metrics.address else metrics.address
    yield from (("metrics.dns", f"{host}:{metrics.dns + n}") for n in range(config.run.dns))
    yield from (("metrics.peek", f"{host}:{metrics.peek + n}") for n in range(config.run.peek))
    yield from (("metrics.worker", f"{host}:{metrics.worker + n}") for n in range(config.run.workers))
    yield "metrics.reporting", f"{host}:{metrics.reporting}"
    if config.closed.wanted:
        yield "metrics.closed", f"{host}:{metrics.closed}"


def workers(config: "Config") -> Iterator[str]:
    """The address and port of each worker: the first is written, each further one has the next port."""
    for host, port in filter(None, map(endpoint.parse, config.proxy.listen[:1])):
        yield from (f"[{host}]:{port + n}" if ":" in host else f"{host}:{port + n}" for n in range(config.run.workers))


def _network_problems(where: str, network: Network, *, loopback: bool) -> Iterator[str]:
    yield from _cidr_problems(f"{where}.cidr", network.cidr, loopback=loopback)
    if not network.profile:
        yield f"{where}.profile: name a profile, for example one of {', '.join(_profile_names())}"


def _profile_names() -> list[str]:
    return [row["profile"] for row in defaults.table("profiles")]


def _cidr_problems(where: str, cidr: str, *, loopback: bool) -> Iterator[str]:
    try:
        network = ipaddress.ip_network(cidr, strict=False)
    except ValueError as error:
        yield f"{where}: {error}; write for example 10.20.0.0/16"
        return
    if ipaddress.ip_interface(cidr).ip != network.network_address:
        yield f"{where}: {cidr} has host bits set; the network of this address is {network}"
        return
    if network.is_loopback and not loopback:
        yield f"{where}: {cidr} is this machine's own loopback; only the demo (loopback_school = true) may use it"
