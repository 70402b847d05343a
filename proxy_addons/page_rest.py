"""What comes of a page behind the beginning by which it was judged: read on in windows while it is relayed.

Each window is weighed by itself, as a page would be, with the end of the one before in front of it, so that no phrase
is missed for where it stands. Nothing goes on before it was read; a page whose window is refused ends there.
"""

from collections.abc import Awaitable, Callable, Iterator

from mitmproxy import http

from proxy_addons import cut
from proxy_addons.page_text import Kind, charset, piece_decoded, words_of
from proxy_addons.unpacking import BrokenError, Unpacking

STEP = 131_072
"""Bytes of a window, unpacked, and bytes that may wait as they come until they are read together."""
SMALL = 8_192
"""Bytes of a piece that comes by itself, as of a page that goes on a little at a time: it is read at once."""
MOST = 16 * 1024 * 1024
"""Bytes of a page, unpacked, that are read at most: what a bomb costs. What comes behind them goes on unread."""
_OVERLAP = 4_096
"""Bytes of a window that are read again with the next; an even number, as characters of UTF-16 have two."""


class Windows:
    """The words of one body behind its first *known* bytes (unpacked), which were read already."""

    def __init__(self, kind: Kind, coding: str, content_type: str, known: int) -> None:
        """Begin with a body of *kind*; UnknownCodingError where *coding* is none that can be undone."""
        self._kind, self._content_type, self._known = kind, content_type, known
        self._unpacking = Unpacking(coding)
        self._charset: str | None = None
        self._end = b""
        self._came = 0

    @property
    def over(self) -> bool:
        """Whether no more of the body is read."""
        return self._came >= MOST

    def take(self, piece: bytes) -> Iterator[str]:
        """The words of each window that *piece* brings; BrokenError at what no browser could unpack either."""
        fresh = b""
        for part in _short(self._unpacking.take(piece)):
            if not self._came:
                self._charset = charset(part, self._content_type)
            self._came += len(part)
            fresh += part
            if len(fresh) >= STEP or self.over:
                yield from self._window(fresh)
                fresh = b""
            if self.over:
                return
        yield from self._window(fresh)

    def _window(self, fresh: bytes) -> Iterator[str]:
        whole = self._end + fresh
        odd = (self._came - len(whole)) % 2
        self._end = whole[-_OVERLAP:]
        if fresh and self._came > self._known:
            yield words_of(self._kind, piece_decoded(whole[odd:], self._charset))


def _short(parts: Iterator[bytes]) -> Iterator[bytes]:
    return (part[at : at + STEP] for part in parts for at in range(0, len(part), STEP))


type Weigh = Callable[[http.HTTPFlow, Windows, bytes], Awaitable[None]]


class RestLook:
    """Looks at the rest of an answer (`cut`). *weigh* reads the windows of a piece and refuses the flow for them."""

    def __init__(self, windows: Windows, weigh: Weigh, *, at_once: bool) -> None:
        """Read pieces together up to STEP; *at_once*: the page comes slowly, and each piece is read as it comes."""
        self._windows, self._weigh, self._at_once = windows, weigh, at_once
        self._waiting = bytearray()

    def asks(self, piece: bytes, *, last: bool) -> bool:
        """Take up *piece*; whether what waits is to be read now."""
        if self._windows.over:
            self._waiting.clear()
            return False
        self._waiting += piece
        due = last or self._at_once or len(piece) < SMALL or len(self._waiting) >= STEP
        return due and bool(self._waiting)

    async def see(self, flow: http.HTTPFlow) -> None:
        """Read what waits; where it cannot be unpacked the answer ends, as nobody knows what follows."""
        piece = bytes(self._waiting)
        self._waiting.clear()
        try:
            await self._weigh(flow, self._windows, piece)
        except BrokenError:
            flow.kill()  # type: ignore[no-untyped-call]

    def keeps(self, held: int) -> int:  # noqa: ARG002 - it is what waits here that counts
        """What was not read yet; nothing any more when enough was."""
        return 0 if self._windows.over else len(self._waiting) or cut.GO_ON
