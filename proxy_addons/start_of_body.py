"""The first bytes of a packed body, unpacked: a few, whatever the body unpacks to.

What cannot be unpacked is taken as it is: a browser that cannot unpack it either shows or saves it like that.
"""

import zlib
from collections.abc import Callable
from io import BytesIO

import brotli
import zstandard

MOST = 256
"""Bytes that are unpacked at most."""


def _deflated(bits: int) -> Callable[[bytes], bytes]:
    return lambda packed: zlib.decompressobj(bits).decompress(packed, MOST)


def _brotli(packed: bytes) -> bytes:
    return bytes(brotli.Decompressor().process(packed, output_buffer_limit=MOST)[:MOST])


def _zstandard(packed: bytes) -> bytes:
    return zstandard.ZstdDecompressor(max_window_size=1 << 23).stream_reader(BytesIO(packed)).read(MOST)


def _deflate(packed: bytes) -> bytes:
    """With zlib's head or without, as browsers take both (RFC 9110, 8.4.1.2)."""
    try:
        return _deflated(zlib.MAX_WBITS)(packed)
    except zlib.error:
        return _deflated(-zlib.MAX_WBITS)(packed)


_BY_NAME: dict[str, Callable[[bytes], bytes]] = {
    "gzip": _deflated(zlib.MAX_WBITS | 16),
    "x-gzip": _deflated(zlib.MAX_WBITS | 16),
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstandard,
}


def start_of(body: bytes, encoding: str) -> bytes:
    """The first bytes of what *body*, the start of a body with this Content-Encoding, unpacks to."""
    for name in reversed([part.strip().lower() for part in encoding.split(",")]):
        unpack = _BY_NAME.get(name)
        if unpack:
            try:
                body = unpack(body)
            except (zlib.error, brotli.error, zstandard.ZstdError):
                return body
    return body
