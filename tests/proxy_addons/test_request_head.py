"""A request's head as the front door reads it."""

import pytest

from proxy_addons import request_head

LINE = b"Schoolgate-Client: signed\r\n"


@pytest.mark.parametrize(
    ("data", "end"),
    [
        (b"GET / HTTP/1.1\r\n\r\nbody", 18),
        (b"GET / HTTP/1.1\n\nbody", 16),
        (b"GET / HTTP/1.1\r\nA: b\r\n", 0),
        (b"", 0),
    ],
)
def test_a_head_ends_with_its_blank_line(data: bytes, end: int) -> None:
    assert request_head.end_of(data) == end


@pytest.mark.parametrize(
    ("first", "tunnel"),
    [
        (b"CONNECT good.test:443 HTTP/1.1", ("good.test", 443)),
        (b"CONNECT [2001:db8::1]:443 HTTP/1.0", ("[2001:db8::1]", 443)),
        (b"CONNECT good.test HTTP/1.1", None),
        (b"CONNECT good.test:0 HTTP/1.1", None),
        (b"CONNECT good.test:65536 HTTP/1.1", None),
        (b"CONNECT good.test:443", None),
        (b"CONNECT  HTTP/1.1", None),
    ],
)
def test_a_tunnel_is_one_that_is_plainly_written(first: bytes, tunnel: tuple[str, int] | None) -> None:
    head = first + b"\r\nHost: x\r\n\r\n"
    assert request_head.is_connect(head)
    assert request_head.tunnel_of(head) == tunnel


def test_a_page_is_no_tunnel() -> None:
    assert not request_head.is_connect(b"GET http://good.test/ HTTP/1.1\r\n\r\n")


@pytest.mark.parametrize(
    ("lines", "host"),
    [
        (b"Host: good.test\r\n", "good.test"),
        (b"A: b\r\nHOST:good.test \r\n", "good.test"),
        (b"A: b\r\n", None),
        (b"Host: a.test\r\nhost: b.test\r\n", None),
    ],
)
def test_a_host_is_the_only_one(lines: bytes, host: str | None) -> None:
    assert request_head.host_line(b"GET / HTTP/1.1\r\n" + lines + b"\r\n") == host


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        (b"GET / HTTP/1.1", True),
        (b"OPTIONS * ", True),
        (b"", None),
        (b"GE", None),
        (b"SSH-2.0-x", False),
        (b"get / ", False),
        (b"A" * 30, False),
    ],
)
def test_what_opens_like_a_request_is_told_as_soon_as_it_can_be(data: bytes, answer: bool | None) -> None:
    assert request_head.can_be_request(data) is answer


FORGED = [
    b"Schoolgate-Client: 10.0.0.1 1 2 3\r\n",
    b"schoolgate-anything: x\r\n",
    b"SCHOOLGATE-CLIENT : x\r\n",
    b"Schoolgate-Client: x\r\n folded\r\n\tagain\r\n",
]


@pytest.mark.parametrize("forged", FORGED)
def test_our_line_is_the_first_and_the_only_one(forged: bytes) -> None:
    head = b"GET http://good.test/ HTTP/1.1\r\nHost: good.test\r\n" + forged + b"A: b\r\n" + forged + b"\r\n"
    assert request_head.signed(head, LINE) == (
        b"GET http://good.test/ HTTP/1.1\r\n" + LINE + b"Host: good.test\r\nA: b\r\n\r\n"
    )


def test_blank_lines_before_a_head_are_left_out() -> None:
    assert request_head.signed(b"\r\n\nGET / HTTP/1.1\r\n\r\n", LINE) == b"GET / HTTP/1.1\r\n" + LINE + b"\r\n"


def test_a_tunnel_is_asked_for_with_our_line_first() -> None:
    assert request_head.connect("good.test:443", LINE) == (
        b"CONNECT good.test:443 HTTP/1.1\r\n" + LINE + b"Host: good.test:443\r\n\r\n"
    )
