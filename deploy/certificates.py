"""The school's own certificates: the interception CA, and leaves for our own pages and the demo's origins.

Keys are P-256 (small, fast on a Pi, taken by every client since 2015). This file writes what it is asked to and never
overwrites.
"""

import datetime
import ipaddress
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from blocklists import new_file

CA_DAYS = 3650
"""Ten years: replacing it means visiting every device."""
LEAF_DAYS = 90
BACKDATED = datetime.timedelta(days=2)
"""A device whose clock is a little slow must not refuse a new certificate."""


class Authority:
    """A certificate authority: its certificate and its key."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        """Hold an authority that was made or read."""
        self.certificate = certificate
        self.key = key

    @classmethod
    def new(cls, name: str, never: Iterable[str] = ()) -> "Authority":
        """A new authority called *name* that can sign for no name in *never* (G19: what is never opened)."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(name)
        builder = (
            _builder(subject, subject, key.public_key(), CA_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_signing_usage(), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        if excluded := [x509.DNSName(host) for host in sorted(never)]:
            builder = builder.add_extension(x509.NameConstraints(None, excluded), critical=True)
        return cls(builder.sign(key, hashes.SHA256()), key)

    @classmethod
    def read(cls, certificate: Path, key: Path) -> "Authority":
        """The authority in two PEM files; ValueError if they hold something else."""
        private = serialization.load_pem_private_key(key.read_bytes(), password=None)
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise ValueError(f"{key.name} is not a P-256 key")  # noqa: TRY004 - the file is wrong, not the call
        return cls(x509.load_pem_x509_certificate(certificate.read_bytes()), private)

    def write(self, certificate: Path, key: Path) -> None:
        """Write both as PEM, the key readable by its owner only; FileExistsError if one is there."""
        new_file.write_new(key, _private_pem(self.key))
        new_file.write_new(certificate, self.certificate.public_bytes(serialization.Encoding.PEM), mode=0o644)

    def leaf(self, hosts: Iterable[str]) -> bytes:
        """A server certificate for *hosts* with its key and its chain, as one PEM text."""
        key = ec.generate_private_key(ec.SECP256R1())
        return _private_pem(key) + self.signed(hosts, key.public_key())

    def signed(self, hosts: Iterable[str], key: ec.EllipticCurvePublicKey) -> bytes:
        """A server certificate for *hosts* and somebody's public *key*, with its chain, as one PEM text."""
        names = list(hosts)
        signed = (
            _builder(_name(names[0]), self.certificate.subject, key, LEAF_DAYS)
            .add_extension(x509.SubjectAlternativeName([_general_name(host) for host in names]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        return b"".join(c.public_bytes(serialization.Encoding.PEM) for c in (signed, self.certificate))

    def fingerprint(self) -> str:
        """The SHA-256 fingerprint, as people compare it."""
        return self.certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + datetime.timedelta(days=days))
    )


def _signing_usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
