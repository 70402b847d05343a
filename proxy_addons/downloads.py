"""Downloads: closed by kind, looked at for programs under another name, and handed to the antivirus.

The kind is what the answer declares, what the file is called, and how it begins; the gravest of them counts. An answer
is held only until its beginning is known, and one that goes to the antivirus until it is through: up to `HOLD` of it,
and of a longer one always the end, so that no file is whole before it is clean.
"""

from collections.abc import Awaitable, Callable

import msgspec
from mitmproxy import http

from blocklists import kinds
from proxy_addons import cut
from proxy_addons.antivirus import NotScannedError, Scan
from proxy_addons.unpacking import start_of

HOLD = 4_000_000
"""Bytes of an answer that wait for the antivirus; a longer one is on its way to the client before it is through."""
LAST = 65_536
"""Bytes at a longer answer's end that wait all the same."""
_LOOKED_AT = 4096
"""Packed bytes that are kept to unpack the beginning."""
_UNPACKED = 256
"""Bytes of the beginning, unpacked, that are looked at."""

SCANNED = frozenset({"program", "disk_image", "macro_document", "archive", "document"})
"""Kinds that go to the antivirus, besides whatever is to be saved."""

type Refuse = Callable[[http.HTTPFlow, str], Awaitable[None]]


def declared(response: http.Response, path: str) -> set[str]:
    """The kinds that *response* to a request for *path* declares: by its type, its file's name, and the path."""
    headers = response.headers
    name = kinds.file_name(headers.get("content-disposition", ""))
    table = kinds.shipped()
    return {table.of_type(headers.get("content-type", "")), table.of_name(name) if name else table.of_name(path)} - {""}


def is_page(response: http.Response) -> bool:
    """Whether *response* is a page that is shown, whatever its address ends in (/setup.exe can be one about it)."""
    shown = response.headers.get("content-type", "").lower().startswith("text/html")
    return shown and not kinds.is_attached(response.headers.get("content-disposition", ""))


def is_scanned(response: http.Response, found: set[str]) -> bool:
    """Whether the antivirus is asked about *response*, whose kinds are *found*."""
    headers = response.headers
    saved = kinds.is_attached(headers.get("content-disposition", "")) or kinds.is_unshown(
        headers.get("content-type", "")
    )
    return saved or bool(found & SCANNED)


class Refusing(msgspec.Struct, frozen=True):
    """What is called with what was found: a closed kind, something harmful, or "" for what nobody could scan."""

    closed: Refuse
    infected: Refuse
    unscanned: Refuse


class DownloadLook:
    """Looks at one answer. *closed* are kinds; *scan* is None where no antivirus is asked."""

    def __init__(self, closed: frozenset[str], encoding: str, scan: Scan | None, refusing: Refusing) -> None:
        self._closed, self._encoding, self._scan, self._refusing = closed, encoding, scan, refusing
        self._start, self._begun = b"", not closed
        self._kind, self._piece, self._last = "", b"", False

    def asks(self, piece: bytes, *, last: bool) -> bool:
        """Take up *piece*; a disguised program, and what goes to the antivirus, takes time."""
        self._piece, self._last = piece, last
        if not self._begun:
            self._start = (self._start + piece)[:_LOOKED_AT]
            start = start_of(self._start, self._encoding, _UNPACKED) if self._encoding else self._start
            self._begun = last or len(self._start) == _LOOKED_AT or not kinds.shipped().needs_more(start)
            found = kinds.shipped().of_start(start) if self._begun else ""
            self._kind = found if found in self._closed else ""
        return bool(self._kind) or self._scan is not None

    async def see(self, flow: http.HTTPFlow) -> None:
        """Refuse what was found; ask the antivirus."""
        if self._kind:
            await self._refusing.closed(flow, self._kind)
        elif self._scan:
            await self._scanned(flow, self._scan)

    async def _scanned(self, flow: http.HTTPFlow, scan: Scan) -> None:
        try:
            if self._piece:
                await scan.take(self._piece)
            found = await scan.found() if self._last else ""
        except NotScannedError:
            await self._refusing.unscanned(flow, "")
        else:
            if found:
                await self._refusing.infected(flow, found)

    def keeps(self, held: int) -> int:
        """Everything until the beginning is known; then nothing, or what waits for the antivirus."""
        if not self._begun or (self._scan and held <= HOLD and not self._running):
            return cut.WAIT
        if self._scan is None:
            return 0
        self._running = True
        return LAST

    _running = False
    """Whether more of the answer came than is held, so that its beginning is out."""
