"""Bodies looked at before the other side has any of them, and cut off in their midst where they are refused.

mitmproxy passes the head of a streamed answer on before its body has begun, and lets the body of a refused one run to
its end, however long. Here a flow may carry a look: the head waits until the look has seen as much of the body as it
wants. A refusal that comes while a message is still on its way ends the server's side at once and takes the place of
its answer; one that comes when some of the answer is out ends the connection. What a client sends can be watched too.
"""

import contextlib
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from mitmproxy import http
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.http import DropStream, HttpStream, SendHttp
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestData,
    RequestProtocolError,
    ResponseData,
    ResponseEndOfMessage,
    ResponseProtocolError,
    ResponseTrailers,
)
from mitmproxy.proxy.layers.http._hooks import HttpErrorHook

from proxy_addons.instead import instead
from proxy_addons.refusal import put_in_place, refusal_of

_LOOK = "schoolgate-look"
_WATCH = "schoolgate-watch"
"""Where a flow carries what looks at its answer, and what watches its request's body."""
WAIT = -1
"""In place of a number of bytes: nothing of the answer may go out yet, not even its head."""
GO_ON = -2
"""In place of a number of bytes: all may go out, and the look is not over."""


class Look(Protocol):
    """What looks at an answer's body."""

    def asks(self, piece: bytes, *, last: bool) -> bool:
        """Take up *piece*, or (*last*) the end; whether `see` is to be called before anything goes on."""
        ...  # pragma: no cover - a protocol

    async def see(self, flow: http.HTTPFlow) -> None:
        """Do what takes time; give *flow* a refusal if its answer is refused."""
        ...  # pragma: no cover - a protocol

    def keeps(self, held: int) -> int:
        """How many of the newest of *held* bytes must not go out yet; WAIT for all and the head, 0 ends the look."""
        ...  # pragma: no cover - a protocol


class Watch(Protocol):
    """What watches a request's body."""

    def takes(self, piece: bytes) -> bool:
        """Whether *piece* may go on to the server; if not, `see` is called and nothing more goes on."""
        ...  # pragma: no cover - a protocol

    async def see(self, flow: http.HTTPFlow) -> None:
        """Give *flow* a refusal."""
        ...  # pragma: no cover - a protocol


class _Both:
    """Two looks at one answer: what either keeps is kept, and the first refusal counts."""

    def __init__(self, *looks: Look) -> None:
        self._looks = looks
        self._asking: list[Look] = []

    def asks(self, piece: bytes, *, last: bool) -> bool:
        self._asking = [look for look in self._looks if look.asks(piece, last=last)]
        return bool(self._asking)

    async def see(self, flow: http.HTTPFlow) -> None:
        for look in self._asking:
            if not refusal_of(flow):
                await look.see(flow)

    def keeps(self, held: int) -> int:
        kept = [look.keeps(held) for look in self._looks]
        return WAIT if WAIT in kept else max(kept) or min(kept)


def look_at(flow: http.HTTPFlow, look: Look) -> None:
    """Have *look* see the body of *flow*'s answer, besides what sees it already."""
    before: Look | None = flow.metadata.get(_LOOK)
    flow.metadata[_LOOK] = _Both(before, look) if before else look


def watch(flow: http.HTTPFlow, by: Watch) -> None:
    """Have *by* watch the body of *flow*'s request."""
    flow.metadata[_WATCH] = by


@dataclass
class HttpPieceHook(commands.StartHook):  # type: ignore[no-untyped-call]
    """A piece of a body, or its end, is to be looked at by what the flow carries."""

    name = "piece"
    flow: http.HTTPFlow


async def see(flow: http.HTTPFlow) -> None:
    """Let what looks at or watches *flow* do what takes time."""
    carried: Look | Watch = flow.metadata[_WATCH if flow.response is None else _LOOK]
    await carried.see(flow)


async def see_whole(flow: http.HTTPFlow) -> None:
    """Let what looks at *flow* see its answer, which was held for another reason and is here to its end."""
    look: Look | None = flow.metadata.get(_LOOK)
    if look is None or not flow.response or flow.response.stream or flow.response.raw_content is None:
        return
    for piece, last in ((flow.response.raw_content, False), (b"", True)):
        if not refusal_of(flow) and look.asks(piece, last=last):
            await look.see(flow)


