"""schoolgate.toml: the settings of this machine.

Who may see what is not here but in policy.toml. Every relative path is relative to the folder that schoolgate.toml is
in. The room that uses a setting defines it (`dns_filter.settings` and so on); this file puts them together.
"""

import ipaddress
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from blocklists import defaults, endpoint
from blocklists.clients import Clients, Network
from blocklists.gather import Source
from blocklists.live import Files
from deploy import toml_file
from deploy.list_settings import ListSettings, SubscriptionSettings
from dns_filter.settings import DnsSettings
from proxy_addons.closed_settings import ClosedSettings
from proxy_addons.settings import PeekSettings, ProxySettings
from reporting.settings import ReportingSettings

NAME = "schoolgate.toml"
SYSTEM_WIDE = Path("/etc/schoolgate") / NAME
VARIABLE = "SCHOOLGATE_CONFIG"
LONGEST_SITE = 64
"""Characters. A journal's file carries the name besides 32 more, and a file's name has 255 bytes (NAME_MAX)."""
LAST_INSTANCE = 63
"""The highest number of a process of one kind: more processes than this, on one core each, no gateway has."""
HANDOVER_KEY = "handover.key"
CREDENTIALS = "CREDENTIALS_DIRECTORY"
"""Where systemd puts the files that a unit loads as credentials (systemd.exec(5))."""


class PathSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where things are kept."""

    policy: str = "policy.toml"
    """the policy as the school writes it"""
    lists: str = "lists"
    """the folder of list files"""
    state: str = "state"
    """snapshots and the list index, replaced whole"""
    spool: str = "spool"
    """the journals"""
    keys: str = "keys"
    """keys and the interception certificate; never in a backup"""
    run: str = "run"
    """sockets and locks, gone after a restart"""


class MetricSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where each process serves its Prometheus metrics; a process adds its instance number to its port."""

    address: str = "127.0.0.1"
    """the address to listen on: the management network's, never the pupils'"""
    dns: int = 9160
    """first port of the DNS processes"""
    peek: int = 9170
    """first port of the front doors"""
    worker: int = 9180
    """first port of the proxy workers"""
    reporting: int = 9155
    """port of reporting"""
    closed: int = 9157
    """port of the process at the closed address"""

    def problems(self) -> Iterator[str]:
        """What a technician should mend, one sentence each."""
        yield from endpoint.address_problems("metrics.address", self.address)
        for name, port in (("dns", self.dns), ("peek", self.peek), ("worker", self.worker)):
            yield from endpoint.port_problems(f"metrics.{name}", port, endpoint.LAST_PORT - LAST_INSTANCE)
        yield from endpoint.port_problems("metrics.reporting", self.reporting)
        yield from endpoint.port_problems("metrics.closed", self.closed)


class RunSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many processes of each kind `schoolgate run` keeps."""

    dns: int = 1
    """DNS processes, at most one a core"""
    peek: int = 1
    """front doors, at most one a core"""
    workers: int = 1
    """proxy workers, at most one a core; the front door hands connections to so many, whoever starts them"""


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything in schoolgate.toml."""

    site: str = "school"
    """this gateway's name in its journals: letters, digits and underscores"""
    loopback_school: bool = False
    """the whole school lives on loopback addresses: the demo; never true on a real gateway"""
    log_level: str = "INFO"
    """DEBUG, INFO, WARNING or ERROR"""
    networks: tuple[Network, ...] = ()
    """which networks are answered, and the profile of whoever is in one"""
    paths: PathSettings = PathSettings()
    """where things are kept"""
    dns: DnsSettings = DnsSettings()
    """the DNS filter"""
    peek: PeekSettings = PeekSettings()
    """the web filter's front door, to which clients come"""
    proxy: ProxySettings = ProxySettings()
    """the web filter"""
    closed: ClosedSettings = ClosedSettings()
    """the page of names that DNS refused"""
    reporting: ReportingSettings = ReportingSettings()
    """the breach log, alerts and staff pages"""
    metrics: MetricSettings = MetricSettings()
    """where Prometheus reads"""
    run: RunSettings = RunSettings()
    """what `schoolgate run` starts"""
    lists: dict[str, ListSettings] = {}
    """lists that are not in the folder of lists under their own name"""
    subscriptions: dict[str, SubscriptionSettings] = {}
    """lists that `schoolgate lists update` fetches, each under a label of its own"""


class Settings(msgspec.Struct, frozen=True):
    """A configuration with the folder that it was read from."""

    file: Path
    config: Config

    @property
    def folder(self) -> Path:
        """The folder that relative paths start from."""
        return self.file.parent

    def path(self, text: str) -> Path:
        """*text* as an absolute path."""
        return (self.folder / text).resolve() if text else Path()

    @property
    def files(self) -> Files:
        """The state's files."""
        paths = self.config.paths
        return Files(self.path(paths.state), self.keys, self.path(paths.spool), folder=self.folder)

    @property
    def keys(self) -> Path:
        """The folder of keys: under systemd the process's credentials, which are the few keys that it needs."""
        given = os.environ.get(CREDENTIALS)
        return Path(given) if given else self.path(self.config.paths.keys)

    def key_path(self, text: str) -> Path:
        """The key or certificate *text* as an absolute path; one in the keys' folder is taken from the credentials."""
        path = self.path(text)
        return self.keys / path.name if path.parent == self.path(self.config.paths.keys) else path

    @property
    def run(self) -> Path:
        """The folder of sockets and locks."""
        return self.path(self.config.paths.run)

    @property
    def worker_status(self) -> Path:
        """The folder where workers write down what a technician may act on."""
        return self.run / "workers"

    @property
    def handover_key(self) -> Path:
        """The key by which the front door signs what it hands to a worker: under systemd one of the credentials."""
        return (self.keys if os.environ.get(CREDENTIALS) else self.run) / HANDOVER_KEY

    @property
    def workers(self) -> tuple[str, ...]:
        """Where the workers listen, the first of them first."""
        return tuple(_workers(self.config))

    @property
    def policy(self) -> Path:
        """The file policy.toml."""
        return self.path(self.config.paths.policy)

    @property
    def clients(self) -> Clients:
        """The clients snapshot's first body: the configured networks."""
        return Clients(networks=self.config.networks)

    def sources(self, names: Iterator[str]) -> dict[str, tuple[Source, ...]]:
        """Where each of the lists *names* is read from."""
        given = self.config.lists
        folder = self.path(self.config.paths.lists)
        return {
            name: (Source(self.path(given[name].file), given[name].format),)
            if name in given
            else (Source(folder / f"{name}.txt"),)
            for name in names
        }


