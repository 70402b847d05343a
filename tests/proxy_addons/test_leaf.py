"""What the signer makes: a certificate for one host and the asker's key."""

import datetime
import ipaddress
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from deploy.certificates import Authority as Made
from proxy_addons import leaf
from proxy_addons.leaf import Authority

NOW = datetime.datetime.now(datetime.UTC)


def authority(tmp_path: Path, *never: str) -> Authority:
    """An authority as `init` makes it."""
    Made.new("Oak Lane School", never).write(tmp_path / "ca.crt", tmp_path / "ca.key")
    return leaf.read_authority(tmp_path / "ca.crt", tmp_path / "ca.key")


def spki(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    public = key.public_key()
    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


KEY = ec.generate_private_key(ec.SECP256R1())
PEM_KEY = KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("games.test", x509.DNSName("games.test")),
        ("a" * 60 + ".games.test", x509.DNSName("a" * 60 + ".games.test")),
        ("192.0.2.1", x509.IPAddress(ipaddress.ip_address("192.0.2.1"))),
    ],
)
def test_a_leaf_names_its_host_and_nothing_else(tmp_path: Path, host: str, name: x509.GeneralName) -> None:
    made = x509.load_der_x509_certificate(leaf.sign(authority(tmp_path), host, KEY.public_key(), NOW))
    assert list(made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value) == [name]
    assert made.public_key() == KEY.public_key()
    assert not made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert made.not_valid_after_utc - NOW <= datetime.timedelta(days=leaf.DAYS)


def test_a_key_of_another_authority_is_refused(tmp_path: Path) -> None:
    authority(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    authority(other)
    with pytest.raises(ValueError, match="not that of its certificate"):
        leaf.read_authority(tmp_path / "ca.crt", other / "ca.key")


@pytest.mark.parametrize(
    "key", [ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)], ids=["P-384", "RSA"]
)
def test_only_keys_of_one_kind_get_a_leaf(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> None:
    with pytest.raises(ValueError, match="no P-256 key"):
        leaf.read_key(spki(key))


def test_what_is_no_key_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match=r"."):
        leaf.read_key(b"nonsense")


def handshake(tmp_path: Path, held: Authority, host: str) -> None:
    """A handshake of a strict device that trusts *held* with a server that has a leaf of it, in memory."""
    chain = tmp_path / "leaf.pem"
    made = x509.load_der_x509_certificate(leaf.sign(held, host, KEY.public_key(), NOW))
    chain.write_bytes(PEM_KEY + made.public_bytes(serialization.Encoding.PEM))
    device = ssl.create_default_context(cafile=str(tmp_path / "ca.crt"))
    device.verify_flags |= ssl.VerifyFlags.VERIFY_X509_STRICT
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(chain)
    to_server, to_device = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [
        device.wrap_bio(to_device, to_server, server_hostname=host),
        server.wrap_bio(to_server, to_device, server_side=True),
    ]
    while sides:
        try:
            sides[0].do_handshake()
            sides.pop(0)
        except ssl.SSLWantReadError:
            sides.reverse()


def test_a_strict_device_takes_the_leaf(tmp_path: Path) -> None:
    handshake(tmp_path, authority(tmp_path, "bank.test"), "games.test")


@pytest.mark.parametrize("host", ["bank.test", "www.bank.test"])
def test_a_device_refuses_a_leaf_for_what_is_never_opened_even_if_one_was_made(tmp_path: Path, host: str) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match=r"(excluded|permitted) subtree"):
        handshake(tmp_path, authority(tmp_path, "bank.test"), host)


def test_what_the_certificate_excludes_can_be_told(tmp_path: Path) -> None:
    held = authority(tmp_path, "bank.test", "help.test")
    assert list(held.excluded()) == ["bank.test", "help.test"]
    assert not list(authority_without(tmp_path).excluded())


def authority_without(tmp_path: Path) -> Authority:
    folder = tmp_path / "without"
    folder.mkdir()
    return authority(folder)
