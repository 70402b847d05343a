from pathlib import Path

import certifi
import pytest
from cryptography import x509

from proxy_addons import certificates
from tests.proxy_addons.conftest import House
from tests.support.origin import Origin, tls_context
from tests.support.proxy_school import HOSTS, Nameserver, School, running, tunnel


def test_the_schools_own_servers_are_trusted_besides_the_systems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extra = tmp_path / "extra.pem"
    extra.write_text("extra\n")
    with certificates.trusted(str(extra)) as path:
        assert Path(path).read_text().endswith("\nextra\n")
    assert not Path(path).exists()
    monkeypatch.setattr(certificates, "SYSTEM_BUNDLE", tmp_path / "missing")
    with certificates.trusted("") as path:
        assert Path(path).read_bytes() == Path(certifi.where()).read_bytes()


def test_the_leaf_of_an_opened_host_names_that_host_and_none_of_the_servers_other_names(house: House) -> None:
    raw, _ = house.worker.connect("unknown.test", house.secure.port)
    with raw, tunnel(house.school, raw, "unknown.test") as secure:
        leaf = x509.load_der_x509_certificate(secure.getpeercert(binary_form=True))
    assert "Oak Lane" in leaf.issuer.rfc4514_string()
    assert len(HOSTS) > 1
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [x509.DNSName("unknown.test")]


def test_no_path_of_the_librarys_own_is_answered_in_a_servers_place(house: House) -> None:
    authority = x509.load_pem_x509_certificate(house.school.ca.read_bytes())
    path = f"/mitmproxy-{authority.serial_number}.crl"
    assert "hello from unknown.test" in house.worker.curl(house.plain_url("unknown.test", path))
    assert "hello from unknown.test" in house.worker.curl(house.url("unknown.test", path), ca=house.school.ca)
    assert [seen.path for seen in house.plain.requests + house.secure.requests] == [path, path]


def test_a_name_that_ends_in_a_dot_is_the_same_host_to_its_server(house: House) -> None:
    raw, _ = house.worker.connect("unknown.test.", house.secure.port)
    with raw, tunnel(house.school, raw, "unknown.test.") as secure:
        secure.settimeout(60)
        secure.sendall(b"GET /dotted HTTP/1.1\r\nHost: unknown.test.\r\n\r\n")
        assert secure.recv(65536).startswith(b"HTTP/1.1 200")
    assert [seen.path for seen in house.secure.requests] == ["/dotted"]


@pytest.mark.parametrize("host", ["unknown.test", "oak-wood.unknown.test", "wood.oak_.unknown.test", "_", ""])
def test_a_host_whose_first_label_has_no_underscore_is_looked_for_by_its_own_name(host: str) -> None:
    assert certificates.in_a_wildcard(host) == b""


def test_a_host_with_an_underscore_is_looked_for_among_wildcards_alone(school: School) -> None:
    name, others = certificates.in_a_wildcard("oak_wood.unknown.test").split(b".", 1)
    assert (name.isalnum(), others) == (True, b"unknown.test")
    host, zone = "oak_wood.unknown.test", {"oak_wood.unknown.test": ["127.0.0.1"]}
    with (
        Nameserver(zone) as dns,
        Origin(tls_context(school.servers, "*.unknown.test")) as right,
        Origin(tls_context(school.servers, "oak-wood.unknown.test", "*.other.test")) as wrong,
        running(school, school.settings(dns, right.port, wrong.port)) as worker,
    ):
        assert "hello from" in worker.curl(f"https://{host}:{right.port}/", ca=school.ca)
        assert "proved that it is somebody else" in worker.curl(f"https://{host}:{wrong.port}/", ca=school.ca)
