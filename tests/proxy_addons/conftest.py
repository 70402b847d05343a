"""One school with a worker for the tests that do not change it, and the parts for those that do."""

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.origin import Origin, tls_context
from tests.support.proxy_school import ADDRESSES, HOSTS, Nameserver, Running, School, running


@dataclass
class House:
    """A school, its nameserver, two web servers behind every name, and a worker between."""

    school: School
    dns: Nameserver
    secure: Origin
    plain: Origin
    worker: Running

    def url(self, host: str, path: str = "/") -> str:
        """An https URL on the origin with TLS."""
        return f"https://{host}:{self.secure.port}{path}"

    def plain_url(self, host: str, path: str = "/") -> str:
        """An http URL on the plain origin."""
        return f"http://{host}:{self.plain.port}{path}"

    def join(self, profile: str = "ks2") -> socket.socket:
        """A connection to the proxy from a device of *profile*."""
        return socket.create_connection(("127.0.0.1", self.worker.port), 60, (ADDRESSES[profile], 0))

    def device(self) -> ssl.SSLContext:
        """What a school's device trusts."""
        return self.school.trusting()


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
    with (
        Nameserver(zone) as dns,
        Origin(tls_context(school.servers, *HOSTS)) as secure,
        Origin() as plain,
        running(school, school.settings(dns, secure.port, plain.port)) as worker,
    ):
        yield House(school, dns, secure, plain, worker)


@pytest.fixture
def house(whole_house: House) -> House:
    whole_house.secure.forget()
    whole_house.plain.forget()
    whole_house.dns.asked.clear()
    return whole_house


@pytest.fixture
def school(tmp_path: Path) -> School:
    return School(tmp_path)
