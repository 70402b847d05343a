"""schoolgate.toml: the settings of this machine.

Who may see what is not here but in policy.toml. Every relative path is relative to the folder that schoolgate.toml is
in. The room that uses a setting defines it (`dns_filter.settings` and so on); this file puts them together.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from blocklists import endpoint
from blocklists.clients import Clients, Network
from blocklists.gather import Source
from blocklists.live import Files
from deploy import config_problems, toml_file
from deploy.config_problems import LAST_INSTANCE
from deploy.list_settings import ListSettings, SubscriptionSettings
from dns_filter.settings import DnsSettings
from proxy_addons.closed_settings import ClosedSettings
from proxy_addons.settings import PeekSettings, ProxySettings
from reporting.settings import ReportingSettings

NAME = "schoolgate.toml"
SYSTEM_WIDE = Path("/etc/schoolgate") / NAME
VARIABLE = "SCHOOLGATE_CONFIG"
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
    """this gateway's name in its journals, and of its schema on a database's server: letters, digits and underscores"""
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
        return tuple(config_problems.workers(self.config))

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
    yield from config_problems.of(settings.config)
