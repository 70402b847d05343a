"""Lists in, an index folder out, swapped in whole.

The same lists give the same bytes. A build is written to a folder of its own by a child process, so that whoever asked
stays small and what a hostile list does to memory ends with the child. It is fsynced, checksummed, verified by opening
it, and only then made `current`; the build before it is kept to go back to.
"""

import heapq
import os
import shutil
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from blocklists import gather, index, index_keys, merge, patterns, snapshot, table
from blocklists.gather import Gathered, Progress, Read, Source
from blocklists.merge import States
from blocklists.rule import Effect

__all__ = ["Source", "build", "compile_lists", "make_current", "whole"]

WORK = "work"
"""The folder of sorted runs within a build; gone when it is whole."""
EVERY = 1 << 16
"""Keys between two calls of progress."""


class ListInfo(msgspec.Struct, frozen=True):
    """A list as it went into an index: what was read of each of its sources."""

    name: str
    sources: tuple[Read, ...]


def quiet(step: str, done: int, total: int) -> None:
    """No progress is shown."""


type Builder = Callable[[Mapping[str, tuple[Source, ...]], Path, int, Progress], None]
"""Writes a whole index of sources into a folder, with its time and progress: `build`, or a child that runs it."""


def compile_lists(
    sources: Mapping[str, tuple[Source, ...]],
    folder: Path,
    *,
    built_ns: int,
    judge: Callable[[index.Index], None] = lambda _: None,
    builder: Builder | None = None,
    progress: Progress = quiet,
) -> index.Index:
    """Compile *sources* (by list name) into a new build under *folder* and make it current; returns it, open.

    *judge* sees the new index before it is current, and raises to refuse it. Raises OSError if a list cannot be read or
    the disk is full, ValueError if the lists overlap in too many ways; `current` is then what it was.
    """
    current = folder / index.CURRENT
    before = current.resolve()
    made = folder / f"{built_ns:020d}-{os.getpid()}"
    for one in (folder, made) if not folder.exists() else (made,):
        one.mkdir(parents=one is folder)
        snapshot.share(one, 0o755)
    try:
        (builder or build)(sources, made, built_ns, progress)
        opened = index.Index(made)
        judge(opened)
        _write(made / index.JUDGED, b"")
        make_current(folder, made)
    except BaseException:
        if current.resolve() != made.resolve():
            shutil.rmtree(made, ignore_errors=True)
        raise
    _remove_builds(folder, kept={made.resolve(), before})
    return opened


def build(sources: Mapping[str, tuple[Source, ...]], folder: Path, built_ns: int, progress: Progress = quiet) -> None:
    """Write a whole index of *sources* into *folder*, durably; raises as `compile_lists` does."""
    work = folder / WORK
    work.mkdir()
    write(gather.gather(sources, work, progress), folder, built_ns, progress)
    shutil.rmtree(work)
    snapshot.sync_folder(folder)


def write(gathered: Gathered, folder: Path, built_ns: int, progress: Progress = quiet) -> None:
    """Write the files of an index of what was *gathered*, each durably; raises as `compile_lists` does."""
    taken, database = _taken_patterns(gathered)
    columns = Columns(gathered, {one.source for one in taken})
    kept = [patterns.Placed(one.rule, columns.names[columns.of_source[one.source]]) for one in taken]
    for name, content in patterns.files(kept, database).items() if kept else ():
        _write(folder / name, content)
    states = States(columns.of_source, columns.with_patterns)
    anchored = [(one.rule.host, columns.of_source[one.source]) for one in taken if one.rule.host]
    entries, by_column = _write_tables(gathered, states, anchored, folder, progress)
    by_column.update(columns.of_source[one.source] for one in taken if one.rule.effect.lists)
    _write(folder / index.REPORT, _report(gathered))
    files = [*index.FILES, index.REPORT, *((patterns.PATTERNS, patterns.DATABASE) if kept else ())]
    manifest = index.Manifest(
        schema=index.SCHEMA,
        built_ns=built_ns,
        entries=entries,
        rules={name: sum(one.tally.rules for one in reads) for name, reads in gathered.lists.items()},
        listed=columns.by_list(by_column),
        states=tuple(merge.named(state, columns.names) for state in states.written),
        checksums={name: table.file_checksum(folder / name) for name in files},
    )
    _write(folder / index.MANIFEST, msgspec.json.format(msgspec.json.encode(index.checked(manifest))))


class Columns:
    """The columns of an index: one for each list, and one of its own for each source that has patterns."""

    def __init__(self, gathered: Gathered, with_patterns: set[int]) -> None:
        """Number the sources of *gathered* as they were read; those *with_patterns* are told apart."""
        self._lists = list(gathered.lists)
        self.names = list(self._lists)
        self.of_source: list[int] = []
        for number, reads in enumerate(gathered.lists.values()):
            for _ in range(max(1, len(reads))):
                self.of_source.append(self._own(number) if len(self.of_source) in with_patterns else number)

    def _own(self, number: int) -> int:
        self.names.append(f"{self._lists[number]}{index.OWN}{len(self.of_source)}")
        return len(self.names) - 1

    @property
    def with_patterns(self) -> frozenset[int]:
        """The columns of sources with patterns."""
        return frozenset(range(len(self._lists), len(self.names)))

    def by_list(self, by_column: Counter[int]) -> dict[str, int]:
        """*by_column* added up for each list."""
        found = dict.fromkeys(self._lists, 0)
        for column, count in by_column.items():
            found[self.names[column].partition(index.OWN)[0]] += count
        return found


