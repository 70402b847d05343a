"""How much of a message is held before it is judged: heads, and what comes in lines, have an end.

mitmproxy gathers a head until its blank line comes, however long that takes; one client or one server that never sends
it would fill the worker's memory. HTTP/2 is bounded by its own library.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from h11._receivebuffer import blank_line_regex
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.http import _http1
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._events import ErrorCode, ResponseProtocolError

from proxy_addons.instead import instead

REQUEST = 65_536
"""Bytes of a request's head at most, and of what a client may send ahead of an answer."""
RESPONSE = 262_144
"""Bytes of a response's head at most: some servers set cookies by the dozen."""
LINES = 500
"""Header lines of a head at most."""
_NOT_LINES = 2
"""The first line and the blank one."""

type _State = Callable[[Any, events.Event], layer.CommandGenerator[None]]


def too_long(buffer: Any, limit: int) -> bool:
    """Whether *buffer* (h11's) opens with a head, whole or not, of more than *limit* bytes or `LINES` lines.

    Blank lines ahead of the head are dropped; mitmproxy drops only one for each read.
    """
    data: bytearray = buffer._data  # noqa: SLF001 - there is no other way to look without a copy
    if data.startswith((b"\r", b"\n")):
        buffer.maybe_extract_at_most(len(data) - len(data.lstrip(b"\r\n")))
    if len(data) <= limit and data.count(b"\n") <= LINES + _NOT_LINES:
        return False
    end = blank_line_regex.search(data, 0, limit)
    return end is None or data.count(b"\n", 0, end.end()) > LINES + _NOT_LINES


def _request_head(theirs: _State) -> _State:
    def read(self: _http1.Http1Server, event: events.Event) -> layer.CommandGenerator[None]:
        if not too_long(self.buf, REQUEST):
            yield from theirs(self, event)
            return
        self.state = self.done
        yield commands.SendData(self.conn, _http1.make_error_response(431, "the head is too long"))
        yield commands.CloseConnection(self.conn)

    return read


def _response_head(theirs: _State) -> _State:
    def read(self: _http1.Http1Client, event: events.Event) -> layer.CommandGenerator[None]:
        if self.stream_id is None or not too_long(self.buf, RESPONSE):
            yield from theirs(self, event)
            return
        self.state = self.done
        yield commands.CloseConnection(self.conn)
        wrong = ResponseProtocolError(self.stream_id, "the head is too long", ErrorCode.GENERIC_SERVER_ERROR)
        yield ReceiveHttp(wrong)

    return read


def _body(theirs: _State) -> _State:
    """Data leaves the buffer at once, so what stays in it is a chunk's size line or the lines after the last chunk."""

    def read(self: _http1.Http1Connection, event: events.Event) -> layer.CommandGenerator[None]:
        yield from theirs(self, event)
        if self.state == self.read_body and len(self.buf) > REQUEST:
            self.state = self.done
            yield commands.CloseConnection(self.conn)
            kind = self.ReceiveProtocolError
            yield ReceiveHttp(kind(self.stream_id or 0, "a line in the body is too long", code=kind.code))

    return read


def _ahead(theirs: _State) -> _State:
    def wait(self: _http1.Http1Connection, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, events.DataReceived) and len(self.buf) > REQUEST:
            self.state = self.done
            event = events.ConnectionClosed(self.conn)
        yield from theirs(self, event)

    return wait


@contextlib.contextmanager
def bounded() -> Iterator[None]:
    """Hold mitmproxy's HTTP/1 to these bounds for as long as the context lasts."""
    places: tuple[tuple[Any, str, Callable[[_State], _State]], ...] = (
        (_http1.Http1Server, "read_headers", _request_head),
        (_http1.Http1Client, "read_headers", _response_head),
        (_http1.Http1Connection, "read_body", _body),
        (_http1.Http1Connection, "wait", _ahead),
    )
    with instead(*((owner, name, bound(vars(owner)[name])) for owner, name, bound in places)):
        yield
