"""Content codings undone as a body comes, a piece at a time; what is unpacked is given in short parts, when asked for.

`unpack` has a body whole and takes from a broken one all that a browser could show. Here what follows an error is not
known, so the error is told (BrokenError) and nothing behind it may go on. The start of a download and the short body of
a request are unpacked in the same way. This file opens nothing and reads no clock.
"""

import contextlib
import itertools
import zlib
from collections.abc import Callable, Iterator

import brotli
import zstandard

from proxy_addons import unpack

_STEP = 65_536
"""Bytes that are taken from a decompressor at once."""
_FINE = 256
"""Bytes that are given to zstd at once: it gives all that they unpack to, a few megabytes at the worst."""
_HEAD = 3
"""Bytes that tell a gzip member from what is none."""


class BrokenError(ValueError):
    """The body cannot be unpacked any further."""


class Unpacking:
    """A body with the Content-Encoding *coding*, being unpacked."""

    def __init__(self, coding: str) -> None:
        """Begin; UnknownCodingError, as of `unpack`."""
        self._steps = [_STEPS[name]() for name in reversed(unpack.codings(coding))]

    def take(self, piece: bytes) -> Iterator[bytes]:
        """What the next *piece* unpacks to, in parts; BrokenError at what cannot be unpacked."""
        parts: Iterator[bytes] = iter((piece,))
        for step in self._steps:
            parts = itertools.chain.from_iterable(map(step, parts))
        try:
            yield from parts
        except (zlib.error, brotli.error, zstandard.ZstdError) as error:
            raise BrokenError(str(error)) from error

    @property
    def ended(self) -> bool:
        """Whether the body has come to its end, as each of its codings says."""
        return all(step.ended for step in self._steps)


def start_of(body: bytes, coding: str, most: int) -> bytes:
    """The first *most* bytes of what *body*, the start of a body with the Content-Encoding *coding*, unpacks to.

    What cannot be unpacked is taken as it is: a browser that cannot unpack it either shows or saves it like that.
    """
    names = (name for part in coding.split(",") if (name := part.strip().lower()) in _STEPS)
    started = b""
    with contextlib.suppress(BrokenError, unpack.UnknownCodingError):
        for part in Unpacking(",".join(names)).take(body):
            started += part
            if len(started) >= most:
                break
    return started[:most] or body


def whole(body: bytes, coding: str, most: int) -> bytes | None:
    """*body* unpacked; None where its *coding* is not known, it is broken or not ended, or longer than *most* bytes."""
    taken = b""
    try:
        unpacking = Unpacking(coding)
        for part in unpacking.take(body):
            taken += part
            if len(taken) > most:
                return None
    except (BrokenError, unpack.UnknownCodingError):
        return None
    return taken if unpacking.ended else None


class _Inflating:
    """gzip with all its members, or deflate; what has no head of gzip is text that was labelled so by mistake."""

    def __init__(self, *, gzip: bool) -> None:
        self._gzip = gzip
        self._start = b""
        self._open: zlib._Decompress | None = None
        self._members = 0
        self._plain = False

    def __call__(self, piece: bytes) -> Iterator[bytes]:
        data, self._start = self._start + piece, b""
        while data and not self._plain:
            if self._open is None:
                if len(data) < _HEAD:
                    self._start = data
                    return
                self._begin(data)
                continue
            out = self._open.decompress(data, _STEP)
            data = self._open.unconsumed_tail
            if out:
                yield out
            if self._open.eof:
                data, self._open = self._open.unused_data, None
        if data and not self._members:
            yield data

    @property
    def ended(self) -> bool:
        return self._members > 0 and self._open is None

    def _begin(self, data: bytes) -> None:
        """Open the next member; what is none is plain text in front of all, and nothing behind the last."""
        if self._gzip and data.startswith(b"\x1f\x8b\x08"):
            self._open = zlib.decompressobj(31)
        elif not self._gzip and not self._members:
            headed = data[0] & 0xF == 8 and int.from_bytes(data[:2]) % 31 == 0
            self._open = zlib.decompressobj(15 if headed else -15)
        self._plain = self._open is None
        self._members += not self._plain


class _Brotli:
    def __init__(self) -> None:
        self._open = brotli.Decompressor()

    @property
    def ended(self) -> bool:
        return bool(self._open.is_finished())

    def __call__(self, piece: bytes) -> Iterator[bytes]:
        more = b"\0"
        while not self._open.is_finished() and (more or not self._open.can_accept_more_data()):
            more = self._open.process(piece, output_buffer_limit=_STEP)
            yield more
            piece = b""


class _Zstandard:
    def __init__(self) -> None:
        self._open = _zstd_frame()
        self.ended = False

    def __call__(self, piece: bytes) -> Iterator[bytes]:
        for at in range(0, len(piece), _FINE):
            data = piece[at : at + _FINE]
            while data:
                yield self._open.decompress(data)
                data, self.ended = b"", self._open.eof
                if self.ended:
                    data, self._open = self._open.unused_data, _zstd_frame()


def _zstd_frame() -> "zstandard.ZstdDecompressionObj":
    return zstandard.ZstdDecompressor(max_window_size=unpack.WINDOW).decompressobj()


_STEPS: dict[str, Callable[[], _Inflating | _Brotli | _Zstandard]] = {
    "gzip": lambda: _Inflating(gzip=True),
    "x-gzip": lambda: _Inflating(gzip=True),
    "deflate": lambda: _Inflating(gzip=False),
    "br": _Brotli,
    "zstd": _Zstandard,
}