def is_watched(flow: http.HTTPFlow) -> bool:
    """Whether the body of *flow*'s request is being watched, so that its head is at the server."""
    return _WATCH in flow.metadata


type _Commands = layer.CommandGenerator[None]


class _Held:
    """The pieces of one answer that wait, and whether its head is out."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.size = 0
        self.begun = False

    def add(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self.size += len(piece)

    def release(self, keep: int) -> bytes:
        """The oldest bytes, all but the *keep* newest."""
        if self.size <= keep:
            return b""
        whole = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        out = self.size - keep
        self._pieces, self.size = [whole[out:]] if keep else [], keep
        return whole[:out]


def _looking(self: HttpStream, held: _Held, look: Look, event: events.Event) -> _Commands:
    """Take up one piece of the answer's body, or its end (the stream's state while its answer is looked at)."""
    assert self.flow.response
    if isinstance(event, ResponseTrailers):
        self.flow.response.trailers = event.trailers
        return
    last = isinstance(event, ResponseEndOfMessage)
    piece = event.data if isinstance(event, ResponseData) else b""
    held.add(piece)
    if look.asks(piece, last=last):
        yield HttpPieceHook(self.flow)
        if (yield from self.check_killed(True)):
            return
    if refusal_of(self.flow):
        yield from (_cut_off(self) if held.begun else _refuse(self))
        return
    keep = 0 if last else look.keeps(held.size)
    if keep != WAIT:
        yield from _pass_on(self, held, keep)
        if last:
            yield from self.server_state(event)


def _pass_on(self: HttpStream, held: _Held, keep: int) -> _Commands:
    """Let all but the *keep* newest bytes go; with 0 the look is over."""
    looking = self.server_state
    if not held.begun:
        held.begun = True
        yield from _start_response_stream(self)
    self.server_state = self.state_stream_response_body
    if out := held.release(max(keep, 0)):
        yield from self.server_state(ResponseData(self.stream_id, out))
    if keep:
        self.server_state = looking


def _refuse(self: HttpStream) -> _Commands:
    """Put the flow's refusal in the place of the server's answer, and end the server's side."""
    yield SendHttp(RequestProtocolError(self.stream_id, "refused", ErrorCode.CANCEL), self.context.server)
    put_in_place(self.flow)
    self.client_state = self.state_done  # what the client still sends is dropped
    yield from self.send_response()
    self.client_state = self.server_state = self.state_errored


def _cut_off(self: HttpStream) -> _Commands:
    """End both sides: some of the answer is out already."""
    yield SendHttp(RequestProtocolError(self.stream_id, "refused", ErrorCode.CANCEL), self.context.server)
    yield HttpErrorHook(self.flow)
    yield SendHttp(ResponseProtocolError(self.stream_id, "refused", ErrorCode.KILL), self.context.client)
    self.client_state = self.server_state = self.state_errored
    self.flow.live = False
    yield DropStream(self.stream_id)


_start_response_stream = HttpStream.start_response_stream
_stream_request_body = HttpStream.state_stream_request_body


def _start(self: HttpStream) -> _Commands:
    if refusal_of(self.flow):
        yield from _refuse(self)
    elif look := self.flow.metadata.get(_LOOK):
        self.server_state = functools.partial(_looking, self, _Held(), look)
    else:
        yield from _start_response_stream(self)


def _send(self: HttpStream, event: Any) -> _Commands:
    watching: Watch | None = self.flow.metadata.get(_WATCH)
    if watching is None or not isinstance(event, RequestData) or watching.takes(event.data):
        yield from _stream_request_body(self, event)
    elif self.flow.response is None:
        yield HttpPieceHook(self.flow)
        if not (yield from self.check_killed(True)):
            yield from _refuse(self)


@contextlib.contextmanager
def looked_at() -> Iterator[None]:
    """Have mitmproxy's streams do so for as long as the context lasts."""
    with instead((HttpStream, "start_response_stream", _start), (HttpStream, "state_stream_request_body", _send)):
        yield
