"""The list index: which lists name a host, answered from files that every process maps.

An index is a folder: `names.marisa` (reversed names, each with a trailing dot, so that a prefix of a key is a parent
of a name), `sets.bin` (for each key a two-byte number of a set of lists) and `manifest.json` (the sets, the lists and
the checksum of each file, its own among them). `state/index/current` is a symlink to the newest build. Everything is
verified before it is mapped, because a damaged trie crashes its reader (DESIGN.md, facts).
"""

import mmap
import sys
import zlib
from pathlib import Path

import marisa_trie
import msgspec

from blocklists import domain

NAMES = "names.marisa"
SETS = "sets.bin"
MANIFEST = "manifest.json"
CURRENT = "current"
SCHEMA = 1


class DamagedIndexError(ValueError):
    """The folder holds no whole index; the message says what is wrong with it."""


class ListInfo(msgspec.Struct, frozen=True):
    """A list as it went into the index."""

    name: str
    names: int
    lines: int
    skipped: int


class Manifest(msgspec.Struct, frozen=True):
    """What an index holds. *sets* are the interned sets of list names; *checksums* are crc32 by file name.

    *checksum* is the crc32 of the manifest itself with 0 in that place: a changed letter would rename a list, and a
    list of another name closes nothing.
    """

    schema: int
    built_ns: int
    entries: int
    lists: tuple[ListInfo, ...]
    sets: tuple[tuple[str, ...], ...]
    checksums: dict[str, int]
    checksum: int = 0


class Listing(msgspec.Struct, frozen=True):
    """A listed name (*rule*) that covers the host asked about, and the lists that carry it."""

    rule: str
    lists: tuple[str, ...]


class Index:
    """An open index; immutable, shared by mmap between processes."""

    def __init__(self, folder: Path) -> None:
        """Verify and map the index in *folder*; DamagedIndexError if it is not whole, OSError if it cannot be read."""
        self.folder = folder.resolve()
        self.manifest = _manifest(self.folder)
        self.identity = self.folder.name
        for name in (NAMES, SETS):
            if file_checksum(self.folder / name) != self.manifest.checksums.get(name):
                raise DamagedIndexError(f"{name} is damaged: its checksum does not match the manifest")
        try:
            self._names = marisa_trie.Trie().mmap(str(self.folder / NAMES))
            self._sets = _mapped(self.folder / SETS).cast("H")
        except (RuntimeError, TypeError) as error:
            raise DamagedIndexError(f"the names or their sets are in no known form: {error}") from error
        if len(self._names) != len(self._sets):
            raise DamagedIndexError("the names and their sets do not belong together")

    def listed(self, host: str) -> tuple[Listing, ...]:
        """Every listed name that *host* is or stands under, the most exact first."""
        found = self._names.prefixes(reversed_key(host))
        return tuple(
            Listing(rule=readable(key), lists=self.manifest.sets[self._sets[self._names[key]]])
            for key in reversed(found)
        )


class EmptyIndex:
    """An index of nothing, for questions that need none."""

    identity = ""

    def listed(self, host: str) -> tuple[Listing, ...]:  # noqa: ARG002
        """Nothing."""
        return ()


def _manifest(folder: Path) -> Manifest:
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DamagedIndexError(f"the manifest cannot be understood: {error}") from error
    if manifest.schema != SCHEMA:
        raise DamagedIndexError(f"the index was written by another version (schema {manifest.schema})")
    if manifest != checked(manifest):
        raise DamagedIndexError("the manifest is damaged: its checksum does not match")
    return manifest


def checked(manifest: Manifest) -> Manifest:
    """*manifest* with the checksum that it must carry."""
    content = msgspec.json.encode(msgspec.structs.replace(manifest, checksum=0))
    return msgspec.structs.replace(manifest, checksum=zlib.crc32(content))


def reversed_key(host: str) -> str:
    """The key of *host*: its labels from the last to the first, each followed by a dot.

    An address is one label, so that 10.1.2.3 is not under 10.1.2.
    """
    if domain.as_address(host):
        return f"[{host}]."
    return ".".join(reversed(host.split("."))) + "."


def readable(key: str) -> str:
    """The host of *key*: the inverse of `reversed_key`."""
    if key.startswith("["):
        return key[1:-2]
    return ".".join(reversed(key[:-1].split(".")))


def _mapped(path: Path) -> memoryview:
    """View the file at *path* through the page cache (the kernel refuses to map nothing)."""
    if path.stat().st_size == 0:
        return memoryview(b"")
    with path.open("rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def file_checksum(path: Path) -> int:
    """The crc32 of the file at *path*, through a map so that its pages are those the index will use."""
    return zlib.crc32(_mapped(path))


if sys.byteorder != "little":  # pragma: no cover - no big-endian gateway is supported
    raise ImportError("the index is little-endian; this machine is not")
