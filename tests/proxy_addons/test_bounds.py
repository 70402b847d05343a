"""What never ends, and who never asks: heads, hellos, messages and connections have bounds."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator

import pytest
import wsproto
import wsproto.events
from h11._receivebuffer import ReceiveBuffer

from proxy_addons import doorway, heads, messages
from proxy_addons.doorway import MAX_CONNECTIONS
from proxy_addons.layers import MAX_HELLO, MAX_RECORDS
from proxy_addons.worker import serve
from reporting.journal import Journal
from reporting.recorder import Recorder
from tests.proxy_addons.conftest import House
from tests.support.origin import MESSAGE
from tests.support.proxy_school import SEED, Nameserver, School, head_of, running


def rest_of(connection: socket.socket) -> bytes:
    """All that comes until the other side closes; TimeoutError if it does not."""
    got = b""
    with contextlib.suppress(ConnectionError):
        while data := connection.recv(65536):
            got += data
    return got


def opening(house: House, path: str = "/") -> bytes:
    return f"GET {house.plain_url('good.test', path)} HTTP/1.1\r\nHost: good.test:{house.plain.port}\r\n".encode()


def test_a_request_head_that_never_ends_is_refused(house: House) -> None:
    start = opening(house) + b"X: "
    with house.join() as connection:
        connection.sendall(start + b"a" * (heads.REQUEST + 1 - len(start)))
        answer = rest_of(connection)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b"mitmproxy" not in answer


def test_a_request_head_of_too_many_lines_is_refused_and_a_long_one_is_not(house: House) -> None:
    with house.join() as connection:
        connection.sendall(opening(house) + b"a: b\r\n" * (heads.LINES - 1) + b"\r\n")
        assert head_of(connection).startswith(b"HTTP/1.1 200 ")
    with house.join() as connection:
        connection.sendall(opening(house) + b"a: b\r\n" * heads.LINES + b"\r\n")
        assert rest_of(connection).startswith(b"HTTP/1.1 431 ")


def test_what_is_sent_ahead_of_the_answer_has_an_end(house: House) -> None:
    with house.join() as connection:
        connection.sendall(opening(house, "/silent") + b"\r\n")
        connection.sendall(b"a" * (heads.REQUEST + 1))
        assert b"200" not in rest_of(connection)


def test_a_chunks_size_that_never_ends_closes_the_connection(house: House) -> None:
    with house.join() as connection:
        connection.sendall(opening(house).replace(b"GET", b"POST") + b"Transfer-Encoding: chunked\r\n\r\n")
        connection.sendall(b"1;" + b"a" * heads.REQUEST)
        assert b"200" not in rest_of(connection)


@pytest.mark.parametrize("path", ["/endless-head", "/many-lines"])
def test_a_response_head_that_never_ends_is_a_plain_page(house: House, path: str) -> None:
    answer = house.worker.curl("--max-time", "5", house.plain_url("good.test", path))
    assert "502 Bad Gateway" in answer
    assert "This site is not answering" in answer


def test_a_response_chunk_that_never_ends_closes_the_connection(house: House) -> None:
    done = house.worker.curled("--max-time", "5", house.plain_url("good.test", "/endless-chunk"))
    assert done.returncode not in (0, 28), done.stderr


@pytest.mark.parametrize(
    ("data", "long"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", False),
        (b"GET / HTTP/1.1\r\n\r\n" + b"\n" * 9000, False),
        (b"\r\n" * 9000 + b"GET / HTTP/1.1\r\n\r\n", False),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 9, False),
        (b"GET / HTTP/1.1\r\n\r\n" + b"a" * heads.REQUEST, False),
        (b"a: b\r\n" * 9000, True),
        (b"a" * (heads.REQUEST + 1), True),
        (b"a" * heads.REQUEST + b"\r\n\r\n", True),
    ],
)
def test_only_the_head_is_measured(data: bytes, long: bool) -> None:
    buffer = ReceiveBuffer()
    buffer += data
    assert heads.too_long(buffer, heads.REQUEST) is long


def test_blank_lines_ahead_of_a_head_are_not_kept() -> None:
    buffer = ReceiveBuffer()
    buffer += b"\r\n" * 9000
    assert not heads.too_long(buffer, heads.REQUEST)
    assert not buffer


def test_the_library_is_as_before_when_the_bounds_end() -> None:
    kept = heads._http1.Http1Server.read_headers
    with heads.bounded(), messages.bounded():
        assert heads._http1.Http1Server.read_headers is not kept
    assert heads._http1.Http1Server.read_headers is kept


RECORD = b"\x16\x03\x01"
HELLO = b"\x01\xff\xff\xf0"


@pytest.mark.parametrize(
    "sent",
    [
        b"".join(RECORD + b"\0\1" + bytes([b]) for b in HELLO) + (RECORD + b"\0\1\0") * MAX_RECORDS,
        (RECORD + b"\x40\x00" + HELLO + bytes(0x4000 - 4)) * (MAX_HELLO // 0x4000),
    ],
    ids=["in pieces", "long"],
)
def test_a_hello_that_never_ends_closes_the_connection(house: House, sent: bytes) -> None:
    raw, _ = house.worker.connect("good.test", house.secure.port)
    with raw:
        raw.settimeout(5)
        raw.sendall(sent)
        assert rest_of(raw) == b""


@contextlib.contextmanager
def websocket(house: House, path: str) -> Iterator[socket.socket]:
    lines = (b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13")
    key = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    with house.join() as connection:
        connection.sendall(opening(house, path) + b"\r\n".join((*lines, key, b"", b"")))
        assert b" 101 " in head_of(connection)
        yield connection


def close_code(connection: socket.socket) -> int:
    conn = wsproto.Connection(wsproto.ConnectionType.CLIENT)
    while data := connection.recv(65536):
        conn.receive_data(data)
        for event in conn.events():
            if isinstance(event, wsproto.events.CloseConnection):
                return event.code
    return 0


def test_a_message_that_a_client_never_ends_closes_the_websocket(house: House) -> None:
    conn = wsproto.Connection(wsproto.ConnectionType.CLIENT)
    with websocket(house, "/ws") as connection:
        connection.sendall(conn.send(wsproto.events.BytesMessage(bytes(MESSAGE), message_finished=False)))
        assert close_code(connection) == 1009


def test_a_message_that_a_server_never_ends_closes_the_websocket(house: House) -> None:
    with websocket(house, "/ws/endless") as connection:
        assert close_code(connection) == 1009


def test_empty_fragments_have_a_weight() -> None:
    assert messages.weight([b""]) == 0
    assert messages.weight([b""] * 20_000) > messages.MAX_MESSAGE


def test_one_client_has_so_many_connections_and_no_more(house: House) -> None:
    before = house.worker.metric("schoolgate_proxy_too_many_total")
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(house.join("visitor")) for _ in range(MAX_CONNECTIONS + 1)]
        assert rest_of(held[-1]) == b""
        held[-2].sendall(opening(house) + b"\r\n")
        assert head_of(held[-2]).startswith(b"HTTP/1.1 200 ")
        assert house.worker.metric("schoolgate_proxy_too_many_total") == before + 1
        with house.join("ks2") as another:
            another.sendall(opening(house) + b"\r\n")
            assert head_of(another).startswith(b"HTTP/1.1 200 ")
    assert answered_again(house, "visitor")


def answered_again(house: House, profile: str) -> bool:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with house.join(profile) as connection, contextlib.suppress(ConnectionError):
            connection.sendall(opening(house) + b"\r\n")
            if head_of(connection):
                return True
    return False


async def test_who_asks_for_nothing_in_time_is_closed(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorway, "FIRST_REQUEST", 0.2)
    monkeypatch.setattr(doorway, "FIRST_HELLO", 0.2)
    journal = Journal.open(school.files.spool, site="oak", kind="proxy", instance=0, seed=SEED)
    told: asyncio.Future[dict[str, tuple[str, int]]] = asyncio.get_running_loop().create_future()
    with Nameserver() as dns:
        serving = asyncio.create_task(
            serve(
                school.settings(dns, drain_seconds=1),
                school.files,
                Recorder(journal),
                instance=0,
                metrics=None,
                ready=told.set_result,
            )
        )
        async with asyncio.timeout(60):
            where = (await told)["proxy"]
            assert await ended(where, b"") == b""
            assert await ended(where, b"GET http://good.test/ HTT") == b""
            tunnel = await ended(where, b"CONNECT good.test:443 HTTP/1.1\r\nHost: good.test:443\r\n\r\n\x16\x03")
            assert tunnel.startswith(b"HTTP/1.1 200 ")
            serving.cancel()
            await asyncio.wait([serving])
    journal.close()


async def ended(where: tuple[str, int], sent: bytes) -> bytes:
    """What the worker says to *sent* until it closes the connection."""
    reader, writer = await asyncio.open_connection(*where)
    writer.write(sent)
    got = await reader.read()
    writer.close()
    await writer.wait_closed()
    return got


def test_a_worker_ends_though_a_client_flooded_a_refused_hello(school: School) -> None:
    piece = (RECORD + b"\0\1\0") * 20_000
    with Nameserver() as dns, running(school, school.settings(dns)) as worker:
        raw, _ = worker.connect("good.test", 443)
        with raw:
            raw.sendall(b"".join(RECORD + b"\0\1" + bytes([b]) for b in HELLO))
            with contextlib.suppress(ConnectionError):
                for _ in range(25):
                    raw.sendall(piece)
            assert rest_of(raw) == b""
            assert worker.metric("schoolgate_proxy_inner_errors_total") == 0
            assert worker.stop() == 0


def test_all_addresses_that_an_ipv6_device_makes_itself_are_one_client() -> None:
    door = doorway.Doorway()
    assert all(door.enter(f"c{n}", f"2001:db8::{n:x}") for n in range(MAX_CONNECTIONS))
    assert not door.enter("one more", "2001:db8::ffff:1")
    assert door.enter("a neighbour", "2001:db8:0:1::1")
    door.leave("c0")
    assert door.enter("one more", "2001:db8::ffff:1")
