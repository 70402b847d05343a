"""A server that takes leave of an HTTP/2 connection ends what it has begun, and is asked anew for the rest.

Servers do so after a thousand requests, or after an hour (GOAWAY without an error, RFC 9113, 6.8). mitmproxy ends the
connection at once, with all that is on its way. Here what the server has taken up goes on to its end, new requests
go by a new connection, and what it has not taken up is refused so that a browser asks again by itself (8.7).
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import h2.connection
import h2.errors
import h2.events
from mitmproxy.connection import ConnectionState
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._events import ErrorCode, ResponseProtocolError
from mitmproxy.proxy.layers.http._http2 import Http2Client, Http2Server
from mitmproxy.proxy.layers.http._http_h2 import BufferedH2Connection

from proxy_addons.instead import instead

_WHY = "peer closed connection"
"""As mitmproxy calls it."""


class Refused(ResponseProtocolError):  # noqa: N818 - an event, as the one that it is a kind of
    """The server has not taken the request up, so that it may be asked again."""


@dataclass
class GoingAway(h2.events.Event):
    """The server takes up no stream after *last*."""

    last: int


def _noted(self: BufferedH2Connection, frame: Any) -> tuple[list[Any], list[h2.events.Event]]:
    """Take a GOAWAY from a server for what it is; the library would close the connection for itself."""
    if self.config.client_side and frame.error_code == h2.errors.ErrorCodes.NO_ERROR:
        return [], [GoingAway(frame.last_stream_id)]
    return h2.connection.H2Connection._receive_goaway_frame(self, frame)  # noqa: SLF001 - the library has no hook for it


_their_events = Http2Client.handle_h2_event
_their_turn = Http2Client._handle_event2  # noqa: SLF001 - as all that is replaced here
_their_answer = Http2Server._handle_event  # noqa: SLF001


def _heed(self: Http2Client, event: h2.events.Event) -> layer.CommandGenerator[bool]:
    if isinstance(event, GoingAway):
        self.conn.state &= ~ConnectionState.CAN_WRITE  # so that no request takes it for a connection to use
        for number in [n for n in self.streams if n > event.last]:
            yield from _refuse(self, number)
        for theirs in list(self.stream_queue):
            del self.stream_queue[theirs]
            self.their_stream_id[-theirs] = theirs  # it never had a number of ours
            yield ReceiveHttp(Refused(-theirs, _WHY, ErrorCode.GENERIC_SERVER_ERROR))
        return False
    if isinstance(event, h2.events.StreamReset) and event.error_code == h2.errors.ErrorCodes.REFUSED_STREAM:
        if event.stream_id in self.streams:
            yield from _refuse(self, event.stream_id)
        return False
    return (yield from _their_events(self, event))


def _refuse(self: Http2Client, number: int) -> layer.CommandGenerator[None]:
    self.streams.pop(number)
    yield ReceiveHttp(Refused(number, _WHY, ErrorCode.GENERIC_SERVER_ERROR))


def _take_turn(self: Http2Client, event: events.Event) -> layer.CommandGenerator[None]:
    yield from _their_turn(self, event)
    if self.conn.state is ConnectionState.CAN_READ and not self.streams:
        yield from self.close_connection(_WHY)


def _answer(self: Http2Server, event: events.Event) -> layer.CommandGenerator[None]:
    if not isinstance(event, Refused) or not self.is_open_for_us(event.stream_id):
        yield from _their_answer(self, event)
        return
    begun = self.h2_conn.streams[event.stream_id].state_machine.headers_sent
    if begun:
        yield from _their_answer(self, event)
    else:
        self.h2_conn.reset_stream(event.stream_id, h2.errors.ErrorCodes.REFUSED_STREAM)
        yield commands.SendData(self.conn, self.h2_conn.data_to_send())


@contextlib.contextmanager
def heeded() -> Iterator[None]:
    """Have mitmproxy's HTTP/2 do so for as long as the context lasts."""
    with instead(
        (BufferedH2Connection, "_receive_goaway_frame", _noted),
        (Http2Client, "handle_h2_event", _heed),
        (Http2Client, "_handle_event2", _take_turn),
        (Http2Server, "_handle_event", _answer),
    ):
        yield
