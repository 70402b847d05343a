"""Holding an answer until it is judged, with a bound on how much and for how long.

mitmproxy either gathers a whole answer, whatever its size, or passes its head on at once; then nothing can be put in
its place. Here an answer that carries a `Hold` is gathered up to its bounds: one that ends before is judged in the hook
`response`. One that does not is judged by what has come of it, in the hook `page_held`: then it goes on as it comes, or
ends with a page in its place.
"""

import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from mitmproxy import http
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers import http as http_layers
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestProtocolError,
    ResponseData,
    ResponseProtocolError,
)

from blocklists.clients import network_of
from proxy_addons.instead import instead
from proxy_addons.refusal import put_in_place, refusal_of

MOST = 2 * 1024 * 1024
"""Bytes of an answer that are held, as they come and unpacked."""
LONGEST = 5.0
"""Seconds for which an answer is held: what trickles longer than that is judged by what has come."""
ROOM = 64 * MOST
"""Bytes that a worker holds of all answers; one that there is no room for is judged by what has come."""
SHARE = 4
"""A client holds at most this part of what is free, so a fifth of all alone: no number of one client's pages takes the
room of another's, and sixty clients that do it leave each other 2 MB."""

_HOLD = "schoolgate_hold"
"""Where a flow carries its hold."""


@dataclass
class PageHeldHook(commands.StartHook):  # type: ignore[no-untyped-call]
    """So much of a held answer has come that it must be judged now; `flow.response.raw_content` has it."""

    flow: http.HTTPFlow
    name = "page_held"


class Hold:
    """One held answer: how many bytes of it are here, and since when."""

    def __init__(self, flow: http.HTTPFlow, holds: "Holds") -> None:
        self.flow = flow
        self.until = time.monotonic() + LONGEST
        self.client = network_of(str(flow.client_conn.peername[0]))
        self.size = 0
        self.sure = True
        self.late = False
        self._holds = holds

    def grow(self, size: int) -> None:
        """Note that *size* more bytes are held."""
        self.size += size
        self._holds.grow(self.client, size)

    @property
    def full(self) -> bool:
        """Whether no more can be held of it."""
        return self.size >= MOST or not self._holds.has_room(self.client)

    def end(self) -> None:
        """Nothing is held any more."""
        self._holds.forget(self)


class Holds:
    """All that a worker holds, and how much of it is each client's (an IPv6 one is its /64)."""

    def __init__(self) -> None:
        self._held: dict[str, Hold] = {}
        self._of: Counter[str] = Counter()
        self.size = 0

    def __len__(self) -> int:
        return len(self._held)

    def begin(self, flow: http.HTTPFlow) -> Hold:
        """Hold the answer of *flow*, whose head has come."""
        assert flow.response
        hold = self._held[flow.id] = flow.metadata[_HOLD] = Hold(flow, self)
        flow.response.stream = False
        return hold

    def grow(self, client: str, size: int) -> None:
        """Note that *size* more bytes are held for *client*, or fewer."""
        self.size += size
        self._of[client] += size
        if not self._of[client]:
            del self._of[client]

    def has_room(self, client: str) -> bool:
        """Whether more may be held for *client*."""
        return self._of[client] * SHARE < ROOM - self.size

    def forget(self, hold: Hold) -> None:
        """Hold *hold* no more."""
        if self._held.pop(hold.flow.id, None):
            self.grow(hold.client, -hold.size)
            hold.flow.metadata.pop(_HOLD, None)

    def overdue(self) -> list[http.HTTPFlow]:
        """The flows whose answers have been held for too long."""
        now = time.monotonic()
        return [hold.flow for hold in self._held.values() if hold.until < now]


def hold_of(flow: http.HTTPFlow) -> Hold | None:
    """The hold on the answer of *flow*, if there is one."""
    found: Hold | None = flow.metadata.get(_HOLD)
    return found


def forget(flow: http.HTTPFlow) -> None:
    """Hold nothing more of *flow*, which has ended."""
    if hold := hold_of(flow):
        hold.end()


class Overdue(events.Event):
    """Asks the stream of *flow* to have its held answer judged now."""

    def __init__(self, flow: http.HTTPFlow) -> None:
        self.flow = flow


def concerns(stream: http_layers.HttpStream, event: Overdue) -> bool:
    """Whether *event* is for *stream*, or may be for one inside of the tunnel that it has become."""
    if stream.flow is event.flow:
        return True
    return stream.child_layer is not None and stream.flow.request.method == "CONNECT"


class Stream(http_layers.HttpStream):
    """mitmproxy's stream of one request, which can hold its answer."""

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, Overdue):
            yield from self._overdue(event)
        else:
            yield from super()._handle_event(event)

    def _overdue(self, event: Overdue) -> layer.CommandGenerator[None]:
        hold = hold_of(event.flow)
        if hold and self.server_state == self.state_consume_response_body:
            hold.late = True
            if self.response_body_buf:
                yield from self._judge()
            else:
                hold.until = time.monotonic() + LONGEST  # nothing has come that could be judged or passed on

    def state_consume_response_body(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Gather the answer (mitmproxy's state), up to the bounds."""
        hold = hold_of(self.flow)
        if hold and isinstance(event, ResponseData):
            self.response_body_buf += event.data
            hold.grow(len(event.data))
            if hold.full or not hold.sure:
                yield from self._judge()
        else:
            yield from super().state_consume_response_body(event)

    def _judge(self) -> layer.CommandGenerator[None]:
        """Have what came judged; then pass it and the rest on, or end the answer with the page in its place."""
        assert self.flow.response
        body = bytes(self.response_body_buf)
        self.flow.response.raw_content = body
        yield PageHeldHook(self.flow)
        if (yield from self.check_killed(True)):
            return
        if refusal_of(self.flow):
            yield from self._refuse()
        elif hold_of(self.flow) is None:
            self.response_body_buf.clear()  # type: ignore[no-untyped-call]
            self.flow.response.raw_content = None
            self.flow.response.stream = True
            yield from self.start_response_stream()
            yield from self.server_state(ResponseData(self.stream_id, body))

    def _refuse(self) -> layer.CommandGenerator[None]:
        """Give the refusal in place of the answer, and want no more of it."""
        self.response_body_buf.clear()  # type: ignore[no-untyped-call]
        put_in_place(self.flow)
        enough = RequestProtocolError(self.stream_id, "the answer is refused", ErrorCode.CANCEL)
        yield http_layers.SendHttp(enough, self.context.server)
        if self.client_state == self.state_done:
            yield from self.send_response()
            return
        yield http_layers.SendHttp(ResponseProtocolError(self.stream_id, "killed", ErrorCode.KILL), self.context.client)
        self.flow.live = False
        self.client_state = self.server_state = self.state_errored


@contextlib.contextmanager
def holding() -> Iterator[None]:
    """Have mitmproxy use our streams for as long as the context lasts."""
    with instead((http_layers, "HttpStream", Stream)):
        yield
