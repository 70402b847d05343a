"""What is large: uploads that are refused, and bodies that pass through; the worker's memory stays level."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import httpx
import pytest
import wsproto
import wsproto.events

from tests.proxy_addons.conftest import House
from tests.support.origin import LARGE
from tests.support.proxy_school import head_of, tunnel

MIB = 1024 * 1024
UPLOAD = 300 * MIB


@contextmanager
def level_memory(house: House, grows: int = 40 * MIB) -> Iterator[None]:
    """Fail if the worker's memory peaks more than *grows* bytes above what it is now."""
    house.worker.curl(house.url("gambling.test", "/warm"), ca=house.school.ca)
    before = house.worker.reset_peak()
    yield
    assert house.worker.memory("VmHWM") - before < grows


def put(house: House, url: str, *arguments: str, source: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    """Upload 300 MB with curl: the file *source*, or chunks from a pipe. Curl stops sending when it has its answer."""
    common = ("curl", "-sS", "--noproxy", "", "-x", house.worker.url, "--cacert", str(house.school.ca))
    told = ("-w", "%{http_code} %{errormsg}", *arguments, "-T", str(source or "-"), url)
    with subprocess.Popen(["head", "-c", str(UPLOAD), "/dev/zero"], stdout=subprocess.PIPE) as zeros:
        return subprocess.run([*common, *told], stdin=zeros.stdout, capture_output=True, timeout=120, check=False)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file of 300 MB that takes no room."""
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(UPLOAD)
    return path


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
@pytest.mark.parametrize("expect", ["Expect: 100-continue", "Expect:"])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_refused_upload_is_answered_reaches_nobody_and_fills_no_memory(
    house: House, large: Path, version: str, expect: str, chunked: bool
) -> None:
    with level_memory(house):
        url = house.url("gambling.test", "/upload")
        done = put(house, url, version, "-H", expect, source=None if chunked else large)
    assert b"about betting or gambling" in done.stdout, done.stderr
    assert b"</html>403" in done.stdout
    assert house.secure.connections == 0


@pytest.mark.parametrize("http2", [False, True])
def test_a_client_that_sends_it_all_is_drained(house: House, http2: bool) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(100):
            yield bytes(MIB)

    with level_memory(house), httpx.Client(proxy=house.worker.url, verify=house.device(), http2=http2) as client:
        answer = client.put(house.url("gambling.test", "/drained"), content=pieces())
        assert answer.status_code == 403
        assert client.get(house.url("gambling.test", "/next")).status_code == 403
    assert house.secure.connections == 0


@pytest.mark.parametrize("expect", ["", "Expect: 100-continue\r\n"])
def test_the_answer_to_a_refused_upload_asks_for_none_of_it_and_waits_for_no_end(house: House, expect: str) -> None:
    raw, _ = house.worker.connect("gambling.test", house.plain.port)
    with raw:
        head = f"PUT /slow HTTP/1.1\r\nHost: gambling.test\r\n{expect}Content-Length: 1000000\r\n\r\n"
        raw.sendall(head.encode() + b"first bytes")
        assert b" 403 " in raw.recv(65536).split(b"\r\n")[0]
        raw.sendall(b"more")


def test_many_uploads_side_by_side_do_not_wait_for_each_other(house: House) -> None:
    raw, _ = house.worker.connect("gambling.test", house.secure.port)
    conn = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
    conn.initiate_connection()
    head = [(":method", "PUT"), (":scheme", "https"), (":authority", "gambling.test"), (":path", "/side")]
    streams = [conn.get_next_available_stream_id() + 2 * n for n in range(12)]
    for stream in streams:
        conn.send_headers(stream, head)
        conn.send_data(stream, b"first bytes of an upload that goes on")
    answered: dict[int, str] = {}
    with tunnel(house.school, raw, "gambling.test", ("h2",)) as connection:
        connection.settimeout(60)
        connection.sendall(conn.data_to_send())
        while len(answered) < len(streams):
            for event in conn.receive_data(connection.recv(65536)):
                if isinstance(event, h2.events.ResponseReceived):
                    answered[event.stream_id] = dict(event.headers)[":status"]
    assert answered == dict.fromkeys(streams, "403")
    assert house.secure.connections == 0


def test_a_long_talk_over_a_websocket_is_not_kept(house: House) -> None:
    message, conn = "x" * MIB, wsproto.Connection(wsproto.ConnectionType.CLIENT)
    with level_memory(house), socket.create_connection(("127.0.0.1", house.worker.port), 60) as connection:
        lines = (f"GET {house.plain_url('unknown.test', '/ws')} HTTP/1.1", "Host: unknown.test", "Connection: Upgrade")
        more = ("Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
        connection.sendall("\r\n".join((*lines, *more, "", "")).encode())
        assert b" 101 " in head_of(connection)
        for _ in range(60):
            connection.sendall(conn.send(wsproto.events.TextMessage(message)))
            echoed = 0
            while echoed < len(message):
                conn.receive_data(connection.recv(1 << 20))
                echoed += sum(len(e.data) for e in conn.events() if isinstance(e, wsproto.events.TextMessage))


def test_uploads_that_were_dropped_are_counted(house: House) -> None:
    before = house.worker.metric("schoolgate_proxy_uploads_sunk_total")
    house.worker.curl("-d", "typed", house.plain_url("gambling.test"))
    house.worker.curl(house.plain_url("gambling.test"))
    assert house.worker.metric("schoolgate_proxy_uploads_sunk_total") == before + 1


def test_a_permitted_upload_passes_through_as_it_comes(house: House, large: Path) -> None:
    with level_memory(house):
        done = put(house, house.url("unknown.test", "/take"), "--http1.1", source=large)
    assert b"hello from unknown.test" in done.stdout
    assert house.secure.requests[0].body == UPLOAD


@pytest.mark.parametrize("path", ["/bomb", "/large"])
def test_a_large_or_packed_page_passes_through_as_it_comes(house: House, path: str) -> None:
    with level_memory(house):
        done = subprocess.run(
            [
                *("curl", "-sS", "--compressed", "--noproxy", "", "-x", house.worker.url, "--http1.1"),
                *("--cacert", str(house.school.ca), "-o", "/dev/null", "-w", "%{size_download}"),
                house.url("unknown.test", path),
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert not done.stderr
    assert int(done.stdout) == LARGE if path == "/large" else int(done.stdout) > 0
