"""The port where scrapes are answered."""

import contextlib
import itertools
import socket
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.registry import Collector

from reporting.metrics import serve_metrics
from reporting.metrics_port import AT_ONCE, LONGEST_HEAD, asked, hosts


@contextlib.contextmanager
def serving(address="127.0.0.1", **options):
    """A port with one figure; gives what connects to it, and its number."""
    registry = CollectorRegistry()
    Gauge("schoolgate_example", "An example.", registry=registry).set(7)
    served = serve_metrics(registry, (address, 0), **options)
    try:
        yield lambda to=address: socket.create_connection((to, served.address[1]), timeout=10), served.address[1]
    finally:
        served()


def rest(connection):
    """All that the port says until it closes."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


def ask(connect, raw, **options):
    with connect(**options) as connection, contextlib.suppress(ConnectionError):  # closed before it was said
        connection.sendall(raw)
        return rest(connection)
    return b""


def scrape(host, start="GET /metrics HTTP/1.1"):
    return f"{start}\r\nHost: {host}\r\n\r\n".encode()


def test_it_answers_under_its_own_address_and_localhost():
    with serving() as (connect, port):
        for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"LOCALHOST:{port}"):
            answer = ask(connect, scrape(host))
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n"), host
            assert answer.endswith(b"schoolgate_example 7.0\n")


def test_any_other_host_is_refused_and_reads_nothing():
    with serving() as (connect, port):
        strange = ("rebound.evil.test", f"evil.test:{port}", "127.0.0.1", "127.0.0.1:1", f"127.0.0.2:{port}", "", "::1")
        for host, path in itertools.product(strange, ("/metrics", "/")):
            answer = ask(connect, scrape(host, f"GET {path} HTTP/1.1"))
            assert answer.startswith(b"HTTP/1.1 421 "), host
            assert b"schoolgate" not in answer


def test_no_host_and_two_hosts_are_refused():
    with serving() as (connect, port):
        own = f"Host: 127.0.0.1:{port}\r\n".encode()
        for lines in (b"", own + own, own + b"Host: evil.test\r\n", b"Host: evil.test\r\n" + own):
            assert ask(connect, b"GET /metrics HTTP/1.0\r\n" + lines + b"\r\n").startswith(b"HTTP/1.1 421 "), lines


def test_at_every_address_of_the_machine_the_host_is_the_one_that_was_reached():
    with serving("0.0.0.0") as (connect, port):
        for host, status in ((f"127.0.0.2:{port}", b"200"), (f"127.0.0.1:{port}", b"421"), (f"0.0.0.0:{port}", b"421")):
            assert ask(connect, scrape(host), to="127.0.0.2").split()[1] == status, host


@pytest.mark.parametrize(
    ("address", "port", "names"),
    [
        ("10.1.0.2", 9160, ["10.1.0.2:9160"]),
        ("127.0.0.1", 80, ["127.0.0.1:80", "127.0.0.1", "localhost:80", "localhost"]),
        ("::1", 9160, ["[::1]:9160", "localhost:9160"]),
        ("::ffff:10.1.0.2", 9160, ["10.1.0.2:9160"]),
        ("fe80::1%eth0", 9160, ["[fe80::1]:9160"]),
    ],
)
def test_the_host_of_each_kind_of_address(address, port, names):
    assert list(hosts(address, port)) == names


REFUSED = (
    ("GET / HTTP/1.1", b"404"),
    ("GET /metrics/ HTTP/1.1", b"404"),
    ("GET /favicon.ico HTTP/1.1", b"404"),
    ("OPTIONS /metrics HTTP/1.1", b"405"),
    ("POST /metrics HTTP/1.1", b"405"),
    ("DELETE / HTTP/1.1", b"405"),
    ("GET http://127.0.0.1/metrics HTTP/1.1", b"400"),
    ("GET /metrics", b"400"),
    ("GET /metrics HTTP/2.0", b"400"),
    ("nonsense", b"400"),
)


def test_everything_but_get_and_head_of_metrics_is_refused_in_a_short_plain_line():
    with serving() as (connect, port):
        for start, status in REFUSED:
            head, _, body = ask(connect, scrape(f"127.0.0.1:{port}", start)).partition(b"\r\n\r\n")
            assert head.split()[1] == status, start
            assert b"text/plain" in head
            assert b"Server" not in head
            assert b"schoolgate" not in body
            assert len(body.splitlines()) == 1


def test_head_has_the_length_and_no_body():
    with serving() as (connect, port):
        whole = ask(connect, scrape(f"127.0.0.1:{port}"))
        head = ask(connect, scrape(f"127.0.0.1:{port}", "HEAD /metrics HTTP/1.1"))
    assert head == whole.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    assert b"Content-Length: " in head


def test_a_scraper_that_asks_for_openmetrics_gets_it():
    with serving() as (connect, port):
        accept = f"Host: 127.0.0.1:{port}\r\nAccept: application/openmetrics-text;version=1.0.0,text/plain"
        answer = ask(connect, f"GET /metrics HTTP/1.1\r\n{accept}\r\n\r\n".encode())
    assert b"Content-Type: application/openmetrics-text" in answer
    assert answer.endswith(b"# EOF\n")


def test_a_head_that_is_too_long_is_refused():
    with serving() as (connect, _):
        assert ask(connect, b"GET /metrics HTTP/1.1\r\nX: " + b"y" * LONGEST_HEAD).startswith(b"HTTP/1.1 431 ")


def test_a_client_that_says_nothing_is_let_go():
    with serving(patience=0.2) as (connect, _), connect() as silent:
        assert rest(silent) == b""


def test_a_client_that_says_a_little_at_a_time_is_let_go_all_the_same():
    began = time.monotonic()
    with serving(patience=0.3) as (connect, _), connect() as slow:
        slow.settimeout(0.02)
        while time.monotonic() - began < 10:
            with contextlib.suppress(TimeoutError):
                slow.sendall(b"G")
                if not slow.recv(1):
                    break
    assert time.monotonic() - began < 5, "each byte does not begin the time anew"


def test_there_are_few_connections_at_once_and_the_next_finds_room_again():
    with serving(patience=60) as (connect, port), contextlib.ExitStack() as held:
        silent = [held.enter_context(connect()) for _ in range(AT_ONCE)]
        assert ask(connect, scrape(f"127.0.0.1:{port}")) == b"", "one too many is closed at once"
        for connection in silent:
            connection.close()
        until = time.monotonic() + 10
        while not (answer := ask(connect, scrape(f"127.0.0.1:{port}"))) and time.monotonic() < until:
            pass
        assert answer.startswith(b"HTTP/1.1 200 OK")


class Failing(Collector):
    def collect(self):
        raise RuntimeError("planted")


def test_figures_that_cannot_be_put_together_are_a_short_answer_and_in_the_log(caplog):
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Failing())
    served = serve_metrics(registry, ("127.0.0.1", 0))
    try:
        host, port = served.address
        answer = ask(lambda: socket.create_connection((host, port), timeout=10), scrape(f"{host}:{port}"))
    finally:
        served()
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"planted" not in answer
    assert "planted" in caplog.text


@given(st.binary(max_size=300).map(lambda text: text + b"\r\n\r\n"))
def test_no_head_raises_and_only_its_own_host_reads_anything(head):
    assert asked(head, frozenset({"own.test:1"})).status in {400, 421}