def _taken_patterns(gathered: Gathered) -> tuple[list[gather.Pattern], Any]:
    """The patterns that hyperscan takes, and their database; the others are counted where they stood."""
    taken, database, refused = patterns.compiled([one.rule for one in gathered.patterns])
    for one in refused:
        gather.leave_out(gathered.patterns[one.place].tally, one.reason)
    return [gathered.patterns[place] for place in taken], database


def _write_tables(
    gathered: Gathered, states: States, anchored: list[tuple[str, int]], folder: Path, progress: Progress
) -> tuple[int, Counter[int]]:
    """Write the three tables; returns how many keys they have together, and at how many of them each list is.

    *anchored* are hosts that a pattern of a list is bound to: they have pages like those of the pages' table.
    """
    total = sum(one.tally.names for reads in gathered.lists.values() for one in reads)
    names = _Nodes(merge.nodes(whole(gathered.names, total, progress), states), folder / "names.keys")
    progress("index", 0, 1)
    entries = table.write(folder, index.NAMES, names.keys(), names.both())
    pages = _Nodes(merge.nodes(whole(gathered.pages, 0, quiet), states), folder / "pages.keys")
    hosts = _Nodes(_page_hosts(pages, states, anchored), folder / "page_hosts.keys")
    for kind, nodes in ((index.PAGES, pages), (index.PAGE_HOSTS, hosts)):
        entries += table.write(folder, kind, nodes.keys(), nodes.both())
    for nodes in (names, pages, hosts):
        nodes.path.unlink()
    progress("index", 1, 1)
    return entries, names.listed(states) + pages.listed(states)


def _page_hosts(pages: "_Nodes", states: States, anchored: list[tuple[str, int]]) -> Iterator[tuple[bytes, int]]:
    """Each host that has pages of its own, with the lists that name one of them."""
    hosts: dict[str, set[tuple[int, Effect]]] = {}
    for host, number in anchored:
        hosts.setdefault(index_keys.reversed_key(host), set()).add((number, Effect.LISTED))
    for key, state in pages.both():
        hosts.setdefault(key.partition("/")[0], set()).update(
            (n, Effect.LISTED) for n, e in states.written[state] if e.lists
        )
    for host in sorted(hosts):
        yield host.encode("ascii"), states.number(tuple(sorted(hosts[host])))


class _Nodes:
    """The nodes of one table, kept on disk: keys in a file, their states two bytes each in memory."""

    def __init__(self, nodes: Iterable[tuple[bytes, int]], path: Path) -> None:
        """Write *nodes* to *path*; OSError if the disk is full."""
        self.path = path
        self._states = array("H")
        add = self._states.append
        with path.open("wb") as file:
            for key, state in nodes:
                file.write(key + b"\n")
                add(state)

    def keys(self) -> Iterator[str]:
        """The keys in their order."""
        with self.path.open(encoding="ascii", newline="\n") as file:
            for line in file:
                yield line[:-1]

    def listed(self, states: States) -> Counter[int]:
        """At how many of the keys each column is on its list."""
        found = Counter[int]()
        for state, count in Counter(self._states).items():
            found.update({number: count for number, effect in states.written[state] if effect.lists})
        return found

    def both(self) -> Iterator[tuple[str, int]]:
        """Each key with its state."""
        return zip(self.keys(), self._states, strict=True)


def whole(runs: list[Path], total: int, progress: Progress) -> Iterator[bytes]:
    """The lines of the sorted *runs*, sorted."""
    files = [run.open("rb") for run in runs]
    try:
        for done, line in enumerate(heapq.merge(*files)):
            if not done % EVERY:
                progress("merge", done, total)
            yield line[:-1]
    finally:
        for file in files:
            file.close()


def _report(gathered: Gathered) -> bytes:
    return msgspec.json.encode([ListInfo(name, reads) for name, reads in gathered.lists.items()])


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    snapshot.share(path, 0o644)
    snapshot.sync_file(path)


def report(build_folder: Path) -> dict[str, tuple[Read, ...]]:
    """What was read of each list for the index in *build_folder*; OSError or ValueError if it cannot be read."""
    lists = msgspec.json.decode((build_folder / index.REPORT).read_bytes(), type=list[ListInfo])
    return {one.name: one.sources for one in lists}


def make_current(folder: Path, build_folder: Path) -> None:
    """Point `current` at *build_folder* in one step: a symlink, as a rename replaces no full folder."""
    link = folder / f".current.{os.getpid()}"
    link.unlink(missing_ok=True)
    link.symlink_to(build_folder.name)
    link.replace(folder / index.CURRENT)
    snapshot.sync_folder(folder)


def _remove_builds(folder: Path, *, kept: set[Path]) -> None:
    """Remove every build that is not *kept*, halves that a crash left among them."""
    for one in folder.resolve().iterdir():
        if one.name[:1].isdigit() and one not in kept:
            shutil.rmtree(one, ignore_errors=True)
