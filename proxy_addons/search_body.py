"""A short body without its Content-Encoding, and never more of it than was asked for: a bomb gives None.

This file knows bytes alone.
"""

import zlib

_WINDOWS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
"""zlib's name for each coding (its window bits; 16 more stand for gzip's head)."""


def unpacked(body: bytes, coding: str, most: int) -> bytes | None:
    """*body* unpacked; None where its *coding* is not known here, it is broken, or it is longer than *most* bytes."""
    name = coding.strip().lower()
    if name in ("", "identity"):
        return body if len(body) <= most else None
    if name not in _WINDOWS:
        return None
    unpacking = zlib.decompressobj(_WINDOWS[name])
    try:
        plain = unpacking.decompress(body, most)
    except zlib.error:
        return None
    return plain if unpacking.eof else None
