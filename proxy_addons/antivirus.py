r"""A download handed to ClamAV's daemon piece by piece, over its socket, and what the daemon says of it.

The protocol is clamd's INSTREAM (clamd(8)): "zINSTREAM\0", each piece behind its length in four bytes, a length of
zero, and an answer that ends in a NUL. Whatever is not a plain "OK" leaves the file closed: a daemon that is away, slow
or out of its depth has found nothing, and says nothing.
"""

import asyncio
import contextlib
import re
from collections.abc import Iterator

import msgspec

from blocklists import endpoint

_ASKED = b"zINSTREAM\0"
_LONGEST_PIECE = 1 << 16
_LONGEST_ANSWER = 1024
_FOUND = re.compile(rb"stream: ([\x21-\x7e]{1,200}) FOUND")


class NotScannedError(OSError):
    """The daemon did not say whether the file is clean."""


class Antivirus(msgspec.Struct, frozen=True):
    """Where the daemon is: a socket's path, or "address:port"; *seconds* are for each step."""

    where: str
    seconds: float
    limit: int

    def scan(self) -> "Scan":
        """A scan of one file."""
        return Scan(self)


class Scan:
    """One file on its way through the daemon."""

    def __init__(self, antivirus: Antivirus) -> None:
        self._to = antivirus
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._size = 0

    async def take(self, piece: bytes) -> None:
        """Hand *piece* over; NotScannedError if the daemon does not take it in time."""
        self._size += len(piece)
        if self._size > self._to.limit:
            raise NotScannedError("the file is too long")
        with self._bounded():
            async with asyncio.timeout(self._to.seconds):
                await self._hand_over(piece)

    async def _hand_over(self, piece: bytes) -> None:
        if self._writer is None:
            self._reader, self._writer = await self._connected()
            self._writer.write(_ASKED)
        for start in range(0, len(piece), _LONGEST_PIECE):
            part = piece[start : start + _LONGEST_PIECE]
            self._writer.write(len(part).to_bytes(4) + part)
        await self._writer.drain()

    async def found(self) -> str:
        """The name of what is in the file, "" if it is clean; NotScannedError if the daemon does not say."""
        with self._bounded():
            async with asyncio.timeout(self._to.seconds):
                await self._hand_over(b"")
                assert self._reader
                assert self._writer
                self._writer.write(bytes(4))
                await self._writer.drain()
                answer = await self._reader.readuntil(b"\0")
        self.close()
        if answer == b"stream: OK\0":
            return ""
        if match := _FOUND.match(answer):
            return match[1].decode("ascii")
        raise NotScannedError("the daemon says something else")

    def close(self) -> None:
        """Let go of the daemon."""
        if self._writer:
            self._writer.close()

    @contextlib.contextmanager
    def _bounded(self) -> Iterator[None]:
        """Make every failure of the daemon one error, and let go of it then."""
        try:
            yield
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            self.close()
            raise NotScannedError(str(error)) from error

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._to.where.startswith("/"):
            return await asyncio.open_unix_connection(self._to.where, limit=_LONGEST_ANSWER)
        host, port = endpoint.parse(self._to.where) or ("", 0)
        return await asyncio.open_connection(host, port, limit=_LONGEST_ANSWER)
