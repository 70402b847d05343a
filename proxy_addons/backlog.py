"""How much of a transfer waits here for the side that takes it: a megabyte, and then the other side waits too.

mitmproxy gives an HTTP/2 peer a window of 2 GB and keeps whatever the other side's window does not take yet; a tablet
that is slower than the line would fill the worker's memory. Here a peer's window is small, and what came on a stream
is given back (RFC 9113, 5.2.2) only while little of that stream waits. An HTTP/1 side, which has no windows, is not
read while its message waits. Streams that share a connection do not hold each other up.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from mitmproxy import connection
from mitmproxy.proxy import commands, events, layer, layers, server
from mitmproxy.proxy.layers.http import HTTPMode, _http1, _http2
from mitmproxy.proxy.layers.http._events import RequestData, ResponseData
from mitmproxy.proxy.layers.http._http_h2 import BufferedH2Connection

from proxy_addons import held
from proxy_addons.instead import instead

STREAM = 1024 * 1024
"""Bytes of one message that wait here, and the window of a stream: 50 MB a second at a round trip of 20 ms."""
CONNECTION = 16 * STREAM
"""The window of an HTTP/2 connection: as many streams as that may stand still before the others wait with them."""

_HTTP = "schoolgate_http"


class Windows(BufferedH2Connection):
    """HTTP/2 that gives nothing back by itself: *held* counts, for each stream, the bytes that came and were kept."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.held: dict[int, int] = {}
        self.local_settings.initial_window_size = STREAM
        self.local_settings.acknowledge()

    def initiate_connection(self) -> None:
        """Say our settings, and how much the whole connection may send."""
        super(BufferedH2Connection, self).initiate_connection()
        self.increment_flow_control_window(CONNECTION - self.inbound_flow_control_window)

    def acknowledge_received_data(self, acknowledged_size: int, stream_id: int) -> None:
        """Note what could be given back."""
        self.held[stream_id] = self.held.get(stream_id, 0) + acknowledged_size

    def give_back(self, stream_id: int) -> None:
        """Let the peer send as much again as was held of *stream_id*."""
        super().acknowledge_received_data(self.held.pop(stream_id), stream_id)

    def unsent(self, stream_id: int) -> int:
        """Bytes that the peer's window did not take yet."""
        return sum(len(piece.data) for piece in self.stream_buffers.get(stream_id, ()))


class GiveBack(events.Event):
    """Asks an HTTP/2 side to send the windows that it may give back."""


class Http(layers.HttpLayer):
    """mitmproxy's HTTP layer that knows how much of each message waits.

    A client's connection has one, and one more in each tunnel; its outermost layer of all keeps them under `_HTTP`.
    """

    def __init__(self, where: Any, mode: HTTPMode) -> None:
        super().__init__(where, mode)
        vars(where.layers[0]).setdefault(_HTTP, []).append(self)
        self._moved = asyncio.Event()

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, held.Overdue):
            for stream in tuple(self.streams.values()):
                if held.concerns(stream, event):
                    yield from self.event_to_child(stream, event)
        else:
            yield from super()._handle_event(event)
        yield from self._give_back()
        self._moved.set()

    async def room_from(self, source: connection.Connection | None) -> None:
        """Return when *source*, if it speaks HTTP/1 here, may be read again."""
        while (side := _end_of(self.connections.get(source))) and self._is_full(side):  # type: ignore[arg-type]
            self._moved.clear()
            await self._moved.wait()

    def _is_full(self, side: layer.Layer) -> bool:
        return isinstance(side, _http1.Http1Connection) and self._waiting(side, side.stream_id or 0) >= STREAM

    def _give_back(self) -> layer.CommandGenerator[None]:
        for top in tuple(self.connections.values()):
            side = _end_of(top)
            if isinstance(side, _http2.Http2Connection) and _windows(side).held and self._may_give(side):
                yield from self.event_to_child(top, GiveBack())

    def _may_give(self, side: _http2.Http2Connection) -> bool:
        """Give back in *side* what may be given; whether there is anything to send."""
        windows = _windows(side)
        if side._handle_event == side.done:  # noqa: SLF001 - the connection is over
            windows.held.clear()
            return False
        theirs = side.their_stream_id if isinstance(side, _http2.Http2Client) else {}
        ready = [number for number in windows.held if self._waiting(side, theirs.get(number, number)) < STREAM]
        for number in ready:
            windows.give_back(number)
        return bool(ready)

    def _waiting(self, source: _http1.Http1Connection | _http2.Http2Connection, number: int) -> int:
        """Bytes of the stream *number* that came from *source* and wait: for a hook, or for the other side."""
        stream = self.streams.get(number)
        if stream is None:
            return 0
        client = self.context.client
        target = stream.context.server if source.conn is client else client
        return _queued(stream._paused_event_queue) + _unsent(_end_of(self.connections.get(target)), number)  # noqa: SLF001


def _windows(side: _http2.Http2Connection) -> Windows:
    assert isinstance(side.h2_conn, Windows)
    return side.h2_conn


def _end_of(top: layer.Layer | None) -> layer.Layer | None:
    """What speaks HTTP at the end of a connection's layers (TLS may stand before it)."""
    return top.context.layers[-1] if top else None


def _queued(waiting: Any) -> int:
    return sum(len(event.data) for event in waiting if isinstance(event, RequestData | ResponseData))


def _unsent(side: layer.Layer | None, number: int) -> int:
    """Bytes of the stream *number* that *side* has not sent; over HTTP/1, TCP itself slows the reader."""
    if isinstance(side, _http2.Http2Client):
        return _windows(side).unsent(side.our_stream_id.get(number, 0)) + _queued(side.stream_queue.get(number, ()))
    return _windows(side).unsent(number) if isinstance(side, _http2.Http2Server) else 0


async def _room(handler: server.ConnectionHandler) -> None:
    """Return when the connection that this task of *handler* reads may be read again."""
    me = asyncio.current_task()
    source = next((conn for conn, io in handler.transports.items() if io.handler is me), None)
    for http in tuple(vars(handler.layer).get(_HTTP, ())):
        await http.room_from(source)


type _Handle = Callable[[Any, events.Event], layer.CommandGenerator[None]]


def _giving_back(theirs: _Handle) -> _Handle:
    def handle(self: _http2.Http2Connection, event: events.Event) -> layer.CommandGenerator[None]:
        if not isinstance(event, GiveBack):
            yield from theirs(self, event)
        elif data := self.h2_conn.data_to_send():
            yield commands.SendData(self.conn, data)

    return handle


@contextlib.contextmanager
def bounded() -> Iterator[None]:
    """Hold mitmproxy to these bounds for as long as the context lasts."""
    drain = server.ConnectionHandler.drain_writers

    async def drain_and_wait(self: server.ConnectionHandler) -> None:
        await drain(self)  # type: ignore[no-untyped-call]
        await _room(self)

    with instead(
        (_http2, "BufferedH2Connection", Windows),
        (_http2.Http2Connection, "_handle_event", _giving_back(_http2.Http2Connection._handle_event)),  # noqa: SLF001
        (server.ConnectionHandler, "drain_writers", drain_and_wait),
    ):
        yield
