"""TLS towards clients, with leaves that the signer makes, and towards servers, whose certificates must be good.

No file is read but the certificates that servers are held to, and none is written.
"""

import contextlib
import os
import secrets
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path

import certifi
from mitmproxy import certs, connection
from mitmproxy.addons.tlsconfig import TlsConfig
from mitmproxy.net import tls
from mitmproxy.proxy import context
from mitmproxy.tls import ClientHelloData, TlsData
from OpenSSL import SSL

from proxy_addons.counters import Counters
from proxy_addons.leaves import Leaves
from proxy_addons.target import host_of

SYSTEM_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")


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


CIPHERS = ":".join(
    f"ECDHE-{kind}-{cipher}"
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
    for kind in ("ECDSA", "RSA")
)
"""What clients get under TLS 1.2: no server can have given them better, and what TLS 1.3 has is as good (G27)."""
TO_SERVERS = f"@SECLEVEL=2:{CIPHERS}:AES128-GCM-SHA256:AES256-GCM-SHA384:ECDHE-RSA-AES128-SHA256:ECDHE-RSA-AES128-SHA"
"""What servers may choose under TLS 1.2, as browsers do; keys and signatures of 112 bits at least."""
_TLS_1_3 = 0x0304
_VERSIONS_OFFERED = 43
"""The extension supported_versions (RFC 8446, 4.2.1)."""


class Certificates(TlsConfig):
    """TLS towards clients and servers; a client that *refuses* names gets no handshake."""

    def __init__(
        self,
        leaves: Leaves,
        counters: Counters,
        refuses: Callable[[connection.Client], bool],
        is_secret: Callable[[connection.Client], bool],
    ) -> None:
        """Take leaf certificates from *leaves*; that for a client whose host *is_secret* is asked for unnamed."""
        self.certstore = _NoStore()  # type: ignore[assignment]
        self._leaves, self._counters = leaves, counters
        self._refuses, self._is_secret = refuses, is_secret
        self._next: certs.CertStoreEntry | None = None
        self._demanding: set[str] = set()

    def configure(self, updated: AbstractSet[str]) -> None:
        """Nothing: mitmproxy's own reads its folder here, and tries each protocol version by making it fail."""

    def running(self) -> None:
        """Nothing: mitmproxy's own would read its folder here."""

    def tls_clienthello(self, tls_clienthello: ClientHelloData) -> None:
        """Note whether the client takes TLS 1.3 and nothing older; the filter decides what is opened, and when."""
        versions = dict(tls_clienthello.client_hello.extensions).get(_VERSIONS_OFFERED, b"")
        if demands_tls_1_3(versions):
            self._demanding.add(tls_clienthello.context.client.id)

    def client_disconnected(self, client: connection.Client) -> None:
        """Forget the client."""
        self._demanding.discard(client.id)

    def tls_start_server(self, tls_start: TlsData) -> None:
        """Begin the handshake with a server, which gets no older TLS than its client would have taken (G27).

        Its name is written as we write names: OpenSSL takes none that ends in a dot, as browsers leave it there.
        """
        server, client = tls_start.conn, tls_start.context.client
        assert isinstance(server, connection.Server)
        assert server.address
        server.sni = host_of(server.sni or client.sni or server.address[0]) or server.sni
        super().tls_start_server(tls_start)
        if tls_start.ssl_conn and client.id in self._demanding:
            SSL._lib.SSL_set_options(tls_start.ssl_conn._ssl, SSL.OP_NO_TLSv1_2)  # type: ignore[attr-defined]  # noqa: SLF001 - pyOpenSSL offers it for whole contexts only
        if tls_start.ssl_conn and (name := in_a_wildcard(server.sni or "")):
            param = SSL._lib.SSL_get0_param(tls_start.ssl_conn._ssl)  # type: ignore[attr-defined]  # noqa: SLF001 - as above
            SSL._openssl_assert(SSL._lib.X509_VERIFY_PARAM_set1_host(param, name, len(name)) == 1)  # type: ignore[attr-defined]  # noqa: SLF001

    async def tls_start_client(self, tls_start: TlsData) -> None:  # type: ignore[override]
        """Begin the handshake with a client, unless the filter has refused the connection or there is no leaf."""
        client = tls_start.conn
        if not isinstance(client, connection.Client) or self._refuses(client):
            return
        host = _host(client, tls_start.context)
        leaf = await self._leaves.of(host, unnamed=self._is_secret(client)) if host else None
        if leaf is None:
            self._counters.unsigned += 1
            return
        self._next = certs.CertStoreEntry(certs.Cert(leaf), self._leaves.key, None, [])  # type: ignore[arg-type]
        super().tls_start_client(tls_start)

    def get_cert(self, conn_context: context.Context) -> certs.CertStoreEntry:  # noqa: ARG002 - mitmproxy's own
        """The leaf of the handshake that begins now (mitmproxy asks for it in between)."""
        assert self._next is not None
        return self._next

    def request(self, flow: object) -> None:
        """Nothing: mitmproxy's own answers a path of its own making on every host."""


_NOBODY = f"w{secrets.token_hex(16)}"
"""A label that stands in no certificate."""


def in_a_wildcard(host: str) -> bytes:
    """The name by which OpenSSL finds a wildcard certificate for *host* that is one for others; b"" for most hosts.

    It holds no label with an underscore against a wildcard, as browsers do. No public certificate names such a host
    itself (CA/Browser Forum, 7.1.4.2), so only a wildcard is looked for: by a label that nobody has.
    """
    label, _, parent = host.partition(".")
    return f"{_NOBODY}.{parent}".encode() if "_" in label and parent else b""


def demands_tls_1_3(versions: bytes) -> bool:
    """Whether a client that offers *versions* (the extension's bytes) takes TLS 1.3 or later alone."""
    offered = [int.from_bytes(versions[place : place + 2]) for place in range(1, len(versions) - 1, 2)]
    real = [version for version in offered if version & 0x0F0F != _GREASE]
    return bool(real) and min(real) >= _TLS_1_3


_GREASE = 0x0A0A
"""What browsers offer besides so that servers get used to the unknown (RFC 8701): 0x0A0A, 0x1A1A and so on."""


class _NoStore:
    """In place of mitmproxy's own store of certificates, which would have the authority's key."""

    dhparams = None


def _host(client: connection.Client, where: context.Context) -> str | None:
    """The host that a leaf is to name: the handshake's own, or that of the tunnel where the handshake names none."""
    return host_of(client.sni or "") or host_of((where.server.address or ("",))[0])
