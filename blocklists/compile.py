"""Lists in, an index folder out, swapped in whole.

The same lists give the same bytes. A build is written to a folder of its own, fsynced, checksummed, verified by
opening it, and only then made `current`; the build before it is kept to go back to.
"""

import os
import shutil
import sys
from array import array
from collections.abc import Callable, Mapping
from pathlib import Path

import marisa_trie
import msgspec

from blocklists import index, snapshot
from blocklists.parse import Format, Parsed, parse_file

MAX_SETS = 65536
"""Two bytes number a set."""


class Source(msgspec.Struct, frozen=True):
    """A list to compile: a file and its format."""

    path: Path
    format: Format = Format.AUTO


def compile_lists(
    sources: Mapping[str, Source],
    folder: Path,
    *,
    built_ns: int,
    judge: Callable[[Mapping[str, Parsed]], None] = lambda _: None,
) -> tuple[Path, dict[str, Parsed]]:
    """Compile *sources* (by list name) into a new build under *folder* and make it current.

    Returns the build's folder and what was read of each list. *judge* sees what was read before anything is built and
    raises to refuse it. Raises OSError if a list cannot be read or the disk is full, ValueError if the lists overlap
    in too many ways; `current` is then what it was.
    """
    current = folder / index.CURRENT
    before = current.resolve()
    parsed = {name: parse_file(source.path, source.format) for name, source in sorted(sources.items())}
    judge(parsed)
    build = folder / f"{built_ns:020d}-{os.getpid()}"
    for made in (folder, build) if not folder.exists() else (build,):
        made.mkdir(parents=made is folder)
        snapshot.share(made, 0o755)
    try:
        write_index({name: one.names for name, one in parsed.items()}, parsed, build, built_ns=built_ns)
        index.Index(build)
        make_current(folder, build)
    except BaseException:
        if current.resolve() != build.resolve():
            shutil.rmtree(build, ignore_errors=True)
        raise
    _remove_builds(folder, kept={build.resolve(), before})
    return build, parsed


def write_index(
    names: Mapping[str, set[str]], parsed: Mapping[str, Parsed], build: Path, *, built_ns: int
) -> index.Manifest:
    """Write the three files of an index for *names* (by list) into *build*, durably."""
    lists_of: dict[str, list[str]] = {}
    for list_name in sorted(names):
        for name in names[list_name]:
            lists_of.setdefault(index.reversed_key(name), []).append(list_name)
    trie = marisa_trie.Trie(sorted(lists_of))
    numbers: dict[tuple[str, ...], int] = {}
    sets = array("H", bytes(2 * len(trie)))
    for key, carried in sorted(lists_of.items()):
        number = numbers.setdefault(tuple(carried), len(numbers))
        if number >= MAX_SETS:
            raise ValueError(f"more than {MAX_SETS} different combinations of lists")
        sets[trie[key]] = number
    _save(trie, build / index.NAMES)
    (build / index.SETS).write_bytes(sets.tobytes())
    manifest = _manifest(parsed, numbers, build, entries=len(lists_of), built_ns=built_ns)
    (build / index.MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
    for name in (index.NAMES, index.SETS, index.MANIFEST):
        snapshot.share(build / name, 0o644)
        _sync_file(build / name)
    snapshot.sync_folder(build)
    return manifest


def _manifest(
    parsed: Mapping[str, Parsed], numbers: Mapping[tuple[str, ...], int], build: Path, *, entries: int, built_ns: int
) -> index.Manifest:
    manifest = index.Manifest(
        schema=index.SCHEMA,
        built_ns=built_ns,
        entries=entries,
        lists=tuple(
            index.ListInfo(name=name, names=len(one.names), lines=one.tally.lines, skipped=one.tally.skipped_count)
            for name, one in sorted(parsed.items())
        ),
        sets=tuple(numbers),
        checksums={name: index.file_checksum(build / name) for name in (index.NAMES, index.SETS)},
    )
    return index.checked(manifest)


def _save(trie: marisa_trie.Trie, path: Path) -> None:
    try:
        trie.save(str(path))
    except RuntimeError as error:
        raise OSError(f"{path.name} cannot be written: {error}") from error


def make_current(folder: Path, build: Path) -> None:
    """Point `current` at *build* in one step: a symlink, as a rename cannot replace a folder that is not empty."""
    link = folder / f".current.{os.getpid()}"
    link.unlink(missing_ok=True)
    link.symlink_to(build.name)
    link.replace(folder / index.CURRENT)
    snapshot.sync_folder(folder)


def _sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _remove_builds(folder: Path, *, kept: set[Path]) -> None:
    """Remove every build that is not *kept*, halves that a crash left among them."""
    for build in folder.resolve().iterdir():
        if build.name[:1].isdigit() and build not in kept:
            shutil.rmtree(build, ignore_errors=True)


if sys.byteorder != "little":  # pragma: no cover - no big-endian gateway is supported
    raise ImportError("the index is little-endian; this machine is not")
