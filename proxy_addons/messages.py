"""How long a WebSocket message may be: mitmproxy holds each whole, so one that never ends would fill the memory.

What is too long, or was refused for what it says, ends the WebSocket for both sides, with the status that RFC 6455
(7.4.1) has for it.
"""

import contextlib
import time
from collections.abc import Iterator

from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers import websocket
from wsproto.connection import ConnectionState
from wsproto.events import CloseConnection
from wsproto.frame_protocol import CloseReason

from proxy_addons.instead import instead
from proxy_addons.sockets import is_ended

MAX_MESSAGE = 1024 * 1024
"""Bytes of an unfinished message at most."""
_FRAGMENT = 64
"""What a fragment weighs at least, so that empty ones have an end too."""


def weight(fragments: list[bytes]) -> int:
    """Bytes that the *fragments* of an unfinished message count for."""
    return max(sum(map(len, fragments)), _FRAGMENT * (len(fragments) - 1))


@contextlib.contextmanager
def bounded() -> Iterator[None]:
    """Hold mitmproxy's WebSockets to the bound for as long as the context lasts."""
    theirs = websocket.WebsocketLayer.relay_messages

    def relay(self: websocket.WebsocketLayer, event: events.Event) -> layer.CommandGenerator[None]:
        yield from theirs(self, event)
        sides = self.client_ws, self.server_ws
        if self._handle_event != self.done and any(weight(s.frame_buf) > MAX_MESSAGE for s in sides):
            by_client = weight(self.client_ws.frame_buf) > MAX_MESSAGE
            yield from _end(self, CloseReason.MESSAGE_TOO_BIG, by_client=by_client)
        elif self._handle_event != self.done and is_ended(self.flow):
            yield from _end(self, CloseReason.POLICY_VIOLATION, by_client=False)

    with instead((websocket.WebsocketLayer, "relay_messages", relay)):
        yield


def _end(self: websocket.WebsocketLayer, code: CloseReason, *, by_client: bool) -> layer.CommandGenerator[None]:
    """Close both sides with *code*, as mitmproxy closes them when one side asks for it."""
    assert self.flow.websocket
    told = self.flow.websocket
    told.timestamp_end, told.closed_by_client = time.time(), by_client
    told.close_code, told.close_reason = code, ""
    for side in (self.server_ws, self.client_ws):
        if side.state in (ConnectionState.OPEN, ConnectionState.REMOTE_CLOSING):
            yield side.send2(CloseConnection(code=code))
        yield commands.CloseConnection(side.conn)
    yield websocket.WebsocketEndHook(self.flow)
    self.flow.live = False
    self._handle_event = self.done
