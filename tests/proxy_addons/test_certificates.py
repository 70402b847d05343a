from pathlib import Path

import certifi
import pytest
from cryptography import x509

from proxy_addons import certificates
from proxy_addons.certificates import open_store
from tests.support.proxy_school import make_authority


def test_leaves_are_made_in_memory_and_kept_within_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_authority(tmp_path / "ca.pem", tmp_path / "ca.key")
    store = open_store(tmp_path / "ca.pem", tmp_path / "ca.key")
    assert store.STORE_CAP == 4096
    monkeypatch.setattr(certificates.Store, "STORE_CAP", 5)
    for number in range(12):
        store.get_cert(f"host{number}.test", [x509.DNSName(f"host{number}.test")])
    assert len(store.certs) == 5
    assert sorted(p.name for p in tmp_path.iterdir()) == ["ca.key", "ca.pem"]


def test_a_key_of_another_authority_is_refused(tmp_path: Path) -> None:
    make_authority(tmp_path / "ca.pem", tmp_path / "ca.key")
    make_authority(tmp_path / "other.pem", tmp_path / "other.key")
    with pytest.raises(ValueError, match=r"other\.key is not the key of ca\.pem"):
        open_store(tmp_path / "ca.pem", tmp_path / "other.key")


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
