"""What a server must show over TLS, what a person reads where it does not, and what clients get in turn (G27)."""

import contextlib
import datetime
import socket
import ssl
import tempfile
import threading
import warnings
from collections.abc import Callable

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from proxy_addons import words
from proxy_addons.certificates import demands_tls_1_3
from proxy_addons.trouble import Trouble
from tests.support.origin import Origin, tls_context
from tests.support.proxy_school import Nameserver, School, head_of, running, tunnel

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)
HOST = "unknown.test"


def said_of(why: Trouble) -> str:
    """The title of the page for *why*, as it stands in the page's source."""
    return words.of("en").plain(f"{why.key}.title")


def in_time(servers: trustme.CA, start: int, end: int) -> ssl.SSLContext:
    """A server whose certificate holds from *start* to *end* days from now."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    servers.issue_cert(HOST, not_before=NOW + start * DAY, not_after=NOW + end * DAY).configure_cert(context)
    return context


def self_signed(_: trustme.CA) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, NOW - DAY, NOW + DAY)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    none = serialization.NoEncryption()
    with tempfile.NamedTemporaryFile() as file:
        file.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, none))
        file.write(made.public_bytes(serialization.Encoding.PEM))
        file.flush()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file.name)
    return context


def at_most(version: ssl.TLSVersion) -> Callable[[trustme.CA], ssl.SSLContext]:
    def made(servers: trustme.CA) -> ssl.SSLContext:
        context = tls_context(servers, HOST)
        with warnings.catch_warnings(action="ignore"):
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = version
        context.set_ciphers("ALL:@SECLEVEL=0")
        return context

    return made


def only(ciphers: str) -> Callable[[trustme.CA], ssl.SSLContext]:
    def made(servers: trustme.CA) -> ssl.SSLContext:
        context = at_most(ssl.TLSVersion.TLSv1_2)(servers)
        context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
        return context

    return made


@pytest.mark.parametrize(
    ("server", "why"),
    [
        (lambda servers: in_time(servers, -60, -30), Trouble.EXPIRED),
        (lambda servers: in_time(servers, 30, 60), Trouble.NOT_YET),
        (lambda servers: tls_context(servers, "elsewhere.test"), Trouble.ANOTHER_NAME),
        (self_signed, Trouble.OWN_WORD),
        (lambda _: tls_context(trustme.CA(), HOST), Trouble.UNTRUSTED),
    ],
    ids=["expired", "not-yet", "another-name", "self-signed", "unknown-authority"],
)
def test_a_server_that_shows_no_good_proof_is_a_page_that_says_what_is_wrong(
    school: School, server: Callable[[trustme.CA], ssl.SSLContext], why: Trouble
) -> None:
    with (
        Nameserver() as dns,
        Origin(server(school.servers)) as origin,
        running(school, school.settings(dns, origin.port)) as worker,
    ):
        answer = worker.curl(f"https://{HOST}:{origin.port}/", ca=school.ca)
        assert f'troubles_total{{trouble="{why.name.lower()}"}} 1.0' in worker.metrics(), answer
        assert said_of(why) in answer
        assert not origin.requests
    assert "<a " not in answer
    assert "<form" not in answer


class Blunt(threading.Thread):
    """A server that fails aloud: with TLS it sends the alert, which asyncio's own servers keep to themselves."""

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        super().__init__(daemon=True)
        self._tls, self._listener = tls, socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    def run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with connection, contextlib.suppress(OSError):
                    self.answer(connection)

    def answer(self, connection: socket.socket) -> None:
        if self._tls:
            self._tls.wrap_socket(connection, server_side=True).close()
        else:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.mark.parametrize(
    ("server", "why"),
    [
        (at_most(ssl.TLSVersion.TLSv1_1), Trouble.WEAK),
        (only("NULL"), Trouble.WEAK),
        (lambda _: None, Trouble.NO_TLS),
    ],
    ids=["tls-1.1", "no-cipher", "no-tls"],
)
def test_a_server_without_good_tls_is_a_page_that_says_so(
    school: School, server: Callable[[trustme.CA], ssl.SSLContext | None], why: Trouble
) -> None:
    blunt = Blunt(server(school.servers))
    blunt.start()
    with Nameserver() as dns, running(school, school.settings(dns, blunt.port)) as worker:
        assert said_of(why) in worker.curl(f"https://{HOST}:{blunt.port}/", ca=school.ca)
    blunt.close()
    blunt.join()


@pytest.mark.parametrize(
    ("server", "client"),
    [
        (ssl.TLSVersion.TLSv1_3, "TLSv1.3"),
        (ssl.TLSVersion.TLSv1_2, "TLSv1.3"),
    ],
    ids=str,
)
def test_a_client_gets_no_weaker_tls_than_the_server_gave(school: School, server: ssl.TLSVersion, client: str) -> None:
    tls = at_most(server)(school.servers)
    with Nameserver() as dns, Origin(tls) as origin, running(school, school.settings(dns, origin.port)) as worker:
        raw, _ = worker.connect(HOST, origin.port)
        with raw, tunnel(school, raw, HOST) as secure:
            assert secure.version() == client
            assert asked(secure).startswith(b"HTTP/1.1 200 ")


def asked(secure: socket.socket) -> bytes:
    secure.sendall(f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
    return head_of(secure)


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=str)
def test_a_client_that_takes_tls_1_3_alone_is_led_to_no_older_server(school: School, newest: ssl.TLSVersion) -> None:
    tls = at_most(newest)(school.servers)
    with Nameserver() as dns, Origin(tls) as origin, running(school, school.settings(dns, origin.port)) as worker:
        raw, _ = worker.connect(HOST, origin.port)
        device = school.trusting()
        device.minimum_version = ssl.TLSVersion.TLSv1_3
        with raw, device.wrap_socket(raw, server_hostname=HOST) as secure:
            assert asked(secure).startswith(b"HTTP/1.1 200 " if newest is ssl.TLSVersion.TLSv1_3 else b"HTTP/1.1 502 ")


def test_a_client_gets_no_weak_cipher(school: School) -> None:
    tls = tls_context(school.servers, HOST)
    with Nameserver() as dns, Origin(tls) as origin, running(school, school.settings(dns, origin.port)) as worker:
        raw, _ = worker.connect(HOST, origin.port)
        device = school.trusting()
        device.maximum_version = ssl.TLSVersion.TLSv1_2
        device.set_ciphers("AES128-SHA:ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0")
        with raw, pytest.raises((ssl.SSLError, ConnectionError)):
            device.wrap_socket(raw, server_hostname=HOST)


@pytest.mark.parametrize(
    ("versions", "demands"),
    [
        ("04 0304 0303", False),
        ("02 0304", True),
        ("06 7a7a 0304 0303", False),
        ("04 7a7a 0304", True),
        ("", False),
        ("02", False),
        ("03 0304 03", True),
    ],
)
def test_what_a_client_demands_is_told_by_what_it_offers(versions: str, demands: bool) -> None:
    assert demands_tls_1_3(bytes.fromhex(versions)) is demands
