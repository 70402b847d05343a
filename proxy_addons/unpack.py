"""Content codings undone up to a bound: a bomb costs what its first megabytes cost, and no checksum is believed.

Browsers show what they could unpack before an error, and look at no checksum of gzip; so what is judged is everything
up to the error. This file opens nothing and reads no clock.
"""

import contextlib
import io
import itertools
import zlib
from collections.abc import Callable, Sequence

import brotli
import zstandard

_PIECE = 16_384
"""Bytes given to a decompressor at once."""
_STEP = 65_536
"""Bytes taken from it at once."""
_FINE = 256
"""Bytes given or taken at once where something is wrong: a decompressor that fails keeps what it had unpacked."""
WINDOW = 8 * 1024 * 1024
"""The window of zstd in HTTP (RFC 9659)."""
_MOST = 3
"""Codings on top of each other: no honest server has more than one."""


class UnknownCodingError(ValueError):
    """The body is in a form that no browser was told to accept, so it cannot be judged."""


def unpack(body: bytes, coding: str, limit: int) -> bytes:
    """The first *limit* bytes at most of *body* without its Content-Encoding *coding*; UnknownCodingError."""
    for name in reversed(codings(coding)):
        body = _UNPACKERS[name](body, limit)
    return body[:limit]


def codings(coding: str) -> list[str]:
    """The codings that Content-Encoding *coding* names, in the order in which they were put on; UnknownCodingError."""
    names = [name for part in coding.split(",") if (name := part.strip().lower()) not in {"", "identity"}]
    if len(names) > _MOST or not all(name in _UNPACKERS for name in names):
        raise UnknownCodingError(coding[:40])
    return names


def _gzip(body: bytes, limit: int) -> bytes:
    """All members of a gzip file (RFC 1952); what is none is text that was labelled so by mistake."""
    start = _after_head(body)
    if start is None:
        return body
    taken = b""
    while start is not None and len(taken) < limit:
        more, rest = _inflated(body[start:], limit - len(taken))
        taken += more
        body = rest[8:]
        start = _after_head(body)
    return taken


def _after_head(body: bytes) -> int | None:
    """Where the data behind a gzip head begins; None if *body* does not begin with one."""
    if body[:3] != b"\x1f\x8b\x08":
        return None
    flags, at = body[3:4], 10
    bits = flags[0] if flags else 0
    if bits & 4:
        at += 2 + int.from_bytes(body[at : at + 2], "little")
    for bit in (8, 16):
        if bits & bit:
            at = body.find(b"\0", at) + 1 or len(body)
    return at + (2 if bits & 2 else 0)


def _deflate(body: bytes, limit: int) -> bytes:
    """The zlib form (RFC 1950), or the bare one that some servers send."""
    headed = len(body) > 1 and body[0] & 0xF == 8 and int.from_bytes(body[:2]) % 31 == 0
    return _inflated(body[2:] if headed else body, limit)[0]


def _inflated(body: bytes, limit: int) -> tuple[bytes, bytes]:
    """(what *body* unpacks to, up to *limit* bytes, and what stands behind its end)."""
    unpacking, taken = zlib.decompressobj(-15), bytearray()
    for at in range(0, len(body), _PIECE):
        before, size = unpacking.copy(), len(taken)
        try:
            _inflate(unpacking, body[at : at + _PIECE], limit, taken)
        except zlib.error:
            del taken[size:]
            with contextlib.suppress(zlib.error):
                for place in range(at, len(body)):  # pragma: no branch - it fails again
                    _inflate(before, body[place : place + 1], limit, taken)
            break
        if unpacking.eof:
            return bytes(taken), unpacking.unused_data + body[at + _PIECE :]
        if len(taken) >= limit:
            break
    return bytes(taken), b""


def _inflate(unpacking: "zlib._Decompress", piece: bytes, limit: int, taken: bytearray) -> None:
    """Add to *taken* what *piece* unpacks to, up to *limit* bytes in all; zlib.error."""
    while piece and len(taken) < limit and not unpacking.eof:
        taken += unpacking.decompress(piece, min(_STEP, limit - len(taken)))
        piece = unpacking.unconsumed_tail


def _brotli(body: bytes, limit: int) -> bytes:
    taken = bytearray()
    try:
        _unbrotli(body, range(0, len(body), _PIECE), limit, taken)
    except brotli.error:
        taken.clear()
        last = max(len(body) - _PIECE, 0)
        places = [*range(0, last, _FINE), *range(last, len(body))]
        with contextlib.suppress(brotli.error):
            _unbrotli(body, places, limit, taken)
    return bytes(taken)


def _unbrotli(body: bytes, places: Sequence[int], limit: int, taken: bytearray) -> None:
    """Add to *taken* what *body*, given in pieces that begin at *places*, unpacks to; brotli.error."""
    unpacking = brotli.Decompressor()
    for at, end in itertools.pairwise((*places, len(body))):
        piece = body[at:end]
        more = b"\0"
        while len(taken) < limit and (more or not unpacking.can_accept_more_data()):
            more = unpacking.process(piece, output_buffer_limit=_STEP)
            taken += more
            piece = b""
            if unpacking.is_finished():
                return


def _zstd(body: bytes, limit: int) -> bytes:
    """In steps; where one fails, in ever smaller ones up to that place, as what a failing step unpacked is lost."""
    taken = bytearray()
    for step in (_STEP, _FINE, 1):
        sound = len(taken)
        unpacking, taken = zstandard.ZstdDecompressor(max_window_size=WINDOW), bytearray()
        with (
            contextlib.suppress(zstandard.ZstdError),
            unpacking.stream_reader(io.BytesIO(body), read_across_frames=True) as reader,
        ):
            while more := reader.read(min(step if len(taken) >= sound else _FINE, limit - len(taken))):
                taken += more
            break
    return bytes(taken)


_UNPACKERS: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}
CODINGS = tuple(_UNPACKERS)
"""What servers may be asked for in a request whose answer is scanned."""
