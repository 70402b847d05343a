"""What is said over a WebSocket, handed to a scanner where the profile asks for it, and closed when it is refused.

A message is whole when it is handed over, and not sent on before the scanner has answered. What the scanner is, is
somebody else's (`phrase_book`): here it is a callable that weighs a text.
"""

from typing import Protocol

from mitmproxy import http
from mitmproxy.websocket import WebSocketMessage

from blocklists.score import Score

LONGEST = 65_536
"""Characters of one message that are weighed: what people write to each other is shorter, and a longer one is data."""


class Scan(Protocol):
    """Weighs a text."""

    def __call__(self, text: str) -> Score:
        """What *text* weighs (100 is one clear hit), and of what it is; quick enough for the event loop."""
        ...  # pragma: no cover - a protocol


def nothing_found(text: str) -> Score:  # noqa: ARG001 - it finds nothing in any text
    """The scanner of a filter that has none."""
    return Score()


def text_of(message: WebSocketMessage) -> str:
    """What *message* says; "" for one that is no text."""
    return message.text[:LONGEST] if message.is_text else ""


def end(flow: http.HTTPFlow) -> None:
    """Let the newest message of *flow* not go on, and no other; `messages` ends the WebSocket."""
    assert flow.websocket
    flow.websocket.messages[-1].drop()  # type: ignore[no-untyped-call]
    flow.metadata[_ENDED] = True


def is_ended(flow: http.HTTPFlow) -> bool:
    """Whether *flow*'s WebSocket is to end."""
    return _ENDED in flow.metadata


_ENDED = "schoolgate-ended"
