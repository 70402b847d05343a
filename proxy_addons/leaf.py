"""A leaf certificate: what the signer makes for one host and for the key of the worker that asked.

This file knows no socket and no clock. A leaf names its host and nothing else, whatever else its server is
called, and is no authority.
"""

import datetime
import ipaddress
from collections.abc import Iterator
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAYS = 30
"""How long a leaf holds: its key leaves a worker's memory never, and a worker lives for days."""
BACKDATED = datetime.timedelta(days=2)
"""A device whose clock is a little slow must not refuse a new certificate."""
_LONGEST_NAME = 63
"""Characters of a common name (RFC 5280, appendix A: 64); a longer host stands in the alternative names alone."""


class Authority(msgspec.Struct, frozen=True):
    """The school's own authority: its certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def excluded(self) -> Iterator[str]:
        """The names that it can sign for nothing under (its name constraints, G19)."""
        try:
            found = self.certificate.extensions.get_extension_for_class(x509.NameConstraints)
        except x509.ExtensionNotFound:
            return
        for name in found.value.excluded_subtrees or ():
            if isinstance(name, x509.DNSName):
                yield name.value


def read_authority(certificate: Path, key: Path) -> Authority:
    """The authority in two PEM files; ValueError if they hold none, or do not belong together."""
    read = x509.load_pem_x509_certificate(certificate.read_bytes())
    secret = serialization.load_pem_private_key(key.read_bytes(), None)
    if not isinstance(secret, ec.EllipticCurvePrivateKey):
        raise ValueError("the authority's key is no P-256 key")  # noqa: TRY004 - the file is wrong, not the call
    if read.public_key() != secret.public_key():
        raise ValueError("the authority's key is not that of its certificate")
    return Authority(read, secret)


def read_key(spki: bytes) -> ec.EllipticCurvePublicKey:
    """The public key that *spki* (SubjectPublicKeyInfo, DER) holds; ValueError if it is none of the curve P-256."""
    key = serialization.load_der_public_key(spki)
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("this is no P-256 key")  # noqa: TRY004 - the bytes are wrong, not the call
    return key


def sign(authority: Authority, host: str, key: ec.EllipticCurvePublicKey, now: datetime.datetime) -> bytes:
    """A leaf (DER) by *authority* for the canonical *host* and *key*, valid from two days before *now* (UTC)."""
    common = [x509.NameAttribute(NameOID.COMMON_NAME, host)] if len(host) <= _LONGEST_NAME else []
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name(common))
        .issuer_name(authority.certificate.subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + datetime.timedelta(days=DAYS))
        .add_extension(x509.SubjectAlternativeName([_general(host)]), critical=not common)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(_issuer_key(authority.certificate), critical=False)
        .sign(authority.key, hashes.SHA256())
        .public_bytes(serialization.Encoding.DER)
    )


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _issuer_key(certificate: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """The authority's key as its own certificate calls it; a strict verifier compares the two (RFC 5280, 4.2.1.2)."""
    try:
        named = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        key = certificate.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(key)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(named)
