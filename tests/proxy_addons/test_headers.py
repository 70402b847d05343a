import pytest
from mitmproxy import http
from mitmproxy.test import tutils

from proxy_addons.headers import is_plain, let_through, strip


def test_what_is_for_the_proxy_alone_stays_here() -> None:
    headers = http.Headers([(b"PROXY-Authorization", b"x"), (b"sChoolgate-Client", b"x"), (b"Cookie", b"kept")])
    strip(headers)
    assert list(headers.fields) == [(b"Cookie", b"kept")]


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ({"upgrade": "h2c", "connection": "Upgrade, HTTP2-Settings", "http2-settings": "x"}, {}),
        ({"upgrade": "echo", "connection": "keep-alive, Upgrade"}, {"connection": "keep-alive"}),
        ({"upgrade": "echo"}, {}),
        (
            {"upgrade": "WebSocket", "connection": "Upgrade", "sec-websocket-extensions": "permessage-deflate"},
            {"upgrade": "WebSocket", "connection": "Upgrade"},
        ),
        ({"connection": "close"}, {"connection": "close"}),
    ],
)
def test_an_upgrade_leads_to_websocket_or_nowhere(given: dict[str, str], left: dict[str, str]) -> None:
    request = tutils.treq(headers=http.Headers(**given), authority=b"other.test")
    let_through(request)
    assert dict(request.headers.items()) == left
    assert request.stream is True
    assert not request.authority


@pytest.mark.parametrize("value", [b"y\r\n Host: other.test", b"y\rHost: other.test", b"y\nHost: other.test", b"y\0"])
def test_a_header_that_some_server_reads_as_two_is_not_plain(value: bytes) -> None:
    assert not is_plain(http.Headers([(b"Accept", b"*/*"), (b"X", value)]))
    assert is_plain(http.Headers([(b"Accept", b"*/*"), (b"X", b"y z\t\xff")]))
