"""Certificates for the hosts that are opened, made in memory from the school's own authority.

The key is read once from the file that deploy made; nothing is written beside it or anywhere else.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path

import certifi
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from mitmproxy import certs, connection
from mitmproxy.addons.tlsconfig import TlsConfig
from mitmproxy.net import tls
from mitmproxy.tls import ClientHelloData, TlsData

SYSTEM_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")


class Store(certs.CertStore):
    """Leaf certificates by host; the oldest is dropped at the cap (about 4 KB each)."""

    STORE_CAP = 4096


def open_store(certificate: Path, key: Path) -> Store:
    """Read the authority; ValueError if the files hold none, or do not belong together, OSError if unreadable."""
    authority = certs.Cert.from_pem(certificate.read_bytes())
    secret = load_pem_private_key(key.read_bytes(), None)
    if authority.public_key() != secret.public_key():
        raise ValueError(f"{key.name} is not the key of {certificate.name}")
    revoked = certs.dummy_crl(secret, authority._cert)  # type: ignore[arg-type]  # noqa: SLF001
    return Store(secret, authority, None, revoked, None)  # type: ignore[arg-type]


@contextlib.contextmanager
def trusted(extra: str) -> Iterator[str]:
    """A path where the certificates that servers must show can be read: the system's (else certifi's) and *extra*.

    It leads to memory, so that a killed process leaves no file.
    """
    system = SYSTEM_BUNDLE if SYSTEM_BUNDLE.exists() else Path(certifi.where())
    bundle = system.read_bytes() + (b"\n" + Path(extra).read_bytes() if extra else b"")
    tls.create_proxy_server_context.cache_clear()  # it remembers by path, and a path can come again
    with os.fdopen(os.memfd_create("trusted"), "wb") as file:
        file.write(bundle)
        file.flush()
        yield f"/proc/self/fd/{file.fileno()}"


class Certificates(TlsConfig):
    """TLS towards clients and servers; a client that *refuses* names gets no handshake."""

    def __init__(self, store: Store, refuses: Callable[[connection.Client], bool]) -> None:
        """Make leaf certificates from *store*."""
        self.certstore = store
        self._refuses = refuses

    def configure(self, updated: AbstractSet[str]) -> None:
        """Nothing: mitmproxy's own reads its folder here, and tries each protocol version by making it fail."""

    def running(self) -> None:
        """Nothing: mitmproxy's own would read its folder here."""

    def tls_clienthello(self, tls_clienthello: ClientHelloData) -> None:
        """Nothing: the filter decides what is opened, and when."""

    def tls_start_client(self, tls_start: TlsData) -> None:
        """Begin the handshake with a client, unless the filter has refused the connection."""
        if isinstance(tls_start.conn, connection.Client) and not self._refuses(tls_start.conn):
            super().tls_start_client(tls_start)

    def request(self, flow: object) -> None:
        """Nothing: mitmproxy's own answers a path of its own making on every host."""
