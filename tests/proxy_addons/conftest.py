"""One school with a worker for the tests that do not change it, and the parts for those that do."""

import contextlib
import socket
import ssl
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.origin import Origin, tls_context
from tests.support.proxy_school import ADDRESSES, HOSTS, Nameserver, Running, School, running


@dataclass
class Street:
    """A school, its nameserver, and two web servers behind every name."""

    school: School
    dns: Nameserver
    secure: Origin
    plain: Origin

    def url(self, host: str, path: str = "/") -> str:
        """An https URL on the origin with TLS."""
        return f"https://{host}:{self.secure.port}{path}"

    def plain_url(self, host: str, path: str = "/") -> str:
        """An http URL on the plain origin."""
        return f"http://{host}:{self.plain.port}{path}"

    def forget(self) -> None:
        """Let what was asked so far be forgotten, for the next test."""
        self.secure.forget()
        self.plain.forget()
        self.dns.asked.clear()


@dataclass
class House(Street):
    """All that, and a worker between."""

    worker: Running

    def join(self, profile: str = "ks2") -> socket.socket:
        """A connection to the proxy from a device of *profile*."""
        return socket.create_connection(("127.0.0.1", self.worker.port), 60, (ADDRESSES[profile], 0))

    def device(self) -> ssl.SSLContext:
        """What a school's device trusts."""
        return self.school.trusting()


@contextlib.contextmanager
def street(
    school: School, zone: dict[str, list[str]] | None = None, *, hosts: Iterable[str] = HOSTS
) -> Iterator[Street]:
    """Everything round *school* but a worker: names lead where *zone* says, *hosts* have certificates."""
    with (
        Nameserver(zone) as dns,
        Origin(tls_context(school.servers, *hosts)) as secure,
        Origin() as plain,
    ):
        yield Street(school, dns, secure, plain)


@contextlib.contextmanager
def furnished(
    school: School,
    zone: dict[str, list[str]] | None = None,
    *,
    hosts: Iterable[str] = HOSTS,
    heavy: str = "",
    **settings: object,
) -> Iterator[House]:
    """The street of *school* with a worker that has these *settings*; *heavy* as in `running`."""
    with street(school, zone, hosts=hosts) as outside:
        given = school.settings(outside.dns, outside.secure.port, outside.plain.port, **settings)
        with running(school, given, heavy=heavy) as worker:
            yield House(school, outside.dns, outside.secure, outside.plain, worker)


@pytest.fixture(scope="session")
def whole_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    school = School(tmp_path_factory.mktemp("house"))
    zone = {
        "relayed.good.test": ["127.0.0.1"],
        "private.test": ["10.1.2.3"],
        "mixed.test": ["10.1.2.3", "127.0.0.1"],
        "v6.test": ["fd00::1"],
        "cloak.unknown.test": ["=tracker.harm.test"],
        "cloak.good.test": ["=tracker.harm.test"],
        "shop.good.test": ["=other.test"],
        "veil.good.test": ["!"],
    }
    with furnished(school, zone) as house:
        yield house


@pytest.fixture
def house(whole_house: House) -> House:
    whole_house.forget()
    return whole_house


@pytest.fixture
def school(tmp_path: Path) -> School:
    return School(tmp_path)
