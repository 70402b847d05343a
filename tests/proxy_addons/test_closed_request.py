import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_addons.closed_request import Asked, read


@pytest.mark.parametrize(
    ("head", "asked"),
    [
        (b"GET / HTTP/1.1\r\nHost: games.test", Asked("GET", "games.test")),
        (b"GET /a?b HTTP/1.0\r\nhOsT:\t games.test:80 ", Asked("GET", "games.test:80")),
        (b"GET http://games.test/ HTTP/1.1\r\nHost: other.test", Asked("GET", "games.test")),
        (b"HEAD HTTPS://games.test:443?x HTTP/1.1\r\nHost: other.test", Asked("HEAD", "games.test:443")),
        (b"GET / HTTP/1.1\r\nAccept: */*\r\nHost: a\r\nAccept: text/html", Asked("GET", "a", "*/*")),
        (
            b"GET / HTTP/1.1\r\nHost: a\r\nSec-Fetch-Dest: image\r\nAccept-Language: cy",
            Asked("GET", "a", "", "image", "cy"),
        ),
    ],
)
def test_a_request_says_who_is_meant_and_how_to_answer(head: bytes, asked: Asked) -> None:
    assert read(head) == asked


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"GET /",
        b"get / HTTP/1.1\r\nHost: a",
        b"GET / HTTP/2.0\r\nHost: a",
        b"PRI * HTTP/2.0",
        b"GET / HTTP/1.1",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: a",
        b"GET / HTTP/1.1\r\nHost: a\r\n Host: b",
        b"GET  / HTTP/1.1\r\nHost: a",
        b"GET / HTTP/1.1\nHost: a",
        b"\x16\x03\x01\x02\x00\x01",
    ],
)
def test_what_no_honest_client_sends_says_nothing(head: bytes) -> None:
    assert read(head) is None


def test_no_path_cookie_or_credential_is_kept() -> None:
    head = b"GET /secret?a=secret HTTP/1.1\r\nHost: a\r\nCookie: secret\r\nAuthorization: secret\r\nReferer: secret"
    assert "secret" not in repr(read(head))


@given(st.binary(max_size=400))
def test_no_bytes_make_it_fail(head: bytes) -> None:
    read(head)
    read(b"GET / HTTP/1.1\r\n" + head)
