"""What may come out of something packed: how much, and under which names.

Archives come from outside. A bomb, a name that leads out of its folder and a table that would fill the memory each end
as a `BadArchiveError`. Nothing here knows a form of archive; `blocklists.archive` does.
"""

import os
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import IO, cast

import msgspec

PIECE = 1 << 18
"""Bytes read and written at a time."""
LARGEST_TABLE = 8 << 20
"""Bytes of a zip's directory that are held in memory: 100,000 members need about 8 MB."""
ALWAYS_ALLOWED = 10_000_000
"""Bytes that anything may unpack to, whatever its ratio: a small list of equal lines packs very well."""
LONGEST_NAME = 255
"""Bytes in the name of a file (NAME_MAX)."""
DEEPEST = 16
"""Folders in one another; authors use two."""


class BadArchiveError(ValueError):
    """What cannot be unpacked, or may not; the message goes on with "it ..."."""


class Bounds(msgspec.Struct, frozen=True):
    """How much may come out: bytes, bytes for each byte that went in, and files."""

    unpacked: int = 2_000_000_000
    ratio: int = 200
    members: int = 100_000


BOUNDS = Bounds()


class Budget:
    """Bytes and files that may still come out of *packed* bytes; *step* is called whenever some have."""

    def __init__(self, bounds: Bounds, packed: int, step: Callable[[], None] = lambda: None) -> None:
        """Nothing has come out yet."""
        self.bounds, self.packed, self.step, self.size, self.members = bounds, packed, step, 0, 0

    def spend(self, size: int) -> None:
        """Count *size* bytes that came out."""
        self.step()
        self.size += size
        if self.size > self.bounds.unpacked:
            raise BadArchiveError(f"unpacks to more than {self.bounds.unpacked:,} bytes")
        if self.size > max(ALWAYS_ALLOWED, self.packed * self.bounds.ratio):
            raise BadArchiveError(f"unpacks to more than {self.bounds.ratio} times its size, as a bomb does")

    def count(self) -> None:
        """Count a member, whatever it is."""
        self.step()
        self.members += 1
        if self.members > self.bounds.members:
            raise BadArchiveError(f"has more than {self.bounds.members:,} files")


def safe_path(name: str) -> PurePosixPath | None:
    """The path of a member called *name*, or None for a hidden one; BadArchiveError if it leads out of its folder."""
    refuse_unwritable(name)
    parts = [part for part in name.split("/") if part not in {"", "."}]
    if name.startswith("/") or ".." in parts or "\0" in name or "\\" in name:
        raise BadArchiveError("has a file that would lie outside of its folder")
    if len(parts) > DEEPEST or any(len(os.fsencode(part)) > LONGEST_NAME for part in parts):
        raise BadArchiveError("has a file whose name is too long")
    return PurePosixPath(*parts) if parts and not any(map(is_hidden, parts)) else None


def refuse_unwritable(name: str) -> None:
    """BadArchiveError if *name* is no UTF-8: what is known of a copy is written as JSON, which could not say it."""
    if any("\ud800" <= character <= "\udfff" for character in name):  # how Python writes other bytes
        raise BadArchiveError("has a file whose name is not in UTF-8")


def is_hidden(part: str) -> bool:
    """Whether a file or folder of this name is somebody's own bookkeeping (macOS puts its own beside each file)."""
    return part.startswith(".") or part == "__MACOSX"


class _Careful:
    def __init__(self, file: IO[bytes], most: int) -> None:
        self._file, self._most = file, most
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        found = self._file.read(size if 0 <= size <= self._most else self._most + 1)
        if len(found) > self._most:
            raise BadArchiveError(f"has a table of more than {self._most:,} bytes")
        return found


def careful(file: IO[bytes], most: int) -> IO[bytes]:
    """*file*, which refuses to give more than *most* bytes at once: libraries read a table whole, whatever its size."""
    return cast("IO[bytes]", _Careful(file, most))
