"""The front door, by real sockets: what is relayed, what is opened, what is refused."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from cryptography import x509

from tests.support.front_door import Door, front_door
from tests.support.origin import Origin, tls_context
from tests.support.proxy_school import HOSTS, Nameserver, School, tunnel


@dataclass
class Fronted:
    """A school, its nameserver, two web servers behind every name, and a front door with a worker."""

    school: School
    dns: Nameserver
    secure: Origin
    plain: Origin
    door: Door

    def url(self, host: str, path: str = "/") -> str:
        """An https URL on the origin with TLS."""
        return f"https://{host}:{self.secure.port}{path}"

    def plain_url(self, host: str, path: str = "/") -> str:
        """An http URL on the plain origin."""
        return f"http://{host}:{self.plain.port}{path}"

    def issuer(self, host: str, profile: str = "ks2", sni: str | None = None) -> str:
        """Who issued the certificate that a client of *profile* is shown in a tunnel to *host*."""
        raw, head = self.door.connect(host, self.secure.port, profile)
        assert b" 200 " in head
        with raw, tunnel(self.school, raw, sni or host) as secure:
            secure.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            assert secure.recv(65536).startswith(b"HTTP/1.1 ")
            return x509.load_der_x509_certificate(secure.getpeercert(binary_form=True)).issuer.rfc4514_string()

    def counted(self, name: str) -> float:
        """A metric of the front door."""
        return self.door.metric(f"schoolgate_peek_{name}_total")


@pytest.fixture(scope="session")
def whole_front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fronted]:
    school = School(tmp_path_factory.mktemp("fronted"))
    zone = {
        "cloak.good.test": ["=tracker.harm.test"],
        "veil.good.test": ["!"],
        "private.test": ["10.1.2.3"],
    }
    with (
        Nameserver(zone) as dns,
        Origin(tls_context(school.servers, *HOSTS)) as secure,
        Origin() as plain,
        front_door(school, school.settings(dns, secure.port, plain.port)) as door,
    ):
        yield Fronted(school, dns, secure, plain, door)


@pytest.fixture
def front(whole_front: Fronted) -> Fronted:
    whole_front.secure.forget()
    whole_front.plain.forget()
    whole_front.dns.asked.clear()
    return whole_front


def test_a_known_site_shows_its_own_certificate_and_an_unknown_one_the_schools(front: Fronted) -> None:
    spliced, handed = front.counted("spliced"), front.counted("handed_over")
    assert "Oak Lane" not in front.issuer("good.test")
    assert (front.counted("spliced"), front.counted("handed_over")) == (spliced + 1, handed)
    assert "Oak Lane" in front.issuer("unknown.test")
    assert (front.counted("spliced"), front.counted("handed_over")) == (spliced + 1, handed + 1)


def test_a_closed_site_is_a_page_where_the_device_has_the_certificate(front: Fronted) -> None:
    answer = front.door.curl(front.url("gambling.test"), ca=front.school.ca)
    assert "HTTP/1.1 403" in answer or "HTTP/2 403" in answer
    assert front.secure.connections == 0


def test_plain_http_goes_through_a_worker_which_knows_whose_it_is(front: Fronted) -> None:
    assert "hello from good.test" in front.door.curl(front.plain_url("good.test"))
    assert "403 Forbidden" in front.door.curl(front.plain_url("gambling.test"))
    assert "hello" in front.door.curl(front.plain_url("games.test"), profile="staff")
    assert "403 Forbidden" in front.door.curl(front.plain_url("games.test"), profile="ks2")
