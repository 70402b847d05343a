"""What a request's head says to the proxy, and what of it goes on to the server.

This file judges nothing. A header for the proxy alone stays here, and an upgrade leads to WebSocket or nowhere.
"""

import re

from mitmproxy import http

_FOR_THE_PROXY = frozenset({"proxy-authorization", "proxy-connection", "proxy-authenticate"})

_FOR_ANOTHER_PAGE = frozenset(
    {"x-original-url", "x-rewrite-url", "x-original-host", "x-forwarded-host", "x-host", "x-http-host-override"}
    | {"x-forwarded-server", "forwarded"}
)
"""By these some servers answer with another page or host than was asked for, and judged. No browser sends one."""

_NO_TEXT = re.compile(rb"[\0-\x08\n-\x1f\x7f]")
"""Control characters, of which a header's line has none but the tab (RFC 9110, 5.5)."""


def is_plain(headers: http.Headers) -> bool:
    """Whether every server reads the same lines: a line's end makes two of them, a vertical tab is a blank to some."""
    return not any(_NO_TEXT.search(name) or _NO_TEXT.search(value) for name, value in headers.fields)


def strip(headers: http.Headers) -> None:
    """Remove what is for the proxy alone, asks for another page, or may come from our own front door only (G20)."""
    for name in set(headers):
        lowered = name.lower()
        if lowered in _FOR_THE_PROXY or lowered in _FOR_ANOTHER_PAGE or lowered.startswith("schoolgate-"):
            del headers[name]


def let_through(request: http.Request) -> None:
    """Make *request* ready for the server: streamed, in origin form, with no upgrade but to WebSocket.

    WebSocket goes uncompressed: a compressed message would have to be unpacked here, whatever its size.
    """
    request.stream = True
    if not request.is_http2:
        request.data.authority = b""
    headers = request.headers
    if headers.get("upgrade", "").lower() == "websocket":
        headers.pop("sec-websocket-extensions", None)
    elif "upgrade" in headers:
        del headers["upgrade"]
        headers.pop("http2-settings", None)
        tokens = [t.strip() for t in headers.pop("connection", "").split(",")]
        if kept := [t for t in tokens if t.lower() not in ("", "upgrade", "http2-settings")]:
            headers["connection"] = ", ".join(kept)
