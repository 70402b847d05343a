"""A server that takes leave of a connection ends what it has begun, and a browser is told to ask anew for the rest."""

import ssl
from collections.abc import Iterator
from typing import Self

import h2.config
import h2.connection
import h2.errors
import h2.events
import pytest

from tests.support.origin import tls_context
from tests.support.proxy_school import Nameserver, Running, School, running, tunnel
from tests.support.sites import Sites

HOST = "unknown.test"


class Browser:
    """An HTTP/2 connection in an opened tunnel."""

    def __init__(self, school: School, worker: Running, port: int) -> None:
        raw, _ = worker.connect(HOST, port)
        self._line: ssl.SSLSocket = tunnel(school, raw, HOST, ("h2",))
        self._line.settimeout(60)
        self._talk = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self._talk.initiate_connection()
        self._came: dict[int, list[h2.events.Event]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._line.close()

    def asks(self, path: str) -> int:
        """Ask for *path*; returns the stream's number."""
        number = self._talk.get_next_available_stream_id()
        lines = {":method": "GET", ":scheme": "https", ":authority": HOST, ":path": path}
        self._talk.send_headers(number, list(lines.items()), end_stream=True)
        self._line.sendall(self._talk.data_to_send())
        return number

    def hears(self, number: int, kind: type[h2.events.Event]) -> h2.events.Event:
        """The first event of *kind* on the stream *number*."""
        while not (found := [e for e in self._came.get(number, []) if isinstance(e, kind)]):
            data = self._line.recv(65536)
            assert data, "the connection ended"
            for event in self._talk.receive_data(data):
                if stream := getattr(event, "stream_id", None):
                    self._came.setdefault(stream, []).append(event)
            self._line.sendall(self._talk.data_to_send())
        return found[0]

    def body(self, number: int) -> bytes:
        """All that the stream *number* carries."""
        self.hears(number, h2.events.StreamEnded)
        return b"".join(e.data for e in self._came[number] if isinstance(e, h2.events.DataReceived))


@pytest.fixture
def sites(school: School) -> Iterator[Sites]:
    with Sites(tls_context(school.servers, HOST)) as made:
        yield made


@pytest.fixture
def browser(school: School, sites: Sites) -> Iterator[Browser]:
    with (
        Nameserver() as dns,
        running(school, school.settings(dns, sites.port)) as worker,
        Browser(school, worker, sites.port) as made,
    ):
        yield made


def test_what_was_begun_ends_and_the_rest_is_asked_for_by_another_connection(sites: Sites, browser: Browser) -> None:
    sites.leaves_after = 1
    begun = browser.asks("/lines?type=text/event-stream")
    browser.hears(begun, h2.events.DataReceived)
    refused = browser.hears(browser.asks("/echo"), h2.events.StreamReset)
    assert refused.error_code == h2.errors.ErrorCodes.REFUSED_STREAM
    assert b"GET 0" in browser.body(browser.asks("/echo"))
    sites.release.set()
    assert browser.body(begun) == b'{"line": 0}\n{"line": 1}\n{"line": 2}\n'
    assert sites.connections == 2