def find(given: Path | None) -> Path:
    """The configuration to use: as given, as the environment says, here, or the machine's own.

    One that is named and not there is refused, so that a slip of the pen never uses another.
    """
    if named := given or (Path(text) if (text := os.environ.get(VARIABLE)) else None):
        return _named(named)
    candidates = [Path(NAME), SYSTEM_WIDE]
    for candidate in candidates:
        if _is_file(candidate):
            return candidate.resolve()
    looked = ", ".join(str(c) for c in candidates)
    raise toml_file.RefusedError(
        [f"no configuration found (looked for {looked}); write one with: schoolgate init /etc/schoolgate"]
    )


def _named(path: Path) -> Path:
    if os.path.isdir(path):  # noqa: PTH112 - unlike Path's own, it never raises
        raise toml_file.RefusedError([f"{path} is a folder; name the {NAME} in it"])
    try:
        path.stat()
    except FileNotFoundError:
        raise toml_file.RefusedError([f"there is no file {path}"]) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise toml_file.RefusedError([f"{path}: {getattr(error, 'strerror', None) or error}"]) from None
    return path.resolve()


def _is_file(path: Path) -> bool:
    """Whether a file is there, as far as we may see: a folder that we may not look into holds none for us."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def load(given: Path | None) -> Settings:
    """Read and check the configuration; toml_file.RefusedError if there is none or it cannot be used."""
    path = find(given)
    settings = Settings(path, toml_file.read(path, Config))
    if found := [f"{path}: {problem}" for problem in problems(settings)]:
        raise toml_file.RefusedError(found)
    return settings


def problems(settings: Settings) -> Iterator[str]:
    """Everything in the file that stands in the way of using *settings*, one sentence each."""
    config = settings.config
    if not config.site.replace("_", "").isalnum() or not config.site.isascii() or len(config.site) > LONGEST_SITE:
        yield f"site: {config.site!r} must be letters, digits and underscores, {LONGEST_SITE} at most"
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


def _paths(config: Config) -> dict[str, str]:
    """Every file and folder that the file names, by the path of its key."""
    return {
        **{f"paths.{name}": path for name, path in msgspec.structs.asdict(config.paths).items()},
        **{f"lists.{name}.file": one.file for name, one in config.lists.items()},
        "proxy.signer": config.proxy.signer,
        **{key: path for key, path in files_given(config).items() if path},
        "reporting.database": config.reporting.database or "-",  # an empty one is said by reporting
        "reporting.backup.folder": config.reporting.backup.folder or "-",
    }


def files_given(config: Config) -> dict[str, str]:
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
        "reporting.mail.password_file": reporting.mail.password_file,
        "reporting.mail.ca_file": reporting.mail.ca_file,
        **{f"subscriptions.{label}.ca_file": one.ca_file for label, one in config.subscriptions.items()},
    }


def _twice(what: str, values: list[str]) -> Iterator[str]:
    for value, count in sorted(Counter(values).items()):
        if count > 1:
            yield f"{what}: {value} is there twice"


def _listening_twice(config: Config) -> Iterator[str]:
    """One sentence for each address and port at which two things would listen, with the keys of both."""
    keys: dict[str, list[str]] = {}
    for key, address in _listening(config):
        keys.setdefault(address, []).append(key)
    for address, named in sorted(keys.items()):
        if len(named) > 1:
            yield f"{' and '.join(named)}: {address} is there twice; choose another address or port for one"


def _listening(config: Config) -> Iterator[tuple[str, str]]:
    """(key, address and port) of all that something listens on over TCP."""
    dns, metrics = config.dns, config.metrics
    yield from ((f"dns.listen[{place}]", text) for place, text in enumerate(dns.listen))
    if dns.inner:
        yield "dns.inner", dns.inner
    if dns.doh.url:
        yield "dns.doh.listen", dns.doh.listen
    yield from config.peek.places
    yield from (("proxy.listen[0]", text) for text in _workers(config))
    for key in ("listen", "listen_tls"):
        yield from ((f"closed.{key}[{place}]", text) for place, text in enumerate(getattr(config.closed, key)))
    yield "reporting.listen", config.reporting.listen
    host = f"[{metrics.address}]" if ":" in metrics.address else metrics.address
    yield from (("metrics.dns", f"{host}:{metrics.dns + n}") for n in range(config.run.dns))
    yield from (("metrics.peek", f"{host}:{metrics.peek + n}") for n in range(config.run.peek))
    yield from (("metrics.worker", f"{host}:{metrics.worker + n}") for n in range(config.run.workers))
    yield "metrics.reporting", f"{host}:{metrics.reporting}"
    if config.closed.wanted:
        yield "metrics.closed", f"{host}:{metrics.closed}"


def _workers(config: Config) -> Iterator[str]:
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
