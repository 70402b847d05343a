"""What goes on lasts no longer than what permitted it: relayed connections, WebSockets, downloads."""

import socket
import ssl
import time

import pytest

from blocklists import snapshot
from blocklists.rulebook import Permit, Permits
from tests.support.origin import Origin, tls_context
from tests.support.proxy_school import HOSTS, Nameserver, Running, School, head_of, running, tunnel

SECOND = 1_000_000_000


def asked(connection: socket.socket, host: str) -> bytes:
    """The start of the answer; nothing if the connection was ended."""
    try:
        connection.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        return connection.recv(65536)[:13]
    except OSError:
        return b""


def relayed(school: School, worker: Running, host: str, port: int) -> ssl.SSLSocket:
    raw, _ = worker.connect(host, port)
    made = tunnel(school, raw, host)
    made.settimeout(5)
    if (answer := asked(made, host)) != b"HTTP/1.1 200 ":
        made.close()
        raise AssertionError(answer)
    return made


def ended(connection: socket.socket) -> bool:
    """Whether the other side ends *connection* while nobody asks anything."""
    try:
        while connection.recv(65536):
            pass  # what is left of the last answer
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


def test_an_emergency_block_ends_what_is_relayed_and_nothing_else(school: School) -> None:
    with (
        Nameserver() as dns,
        Origin(tls_context(school.servers, *HOSTS)) as origin,
        running(school, school.settings(dns, origin.port)) as worker,
        relayed(school, worker, "good.test", origin.port) as good,
        relayed(school, worker, "help.test", origin.port) as other,
    ):
        assert worker.metric("schoolgate_proxy_spliced_total") == 2
        block = Permit(1, False, ("good.test",), time.time_ns() + 3600 * SECOND)
        snapshot.write(school.files.permits, Permits((block,)), version=2, written_ns=2)
        assert ended(good)
        assert asked(other, "help.test")


def test_what_a_pass_opened_ends_with_the_pass(school: School) -> None:
    with (
        Nameserver() as dns,
        Origin(tls_context(school.servers, *HOSTS)) as origin,
        running(school, school.settings(dns, origin.port)) as worker,
    ):
        leave = Permit(1, True, ("gambling.test",), time.time_ns() + 8 * SECOND, profiles=("ks2",))
        snapshot.write(school.files.permits, Permits((leave,)), version=2, written_ns=2)
        while "about betting" in worker.curl(f"http://gambling.test:{origin.port}/"):
            pass
        with relayed(school, worker, "gambling.test", origin.port) as connection:
            assert worker.metric("schoolgate_proxy_spliced_total") == 1
            connection.settimeout(20)
            assert ended(connection)


@pytest.mark.parametrize("tls", [True, False])
def test_an_emergency_block_ends_a_websocket_and_a_download(school: School, tls: bool) -> None:
    served = tls_context(school.servers, *HOSTS, h2=False) if tls else None
    with (
        Nameserver() as dns,
        Origin(served) as origin,
        running(school, school.settings(dns, origin.port)) as worker,
        opened(school, worker, origin, tls=tls) as talk,
        opened(school, worker, origin, tls=tls) as download,
        opened(school, worker, origin, tls=tls, host="other.test") as other,
    ):
        start_websocket(talk, origin, tls=tls)
        start_websocket(other, origin, tls=tls, host="other.test")
        download.sendall(request(origin, "/slow", tls=tls))
        assert origin.waiting.wait(5)
        block = Permit(1, False, ("unknown.test",), time.time_ns() + 3600 * SECOND)
        snapshot.write(school.files.permits, Permits((block,)), version=2, written_ns=2)
        assert ended(talk)
        assert ended(download)
        other.settimeout(0.5)
        assert not ended(other)


def opened(school: School, worker: Running, origin: Origin, *, tls: bool, host: str = "unknown.test") -> socket.socket:
    """A connection on which requests for *host* are read by the worker."""
    if tls:
        made: socket.socket = tunnel(school, worker.connect(host, origin.port)[0], host)
    else:
        made = socket.create_connection(("127.0.0.1", worker.port), 5)
    made.settimeout(5)
    return made


def request(origin: Origin, path: str, *more: str, tls: bool, host: str = "unknown.test") -> bytes:
    start = "" if tls else f"http://{host}:{origin.port}"
    return "\r\n".join((f"GET {start}{path} HTTP/1.1", f"Host: {host}:{origin.port}", *more, "", "")).encode()


def start_websocket(connection: socket.socket, origin: Origin, *, tls: bool, host: str = "unknown.test") -> None:
    connection.sendall(
        request(
            origin,
            "/ws",
            *("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"),
            "Sec-WebSocket-Key: MDEyMzQ1Njc4OUFCQ0RFRg==",
            tls=tls,
            host=host,
        )
    )
    assert head_of(connection).startswith(b"HTTP/1.1 101 ")
