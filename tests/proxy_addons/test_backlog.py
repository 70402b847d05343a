"""A side that takes slowly what another sends fast: the worker holds little of it, and nothing is lost."""

import contextlib
import ssl
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import pytest

from proxy_addons import backlog
from tests.proxy_addons.conftest import House
from tests.support.origin import LARGE
from tests.support.proxy_school import Running, tunnel

ENOUGH = 24 * 1024 * 1024
"""Bytes by which the worker may grow: the windows of both sides, what sockets hold, and the allocator's slack."""


class Browser:
    """HTTP/2 through an opened tunnel; what it does not read stays where it is."""

    def __init__(self, connection: ssl.SSLSocket, port: int) -> None:
        self.connection, self.port = connection, port
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.h2.initiate_connection()
        self.h2.increment_flow_control_window(2**24)  # streams that stand still leave room for others
        self.came: Counter[int] = Counter()
        self.ended: set[int] = set()
        self.reads: set[int] = set()

    def ask(self, path: str, *, reads: bool = True, method: str = "GET") -> int:
        """Ask for *path*; with *reads* what comes is given back, so that more may come."""
        number = self.h2.get_next_available_stream_id()
        named = [(":method", method), (":scheme", "https"), (":authority", f"unknown.test:{self.port}")]
        self.h2.send_headers(number, [*named, (":path", path)], end_stream=method == "GET")
        if reads:
            self.reads.add(number)
        self.connection.sendall(self.h2.data_to_send())
        return number

    def read(self, seconds: float = 10) -> bool:
        """Take in what there is; False if nothing came in time."""
        self.connection.settimeout(seconds)
        with contextlib.suppress(TimeoutError):
            data = self.connection.recv(262144)
            assert data, "the connection was closed"
            for event in self.h2.receive_data(data):
                if isinstance(event, h2.events.DataReceived):
                    self._take(event)
                elif isinstance(event, h2.events.StreamEnded):
                    self.ended.add(event.stream_id)
            self.connection.sendall(self.h2.data_to_send())
            return True
        return False

    def _take(self, event: h2.events.DataReceived) -> None:
        self.came[event.stream_id] += len(event.data)
        if event.stream_id in self.reads:
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)

    def catch_up(self, number: int) -> None:
        """Read a stream that was left standing from now on."""
        self.reads.add(number)
        self.h2.acknowledge_received_data(self.came[number], number)
        self.connection.sendall(self.h2.data_to_send())

    def read_until_ended(self, number: int) -> None:
        while number not in self.ended:
            assert self.read(), f"stream {number} stands still at {self.came[number]} bytes"

    def read_until_still(self, number: int) -> None:
        """Take in what comes of a stream until nothing more does."""
        while not self.came[number]:
            assert self.read()
        while self.read(0.5):
            pass


@contextlib.contextmanager
def browsing(house: House) -> Iterator[Browser]:
    raw, _ = house.worker.connect("unknown.test", house.secure.port)
    with tunnel(house.school, raw, "unknown.test", ("h2",)) as connection:
        assert connection.selected_alpn_protocol() == "h2"
        yield Browser(connection, house.secure.port)


def grown(worker: Running, before: int) -> int:
    return worker.memory("VmHWM") - before


def test_a_download_that_is_not_read_waits_at_the_server_and_then_comes_whole(house: House) -> None:
    with browsing(house) as browser:
        before = house.worker.reset_peak()
        large = browser.ask("/large", reads=False)
        browser.read_until_still(large)
        assert 0 < browser.came[large] < LARGE
        assert house.secure.sent < LARGE // 2
        assert grown(house.worker, before) < ENOUGH
        browser.catch_up(large)
        browser.read_until_ended(large)
        assert browser.came[large] == LARGE
        assert grown(house.worker, before) < ENOUGH


def test_a_download_that_stands_still_holds_up_no_other(house: House) -> None:
    with browsing(house) as browser:
        large = browser.ask("/large", reads=False)
        browser.read_until_still(large)
        browser.read_until_ended(browser.ask("/page"))
        assert large not in browser.ended


def test_a_download_that_is_given_up_leaves_room_for_the_next(house: House) -> None:
    with browsing(house) as browser:
        for _ in range(2 * backlog.CONNECTION // backlog.STREAM):
            large = browser.ask("/large", reads=False)
            while not browser.came[large]:
                assert browser.read()
            browser.h2.reset_stream(large)
        browser.read_until_ended(browser.ask("/page"))


@pytest.fixture
def upload(tmp_path: Path) -> str:
    """A file of `LARGE` bytes."""
    file = tmp_path / "upload"
    with file.open("wb") as made:
        made.truncate(LARGE)
    return str(file)


def test_an_upload_that_the_server_does_not_read_waits_at_the_client(house: House, upload: str) -> None:
    before = house.worker.reset_peak()
    house.worker.curl("--max-time", "3", "-T", upload, house.url("unknown.test", "/unread"), ca=house.school.ca)
    assert 0 < house.secure.received < ENOUGH
    assert grown(house.worker, before) < ENOUGH


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_an_upload_arrives_whole(house: House, upload: str, version: str) -> None:
    before = house.worker.reset_peak()
    url = house.url("unknown.test", "/upload")
    answer = house.worker.curl(version, "-H", "Expect:", "-T", upload, url, ca=house.school.ca, timeout=60)
    assert "hello from" in answer
    assert [seen.body for seen in house.secure.requests] == [LARGE]
    assert grown(house.worker, before) < ENOUGH


def test_an_upload_waits_at_the_client_until_its_server_is_found(house: House, upload: str) -> None:
    house.dns.silent = True
    try:
        before = house.worker.reset_peak()
        url = house.plain_url("late.good.test", "/upload")
        house.worker.curl("--max-time", "2", "-H", "Expect:", "-T", upload, url)
        assert grown(house.worker, before) < ENOUGH
    finally:
        house.dns.silent = False
