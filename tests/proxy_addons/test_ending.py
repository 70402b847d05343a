"""What of a worker's connections is waited for at its end, and what is not."""

import signal
import socket
import threading
import time

import pytest

from tests.support.commands import until
from tests.support.origin import Origin, tls_context
from tests.support.proxy_school import HOSTS, Nameserver, Running, School, head_of, running, tunnel


def accepts(port: int) -> bool:
    with socket.socket() as trying:
        return trying.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_page_in_progress_is_finished_before_the_end(school: School, scheme: str) -> None:
    tls = tls_context(school.servers, *HOSTS) if scheme == "https" else None
    with Nameserver() as dns, Origin(tls) as origin, running(school, school.settings(dns, origin.port)) as worker:
        got: list[str] = []
        url = f"{scheme}://unknown.test:{origin.port}/slow"
        asking = threading.Thread(target=lambda: got.append(worker.curl(url, ca=school.ca)))
        asking.start()
        assert origin.waiting.wait(60)
        worker.process.send_signal(signal.SIGTERM)
        while accepts(worker.port):
            time.sleep(0.01)
        assert worker.process.poll() is None
        origin.release.set()
        asking.join(60)
        assert "hello from unknown.test" in got[0]
        assert worker.process.wait(60) == 0


def test_an_idle_or_endless_connection_does_not_hold_the_end(school: School) -> None:
    with Nameserver() as dns, Origin() as origin:
        settings = school.settings(dns, origin.port, drain_seconds=0.5)
        with running(school, settings) as worker:
            idle = socket.create_connection(("127.0.0.1", worker.port))
            endless = socket.create_connection(("127.0.0.1", worker.port))
            endless.sendall(
                f"GET http://unknown.test:{origin.port}/slow HTTP/1.1\r\nHost: unknown.test\r\n\r\n".encode()
            )
            assert origin.waiting.wait(60)
            started = time.monotonic()
            assert worker.stop() == 0
            assert time.monotonic() - started < 3
            assert idle.recv(1) == b""
            idle.close()
            endless.close()


@pytest.mark.parametrize("tunnelled", [False, True])
def test_a_connection_that_has_just_come_is_answered_before_the_end(school: School, tunnelled: bool) -> None:
    with Nameserver() as dns, running(school, school.settings(dns, 443)) as worker:
        idle, new = (socket.create_connection(("127.0.0.1", worker.port), 60) for _ in range(2))
        assert is_refused(idle, "http://gambling.test/")
        if tunnelled:
            new.sendall(b"CONNECT gambling.test:443 HTTP/1.1\r\nHost: gambling.test:443\r\n\r\n")
            assert b" 200 " in head_of(new)
        worker.process.send_signal(signal.SIGTERM)
        with idle:
            assert b"".join(iter(lambda: idle.recv(65536), b"")).endswith(b"</html>")
        with tunnel(school, new, "gambling.test") if tunnelled else new as new:
            assert is_refused(new, "/" if tunnelled else "http://gambling.test/")
        assert worker.process.wait(60) == 0


def is_refused(connection: socket.socket, target: str) -> bool:
    connection.sendall(f"GET {target} HTTP/1.1\r\nHost: gambling.test\r\n\r\n".encode())
    return b" 403 " in head_of(connection).split(b"\r\n")[0]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_download_that_is_not_read_does_not_hold_the_end(school: School, scheme: str) -> None:
    tls = tls_context(school.servers, *HOSTS, h2=False) if scheme == "https" else None
    with (
        Nameserver() as dns,
        Origin(tls) as origin,
        running(school, school.settings(dns, origin.port, drain_seconds=0.5)) as worker,
    ):
        connection, target = stalled(school, worker, origin.port, scheme)
        with connection:
            connection.sendall(f"GET {target}/large HTTP/1.1\r\nHost: unknown.test:{origin.port}\r\n\r\n".encode())
            until(lambda: stands_still(origin))
            started = time.monotonic()
            assert worker.stop() == 0
            assert time.monotonic() - started < 5


def stalled(school: School, worker: Running, port: int, scheme: str) -> tuple[socket.socket, str]:
    """A connection whose client takes little and reads nothing, and what stands before the path in its requests."""
    if scheme == "https":
        return tunnel(school, worker.connect("unknown.test", port)[0], "unknown.test"), ""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.connect(("127.0.0.1", worker.port))
    return made, f"http://unknown.test:{port}"


def stands_still(origin: Origin) -> bool:
    """Whether the origin has begun to send, and got no further in half a second."""
    before = origin.sent
    return before > 0 and not origin.release.wait(0.5) and origin.sent == before
