from pathlib import Path

import certifi
import pytest
from cryptography import x509

from proxy_addons import certificates
from tests.proxy_addons.conftest import House
from tests.support.proxy_school import HOSTS, tunnel


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
