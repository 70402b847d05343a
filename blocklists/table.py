"""Keys and what each says, on disk: a trie beside two bytes for each key, mapped and shared between processes.

Whoever opens a table has verified its files first: a damaged trie crashes its reader (DESIGN.md, facts).
"""

import mmap
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import marisa_trie

from blocklists import snapshot

BLOCK = 1 << 20
"""Bytes read at a time for a checksum: reading, unlike mapping, leaves the process as small as it was."""


class Table:
    """An open table; immutable.

    *prefixes* gives every key that is a prefix of a text with its place, and *states* the state at each place.
    """

    def __init__(self, folder: Path, kind: str) -> None:
        """Map the table *kind* in *folder*; ValueError if its parts are in no known form or do not belong together."""
        keys_file, states_file = files(kind)
        try:
            self._keys = marisa_trie.Trie().mmap(str(folder / keys_file))
            self.states = _mapped(folder / states_file).cast("H")
        except (RuntimeError, TypeError) as error:
            raise ValueError(f"{kind}: in no known form: {error}") from error
        if len(self._keys) != len(self.states):
            raise ValueError(f"{kind}: keys and states do not belong together")
        self.prefixes: Callable[[str], Iterator[tuple[str, int]]] = self._keys.iter_prefixes_with_ids

    def __len__(self) -> int:
        return len(self._keys)

    def covering(self, key: str) -> list[tuple[str, int]]:
        """(key, state number) of every key that is a prefix of *key*, the shortest first."""
        states = self.states
        return [(found, states[place]) for found, place in self.prefixes(key)]

    def state(self, key: str) -> int:
        """The state number of exactly *key*; 0 if it is not there."""
        number = self._keys.get(key)
        return 0 if number is None else int(self.states[number])


def files(kind: str) -> tuple[str, str]:
    """The names of the two files of the table *kind*."""
    return f"{kind}.marisa", f"{kind}.bin"


def write(folder: Path, kind: str, keys: Iterable[str], again: Iterable[tuple[str, int]]) -> int:
    """Write the table *kind*, durably, of *keys* and *again* the same keys with their states; returns how many.

    Keys come twice and are never held: the trie gives each its place only when all are in it. The usual order of
    weights makes lookups a quarter faster than the order of labels. OSError if the disk is full.
    """
    keys_file, states_file = files(kind)
    trie = marisa_trie.Trie(keys)
    states = memoryview(bytearray(2 * len(trie))).cast("H")
    place = trie.key_id
    for key, state in again:
        states[place(key)] = state
    try:
        trie.save(str(folder / keys_file))
    except RuntimeError as error:
        raise OSError(f"{keys_file} cannot be written: {error}") from error
    (folder / states_file).write_bytes(states)
    for name in (keys_file, states_file):
        snapshot.share(folder / name, 0o644)
        snapshot.sync_file(folder / name)
    return len(trie)


def _mapped(path: Path) -> memoryview:
    """View the file at *path* through the page cache (the kernel refuses to map nothing)."""
    if path.stat().st_size == 0:
        return memoryview(b"")
    with path.open("rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def file_checksum(path: Path) -> int:
    """The crc32 of the file at *path*; OSError if it cannot be read."""
    checksum = 0
    with path.open("rb", buffering=0) as file:
        while block := file.read(BLOCK):
            checksum = zlib.crc32(block, checksum)
    return checksum
