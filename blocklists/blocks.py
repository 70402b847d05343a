"""A list's bytes in blocks of whole lines, however they arrive: as lines, as a file, as a gzipped one.

A block is 256 KB or a little more, so what is in memory does not grow with the list. A line of any length is cut where
no format has a use for the rest; a gzipped file that unpacks into more than it honestly can ends where that shows.
"""

import gzip
import os
import zlib
from collections.abc import Iterable, Iterator
from functools import partial
from io import BufferedReader
from pathlib import Path

from blocklists.formats.kind import MAX_LINE, Unread

type Block = bytes | Unread
"""Whole lines, each with its line feed and none with a carriage return before it; or why there are no more."""

SIZE = 1 << 18
"""Bytes read at once: about 12,000 names."""
LONGEST = 2 * MAX_LINE
"""Bytes of a line that are kept; more than any reader looks at."""
MAX_UNPACKED = 512 << 20
"""Bytes that a gzipped list may unpack into: twenty-five million names."""
MAX_RATIO = 200
"""How many times its size: text of names packs 3 to 8 times, and no list packs more than 30."""

_MARK = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"


def of_file(path: Path) -> Iterator[Block]:
    """The blocks of the file at *path*, unpacked if it is gzipped, whatever its name; OSError if it cannot be read."""
    with path.open("rb") as file:
        packed = file.peek(len(_GZIP)).startswith(_GZIP)
        yield from _without_mark(_whole_lines(_unpacked(file) if packed else iter(partial(file.read, SIZE), b"")))


def of_lines(lines: Iterable[bytes]) -> Iterator[Block]:
    """The blocks of *lines*, each with or without its line feed."""
    yield from _without_mark(_joined(lines))


def _joined(lines: Iterable[bytes]) -> Iterator[Block]:
    kept: list[bytes] = []
    size = 0
    for line in lines:
        kept.append(line[:LONGEST].rstrip(b"\r\n").replace(b"\n", b" ") + b"\n")
        size += len(kept[-1])
        if size >= SIZE:
            yield b"".join(kept)
            kept, size = [], 0
    if kept:
        yield b"".join(kept)


def _without_mark(blocks: Iterator[Block]) -> Iterator[Block]:
    """*blocks* without the byte order mark that some editors put before the first."""
    first = next(blocks, b"")
    yield first.removeprefix(_MARK) if isinstance(first, bytes) else first
    yield from blocks


def _whole_lines(chunks: Iterable[Block]) -> Iterator[Block]:
    rest = b""
    for chunk in chunks:
        if isinstance(chunk, Unread):
            yield chunk  # and not the half of a line before it: half a name is another name
            return
        head, newline, tail = chunk.rpartition(b"\n")
        if newline:
            yield (rest + head + newline).replace(b"\r\n", b"\n")
            rest = b""
        rest = (rest + tail)[:LONGEST]
    if rest:
        yield rest.removesuffix(b"\r") + b"\n"


def _unpacked(file: BufferedReader) -> Iterator[Block]:
    """What *file* unpacks into, in chunks; from where that is damaged or out of proportion on, only the reason."""
    size, written = os.fstat(file.fileno()).st_size, 0
    with gzip.GzipFile(fileobj=file) as unpacked:
        while chunk := _chunk(unpacked):
            written += len(chunk) if isinstance(chunk, bytes) else 0
            reason = _out_of_proportion(written, size)
            yield Unread(reason) if reason else chunk


def _chunk(unpacked: gzip.GzipFile) -> Block:
    try:
        return unpacked.read1(SIZE)
    except EOFError:
        return Unread("the gzip data ends early")
    except (gzip.BadGzipFile, zlib.error):
        return Unread("the gzip data is damaged")


def _out_of_proportion(written: int, size: int) -> str:
    """Why *written* bytes are more than an honest file of *size* bytes (0 if that is not known) unpacks into."""
    if written > MAX_UNPACKED:
        return f"more than {MAX_UNPACKED >> 20} MB unpacked"
    return f"more than {MAX_RATIO} times its size unpacked" if size and written > max(SIZE, MAX_RATIO * size) else ""
