"""What stands around an answer: a page arrives whole, whatever a server sends before and behind it."""

import h11
import pytest
from h11._receivebuffer import ReceiveBuffer

from proxy_addons.interim import Untrailed, drop_interim
from tests.proxy_addons.conftest import House


@pytest.mark.parametrize("path", ["/early", "/trailer"])
def test_a_page_arrives_whole(house: House, path: str) -> None:
    answer = house.worker.curl("--max-time", "5", house.plain_url("good.test", path))
    assert answer.startswith("HTTP/1.1 200 OK")
    assert answer.endswith("hello")


def test_an_upload_with_a_trailer_arrives_whole(house: House) -> None:
    with house.join() as connection:
        url = house.plain_url("good.test", "/upload")
        head = f"POST {url} HTTP/1.1\r\nHost: good.test:{house.plain.port}\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head.encode() + b"5\r\nhello\r\n0\r\nSum: 1\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
    assert [seen.body for seen in house.plain.requests] == [5]


def buffer(data: bytes) -> ReceiveBuffer:
    made = ReceiveBuffer()
    made += data
    return made


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.0 103\r\nA: b\r\n\r\n", b"HTTP/1.1 199 x\n\n"]
)
@pytest.mark.parametrize("rest", [b"", b"HTTP/1.1 20", b"HTTP/1.1 103 Early\r\nA: b\r\n"])
def test_interim_answers_are_dropped_once_they_are_whole(head: bytes, rest: bytes) -> None:
    held = buffer(head * 2 + rest)
    drop_interim(held)
    assert bytes(held) == rest


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 101 Switching\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 1000\r\n\r\n", b""]
)
def test_an_answer_stays(answer: bytes) -> None:
    held = buffer(answer)
    drop_interim(held)
    assert bytes(held) == answer


def test_a_chunked_body_ends_without_what_follows_it() -> None:
    held, reader = buffer(b"2\r\nhi\r\n0\r\nSum: 1\r\n\r\n"), Untrailed()
    assert reader(held).data == b"hi"
    assert reader(held) == h11.EndOfMessage()
