"""Which sealed lists were once loaded, and when: what a start is held to, and what tells that a list has grown old.

The marker stands beside schoolgate.toml, where every process may read it and no setting can move it: outside state/,
which can be lost or put back as it was, and outside the keys, of which a process sees what it was given at its start.
It holds names and times and no hash, so that reporting knows of the lists without their key.
"""

from collections.abc import Iterator

import msgspec

from blocklists import sealed, snapshot
from blocklists.live import Files

STALE_NS = 24 * 3600 * 1_000_000_000
"""The age at which a list has missed an update: the IWF renews its own twice a day."""

AGAIN = "schoolgate sealed import FILE --list NAME"


class Loaded(msgspec.Struct, frozen=True):
    """A list that was loaded: *imported_ns* in UTC nanoseconds, 0 if that was not noted."""

    imported_ns: int = 0

    def is_stale(self, now_ns: int) -> bool:
        """Whether it is older than a day; one whose time is not known is."""
        return now_ns - self.imported_ns > STALE_NS


class Marker(msgspec.Struct, frozen=True):
    """The marker's body, by list name."""

    lists: dict[str, Loaded] = {}


class Outline(msgspec.Struct, frozen=True):
    """The sealed snapshot without its hashes."""

    lists: dict[str, Loaded] = {}
    check: bytes = b""


def read(files: Files) -> dict[str, Loaded]:
    """The lists that were loaded, by name; SnapshotError or OSError if the marker cannot be read."""
    try:
        return snapshot.read(files.sealed_loaded, Marker).body.lists
    except FileNotFoundError:
        return {}


def write(files: Files, lists: dict[str, Loaded], now_ns: int) -> None:
    """Say that *lists* are loaded, durably."""
    snapshot.write(files.sealed_loaded, Marker(lists), version=now_ns, written_ns=now_ns, mode=0o640)


def missing(files: Files) -> Iterator[str]:
    """A sentence if something that was loaded is there no more, or that cannot be told; the key is not looked at."""
    try:
        promised = read(files)
    except (OSError, snapshot.SnapshotError) as error:
        says = "it tells which sealed lists must be there, so import each of them again"
        yield f"{files.sealed_loaded}: {_reason(error)}; {says}: {AGAIN}"
        return
    try:
        present = _outline(files).lists
    except (OSError, snapshot.SnapshotError) as error:
        yield f"{files.sealed}: {_reason(error)}; take it away and import each sealed list again: {AGAIN}"
        return
    if lost := ", ".join(name for name in promised if name not in present):
        yield f"{files.sealed}: a sealed list that was loaded is missing ({lost}); import it again: {AGAIN}"


def problems(files: Files) -> Iterator[str]:
    """What `missing` says, or a sentence if the key of the lists is missing or another one."""
    found = list(missing(files))
    yield from found
    if found or not files.sealed.exists():
        return
    try:
        sealed.check_key(_outline(files).check, sealed.read_key(files.sealing_key))
    except (OSError, ValueError) as error:
        anew = f"take {files.sealed} away and import each sealed list again: {AGAIN}"
        yield f"{files.sealing_key}: {_reason(error)}; put the right key back, or {anew}"


def _outline(files: Files) -> Outline:
    try:
        return snapshot.read(files.sealed, Outline).body
    except FileNotFoundError:
        return Outline()


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
