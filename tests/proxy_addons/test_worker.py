"""A worker's sockets, its start and its end."""

import asyncio
import contextlib
import re
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from proxy_addons.bound import bound, pass_on
from proxy_addons.worker import _waiting
from reporting.runs import ROWS
from tests.proxy_addons.conftest import House
from tests.support.commands import until
from tests.support.origin import Origin, tls_context
from tests.support.proxy_school import HOSTS, Nameserver, Running, School, head_of, running, tunnel


def test_an_address_that_is_taken_is_an_error_that_names_it(school: School) -> None:
    with socket.socket() as taken, Nameserver() as dns:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        start = running(school, school.settings(dns, listen=(address,)))
        with pytest.raises(AssertionError, match=f"the proxy cannot listen on {address}"):
            start.__enter__()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"upstream_ca": "/nonexistent"}, "No such file"),
        ({"inner_dns": "nowhere"}, "proxy.inner_dns"),
        ({"listen": ("nowhere",)}, "proxy.listen"),
    ],
)
def test_settings_that_cannot_be_used_end_the_start(school: School, more: dict[str, object], words: str) -> None:
    with Nameserver() as dns:
        start = running(school, school.settings(dns, **more))
        with pytest.raises(AssertionError, match=re.escape(words)):
            start.__enter__()


def test_several_workers_share_one_address(school: School) -> None:
    with Nameserver() as dns, Origin() as origin, running(school, school.settings(dns, origin.port)) as first:
        settings = school.settings(dns, origin.port, listen=(f"127.0.0.1:{first.port}",))
        with running(school, settings, instance=1) as second:
            assert second.port == first.port
            for number in range(30):
                assert "hello" in first.curl(f"http://good.test:{origin.port}/{number}")
            both = [w.metric("schoolgate_proxy_connections_total") for w in (first, second)]
        assert sum(both) == 30
        assert all(both)


def test_a_worker_listens_on_several_addresses(school: School) -> None:
    with Nameserver() as dns, Origin() as origin:
        settings = school.settings(dns, origin.port, listen=("127.0.0.1:0", "127.0.0.9:0"))
        with running(school, settings) as worker:
            log = (school.folder / "worker-0.log").read_text()
            assert "127.0.0.1:0, 127.0.0.9:0" in log
            assert "hello" in worker.curl(f"http://good.test:{origin.port}/")


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


def test_what_comes_to_an_address_goes_to_its_last_listener_once_the_first_passes_on() -> None:
    with bound("first", "127.0.0.1:0") as first:
        first.listen(64)
        with bound("second", f"127.0.0.1:{first.getsockname()[1]}") as second, contextlib.ExitStack() as clients:
            second.listen(64)
            pass_on(first)
            for _ in range(32):
                clients.enter_context(socket.create_connection(first.getsockname(), 10))
            with pytest.raises(BlockingIOError):
                first.accept()
            for _ in range(32):
                second.accept()[0].close()


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


def test_a_worker_leaves_nothing_behind_and_says_nothing_wrong(school: School, tmp_path: Path) -> None:
    before = {path for path in tmp_path.rglob("*") if "spool" not in path.parts}
    with Nameserver() as dns, running(school, school.settings(dns)) as worker:
        assert "403" in worker.curl("http://gambling.test/")
        assert worker.stop() == 0
    after = {path for path in tmp_path.rglob("*") if "spool" not in path.parts}
    assert {path.name for path in after - before} == {"worker-0.json", "worker-0.log"}
    log = (school.folder / "worker-0.log").read_text()
    assert "Traceback" not in log
    assert "ERROR" not in log


def test_killed_in_the_middle_every_answered_refusal_is_in_the_journal_once(school: School) -> None:
    asked = ROWS  # more are counted onto one row, and a kill may lose a count
    with Nameserver() as dns, Origin() as origin, running(school, school.settings(dns, origin.port)) as worker:
        answered: list[int] = []

        def ask(numbers: range) -> None:
            for number in numbers:
                done = subprocess.run(
                    [
                        *("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--noproxy", "", "-x", worker.url),
                        f"http://n{number}.gambling.test:{origin.port}/",
                    ],
                    capture_output=True,
                    text=True,
                    check=False,
                )
                if done.stdout == "403":
                    answered.append(number)

        threads = [threading.Thread(target=ask, args=(range(n, asked, 3),)) for n in range(3)]
        for thread in threads:
            thread.start()
        while len(answered) < asked // 3:
            time.sleep(0.005)
        worker.process.kill()
        for thread in threads:
            thread.join()
        assert asked // 3 <= len(answered) < asked
        hosts = [b.host for b in school.breaches()]
        assert {f"n{number}.gambling.test" for number in answered} <= set(hosts)
        assert len(hosts) == len(set(hosts))


def test_no_page_of_the_library_is_ever_seen(house: House) -> None:
    with socket.create_connection(("127.0.0.1", house.worker.port), 60) as connection:
        connection.sendall(b"NONSENSE\r\n\r\n")
        answer = connection.recv(65536)
    assert b" 400 " in answer
    assert b"mitmproxy" not in answer
    assert b"could not understand" in answer


def test_connections_that_wait_to_be_accepted_are_taken_before_their_listener_closes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, contextlib.ExitStack() as open_ones:
        listener.setblocking(False)
        for _ in range(3):
            open_ones.enter_context(socket.create_connection(listener.getsockname()))
        taken = [open_ones.enter_context(one) for one in _waiting(listener)]
    assert len(taken) == 3


async def test_small_answers_leave_at_once() -> None:
    """Nagle's delay of 40 ms an answer would be a fifth of the pages a second."""
    accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner = writer.get_extra_info("socket")
        accepted.set_result(inner.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    with bound("proxy.listen", "127.0.0.1:0") as listening:
        async with await asyncio.start_server(serve, sock=listening):
            _, writer = await asyncio.open_connection(*listening.getsockname())
            assert await accepted
            writer.close()
