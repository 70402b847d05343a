"""The rules of every list, written into sorted runs on disk, so that memory holds one run and never all lists.

Names and pages go to runs of `merge` lines; patterns are few and stay in memory. What was left out is counted with
its reason, beside the list that it stood in.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from blocklists import merge, parse
from blocklists.index_keys import page_key, readable, reversed_key
from blocklists.parse import Batch, Format, Tally
from blocklists.rule import Effect, NameRule, PageRule, PatternRule

RUN = 500_000
"""Lines in a run: 45 MB as Python holds them."""
RUN_BYTES = 50_000_000
"""Bytes of a run of pages: the URLs of a hostile list may be as long as lines are."""
PAGES = "pages"
MAX_PATTERNS = 2_000
"""Patterns of all lists together: AdGuard's own DNS list has some hundreds, and hyperscan needs 31 s for 2,000 of the
worst (100 s for 4,000)."""
MAX_OF_ONE = 1_000
"""Patterns of one source, so that none leaves the others without."""


TOP = "a name with one label, in a list that closes"


class Source(msgspec.Struct, frozen=True):
    """Where some of a list's rules are: a file or folder, and its format.

    *label* names a copy that was fetched or imported (*imported*); the school's own file has none. Without *tops* a
    plain list names nothing that is one label ("com"), as a slip of the pen does. Names, pages and
    patterns ("/pattern/") in *except_* are known mistakes: the source does not list them, whatever it says.
    """

    path: Path
    format: Format = Format.AUTO
    label: str = ""
    imported: bool = False
    except_: frozenset[str] = frozenset()
    tops: bool = True


class Read(msgspec.Struct, frozen=True):
    """What was read of one source."""

    label: str
    tally: Tally


type Progress = Callable[[str, int, int], None]
"""Called with a step's name, what is done and what there is to do (both in the step's own unit)."""


class Pattern(msgspec.Struct, frozen=True):
    """A pattern, the number of the source that it is from, and the tally that counts it."""

    rule: PatternRule
    source: int
    tally: Tally


class Gathered(msgspec.Struct):
    """Everything that was read, by list name, and where the sorted runs are. Sources are numbered in that order."""

    lists: dict[str, tuple[Read, ...]]
    names: list[Path]
    pages: list[Path]
    patterns: list[Pattern]


class Run:
    """Lines for one structure, written out sorted whenever a run is full."""

    def __init__(self, folder: Path, kind: str) -> None:
        """Runs are written to *folder* as *kind*.0, *kind*.1 and so on."""
        self._folder, self._kind = folder, kind
        self._lines: list[bytes] = []
        self._bytes, self._counts_bytes = 0, kind == PAGES  # a name is short, and counting five million takes a second
        self.paths: list[Path] = []

    def add(self, lines: Iterable[bytes]) -> None:
        """Add *lines*; OSError if a full run cannot be written."""
        before = len(self._lines)
        self._lines += lines
        self._bytes += sum(map(len, self._lines[before:])) if self._counts_bytes else 0
        if len(self._lines) >= RUN or self._bytes >= RUN_BYTES:
            self.close()

    def close(self) -> None:
        """Write what is left."""
        if not self._lines:
            return
        self._lines.sort()
        path = self._folder / f"{self._kind}.{len(self.paths)}"
        with path.open("wb") as file:
            file.write(b"\n".join(self._lines))
            file.write(b"\n")
        self.paths.append(path)
        self._lines, self._bytes = [], 0


def gather(sources: Mapping[str, tuple[Source, ...]], folder: Path, progress: Progress) -> Gathered:
    """Read *sources* (by list name) into runs under *folder*.

    OSError if one cannot be read or the disk is full, ValueError if they are more than four digits number.
    """
    if sum(map(len, sources.values())) > merge.MAX_SOURCES:
        raise ValueError(f"the lists have more than {merge.MAX_SOURCES} sources")
    names, pages = Run(folder, "names"), Run(folder, PAGES)
    found = Gathered({}, names.paths, pages.paths, [])
    total, done = sum(_size(one.path) for every in sources.values() for one in every), 0
    number = 0
    for name, every in sorted(sources.items()):
        tallies = []
        for source in every:
            progress("read", done, total)
            room = min(MAX_OF_ONE, MAX_PATTERNS - len(found.patterns))
            tally, every_pattern = _read(source, number, names, pages, room)
            found.patterns += (Pattern(rule, number, tally) for rule in every_pattern)
            number += 1
            tallies.append(Read(source.label, tally))
            done += _size(source.path)
        found.lists[name] = tuple(tallies)
    names.close()
    pages.close()
    progress("read", total, total)
    return found


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def _read(source: Source, number: int, names: Run, pages: Run, room: int) -> tuple[Tally, list[PatternRule]]:
    """What was read of *source*, whose rules carry its *number*, and its patterns, *room* at most."""
    tally, every_pattern = Tally(), list[PatternRule]()
    for batch in parse.read(source.path, source.format, tally):
        if not source.tops and tally.format is Format.PLAIN:
            _leave_tops_out(batch, tally)
        names.add(name_lines(batch, number, source.except_))
        pages.add(page_lines(batch, number, source.except_))
        for rule in batch.rules:
            if isinstance(rule, PatternRule) and f"/{rule.pattern}/" not in source.except_:
                _add_pattern(rule, every_pattern, tally, room)
    apart = (name for name in source.except_ if "/" not in name)
    names.add(merge.encoded(reversed_key(name), number, Effect.APART) for name in apart)
    return tally, every_pattern


def _leave_tops_out(batch: Batch, tally: Tally) -> None:
    """Leave out of *batch* the names of one label, each of which stands for everything that ends in it."""
    tops = [name for name in batch.names if "." not in name and ":" not in name]
    if tops:
        batch.names = [name for name in batch.names if name not in tops]
        tally.names -= len(tops)
        tally.skipped_count += len(tops)
        tally.reasons[TOP] = tally.reasons.get(TOP, 0) + len(tops)


def _add_pattern(rule: PatternRule, every_pattern: list[PatternRule], tally: Tally, room: int) -> None:
    if len(every_pattern) < room:
        every_pattern.append(rule)
    else:
        leave_out(tally, f"a pattern beyond the {MAX_OF_ONE} of one source, or the {MAX_PATTERNS} of all")


def leave_out(tally: Tally, reason: str) -> None:
    """Count in *tally* that one of its patterns is left out after all."""
    tally.patterns -= 1
    tally.skipped_count += 1
    tally.reasons[reason] = tally.reasons.get(reason, 0) + 1


def name_lines(batch: Batch, number: int, except_: frozenset[str]) -> Iterator[bytes]:
    """The lines of the names of *batch* of source *number*; names in *except_* are left off it."""
    listed = batch.names if except_.isdisjoint(batch.names) else [n for n in batch.names if n not in except_]
    tail = merge.tail(number, Effect.LISTED)
    for name in listed:
        yield (reversed_key(name) + tail).encode("ascii")
    for rule in batch.rules:
        if isinstance(rule, NameRule) and not (rule.effect.lists and rule.name in except_):
            yield merge.encoded(reversed_key(rule.name, exact=rule.exact), number, rule.effect)


def page_lines(batch: Batch, number: int, except_: frozenset[str] = frozenset()) -> Iterator[bytes]:
    """The lines of the pages of *batch* of source *number*; pages in *except_* are left off it."""
    for rule in batch.rules:
        if isinstance(rule, PageRule):
            for key in page_keys(rule):
                if not (except_ and rule.effect.lists and readable(key) in except_):
                    yield merge.encoded(key, number, rule.effect)


def page_keys(rule: PageRule) -> Iterator[str]:
    """The keys of *rule*: its page, and for a folder everything under it."""
    host = reversed_key(rule.host)
    folder = rule.path if rule.path.endswith("/") else f"{rule.path}/"
    if rule.begins:
        yield host + rule.path
        return
    if rule.folder:
        yield host + folder
    if not rule.folder or folder != rule.path:
        yield page_key(host, rule.path)
