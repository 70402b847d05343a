"""What a request carries to a server: held against the kinds and the size that its profile may send.

The head goes on, and then as much of the body as is known to be within the bounds. A length that is too long is refused
before anything goes on; a body without a length is counted, and cut off where it passes the bound.
"""

import re
from collections.abc import Awaitable, Callable

from mitmproxy import http

from blocklists import kinds
from blocklists.transfers import Rules

_NAMED = re.compile(rb'filename\*?="?([^"\r\n;]{1,300})', re.IGNORECASE)
_TAIL = 320
"""Bytes of a piece that are looked at again with the next one: a file's name may stand across both."""

type Refuse = Callable[[http.HTTPFlow, str], Awaitable[None]]


def length(request: http.Request) -> int | None:
    """Bytes of the body that the head of *request* declares; 0 for none; None where only its end will tell."""
    headers = request.headers
    if "transfer-encoding" in headers:
        return None
    text = headers.get("content-length", "").strip()
    if text.isascii() and text.isdigit():
        return int(text)
    return None if text or request.is_http2 else 0


def refused_by_head(rules: Rules, request: http.Request, path: str) -> str:
    """What in the head of *request* is more than *rules* permit, in words for the record; "" for nothing."""
    size = length(request)
    if size is not None and rules.is_too_long(size):
        return "size"
    media = request.headers.get("content-type", "")
    found = {kinds.shipped().of_type(media)}
    if request.method == "PUT":
        found.add(kinds.shipped().of_name(path))
    return min(found & rules.uploads, default="")


class UploadWatch:
    """Watches one request's body."""

    def __init__(self, rules: Rules, content_type: str, refuse: Refuse) -> None:
        self._rules, self._refuse = rules, refuse
        self._size, self._rule = 0, ""
        self._multipart = content_type.lower().startswith("multipart/")
        self._start, self._tail = b"", b""
        self._begun = not rules.uploads

    def takes(self, piece: bytes) -> bool:
        """Whether *piece* may go on."""
        if self._rule:
            return False
        self._size += len(piece)
        if self._rules.is_too_long(self._size):
            self._rule = "size"
        elif self._rules.uploads:
            self._rule = self._named(piece) if self._multipart else self._begins(piece)
        return not self._rule

    async def see(self, flow: http.HTTPFlow) -> None:
        """Refuse the request."""
        await self._refuse(flow, self._rule)

    def _begins(self, piece: bytes) -> str:
        if self._begun:
            return ""
        self._start = (self._start + piece)[: kinds.LOOKED_AT]
        self._begun = len(self._start) == kinds.LOOKED_AT
        found = kinds.shipped().of_start(self._start)
        return found if found in self._rules.uploads else ""

    def _named(self, piece: bytes) -> str:
        """A closed kind among the files that a form's parts name."""
        whole = self._tail + piece
        self._tail = whole[-_TAIL:]
        for match in _NAMED.finditer(whole) if b"ilename" in whole else ():
            found = kinds.shipped().of_name(match[1].decode("utf-8", "replace"))
            if found in self._rules.uploads:
                return found
        return ""
