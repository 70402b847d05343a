"""What may stand around an HTTP/1 answer and mitmproxy cannot carry: interim answers before it, trailers behind it.

It takes a 103 for the answer itself, and a trailer ends its connection with an error. Both are left out: neither
changes what a page is (RFC 9110, 6.5.1 and 15.2).
"""

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import h11
from h11._readers import ChunkedReader
from mitmproxy.proxy import events, layer
from mitmproxy.proxy.layers.http import _http1

from proxy_addons.instead import instead

_INTERIM = re.compile(rb"HTTP/1\.[01] 1(?!01)\d\d[ \r\n]")
"""A status of 1xx that is not 101, which is an answer: the protocol is switched."""


def drop_interim(buffer: Any) -> None:
    """Take the whole interim answers off the front of *buffer* (h11's)."""
    while _INTERIM.match(buffer._data) and buffer.maybe_extract_lines():  # noqa: SLF001 - to look without a copy
        pass


class Untrailed(ChunkedReader):
    """Reads a chunked body, and forgets what follows it."""

    def __call__(self, buf: Any) -> Any:
        """The next piece of the body, or its end."""
        event = super().__call__(buf)
        return h11.EndOfMessage() if isinstance(event, h11.EndOfMessage) else event


@contextlib.contextmanager
def left_out() -> Iterator[None]:
    """Leave both out of mitmproxy's HTTP/1 for as long as the context lasts."""
    theirs = _http1.Http1Client.read_headers

    def read(self: _http1.Http1Client, event: events.ConnectionEvent) -> layer.CommandGenerator[None]:
        drop_interim(self.buf)
        yield from theirs(self, event)

    with instead((_http1.Http1Client, "read_headers", read), (_http1, "ChunkedReader", Untrailed)):
        yield
