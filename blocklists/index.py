"""The list index: which lists name a host or a page, answered from files that every process maps.

An index is a folder. The table `names` holds hosts as `index_keys` writes them; `pages` the pages and folders;
`page_hosts` the hosts that have any, so that every other host never reaches the pages. `patterns.*` are there when a
list has patterns. `report.json` says what was read of each list, and `manifest.json` what the states of the tables
mean and the checksum of each file, its own among them. `state/index/current` is a symlink to the newest build.
Everything is verified before it is mapped, because a damaged trie crashes its reader (DESIGN.md, facts).
"""

import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from blocklists import patterns, table
from blocklists.index_keys import EXACT, page_key, readable, reversed_key
from blocklists.patterns import Patterns
from blocklists.rule import Effect, Subject
from blocklists.table import Table

NAMES, PAGES, PAGE_HOSTS = "names", "pages", "page_hosts"
REPORT = "report.json"
MANIFEST = "manifest.json"
FILES = tuple(name for kind in (NAMES, PAGES, PAGE_HOSTS) for name in table.files(kind))
"""What no index is without, besides its manifest."""
CURRENT = "current"
JUDGED = "judged"
"""An empty file in a build that was found good enough to be put in force; a crash may leave others."""
OWN = "/"
"""In the name of a column, between a list and the number of the source of it that is told apart, as it has patterns."""
SCHEMA = 2


class DamagedIndexError(ValueError):
    """The folder holds no whole index; the message says what is wrong with it."""


class Manifest(msgspec.Struct, frozen=True):
    """What an index holds: *rules* by list name, as read, and *entries*, the keys that were left of them.

    *listed* says by list name at how many keys and patterns it lists something, exceptions taken off.

    *states* are list names by state number, marked as `merge.named` does. *checksums* are crc32 by file name.
    *checksum* is the crc32 of the manifest itself with 0 in that place: a changed letter would rename a list, and a
    list of another name closes nothing.
    """

    schema: int
    built_ns: int
    entries: int
    rules: dict[str, int]
    states: tuple[tuple[str, ...], ...]
    checksums: dict[str, int]
    checksum: int = 0
    listed: dict[str, int] = {}


class Listing(msgspec.Struct, frozen=True):
    """A listed name, page or pattern (*rule*) that covers what was asked about, and the lists that carry it."""

    rule: str
    lists: tuple[str, ...]


type Lists = tuple[tuple[str, ...], ...]
"""The lists of each state number."""


class Index:
    """An open index; immutable, shared by mmap between processes."""

    def __init__(self, folder: Path) -> None:
        """Verify and map the index in *folder*; DamagedIndexError if it is not whole, OSError if it cannot be read."""
        self.folder = folder.resolve()
        self.manifest = _manifest(self.folder)
        self.identity = self.folder.name
        _verify(self.folder, self.manifest)
        try:
            self.open()
        except ValueError as error:
            raise DamagedIndexError(str(error)) from error

    def open(self) -> None:
        """Map what was verified; ValueError if it is in no known form."""
        self._names, self._pages, self._page_hosts = (Table(self.folder, kind) for kind in (NAMES, PAGES, PAGE_HOSTS))
        self._patterns = Patterns.load(self.folder) if patterns.DATABASE in self.manifest.checksums else None
        self._prefixes, self._states = self._names.prefixes, self._names.states
        self._marked = self.manifest.states
        self._lists: Lists = tuple(_listed_names(state) for state in self._marked)

    def listed(self, host: str) -> tuple[Listing, ...]:
        """Every rule by which a list names *host* (canonical), the most exact first.

        Terse for the two cases that nearly every name is: 5.2 us for one of five million otherwise, 3.8 us so.
        """
        places = list(self._prefixes(reversed_key(host) + EXACT))
        if len(places) > 1 or self._patterns is not None:
            return self._by_names_and_patterns(host, [(key, self._states[place]) for key, place in places])
        if not places:
            return ()
        ((key, place),) = places
        lists = self._lists[self._states[place]]
        if not lists:
            return ()
        rule = host if key[0] == "[" or key[-1] == EXACT else host[len(host) + 1 - len(key) :]
        return (Listing(rule, lists),)

    def _by_names_and_patterns(self, host: str, found: list[tuple[str, int]]) -> tuple[Listing, ...]:
        listings = tuple(Listing(_rule(key, host), lists) for key, lists in _origins(found, self._lists))
        if self._patterns is None:
            return listings
        return self._with_patterns(listings, self._marked[found[-1][1]] if found else (), Subject.HOST, host)

    def listed_pages(self, host: str, path: str) -> tuple[Listing, ...]:
        """Every rule by which a list names the page *path* ("?query" with it, if there is one) on *host*.

        What names the host itself is `listed`'s.
        """
        found = list(self._pages_of(host, path)) if len(self._page_hosts) else []
        listings = tuple(Listing(readable(key), lists) for one in found for key, lists in _origins(one, self._lists))
        if self._patterns is None:
            return listings
        marked = tuple(mark for one in found for mark in self._marked[one[-1][1]])
        return self._with_patterns(listings, marked, Subject.URL, host + path)

    def _pages_of(self, host: str, path: str) -> Iterator[list[tuple[str, int]]]:
        """The nodes above the page *path* for each host that covers *host*, and above it without its query."""
        bare = path.partition("?")[0]
        for host_key, _ in reversed(self._page_hosts.covering(reversed_key(host))):
            if found := self._pages.covering(page_key(host_key, path)):
                yield found
            if bare != path and (state := self._pages.state(page_key(host_key, bare))):
                yield [(page_key(host_key, bare), state)]

    def lists_with_pages(self, host: str) -> tuple[str, ...]:
        """The lists that name some page of *host*, so that its connections must be opened to tell."""
        if not len(self._page_hosts):
            return ()
        found = self._page_hosts.covering(reversed_key(host))
        return tuple(dict.fromkeys(name for _, state in found for name in self._lists[state]))

    def _with_patterns(
        self, listings: tuple[Listing, ...], state: tuple[str, ...], subject: Subject, text: str
    ) -> tuple[Listing, ...]:
        """*listings* with what patterns add and take away; *state* is what the names say, with their marks."""
        assert self._patterns is not None
        placed = self._patterns.matching(subject, text)
        if not placed:
            return listings
        effects: dict[str, Effect] = {}
        said = ((one.lstrip(_MARK_LETTERS), _MARKS[one[: -len(one.lstrip(_MARK_LETTERS))]]) for one in state)
        for column, effect in (*said, *((one.list, one.rule.effect) for one in placed)):
            effects[column] = max(effects.get(column, Effect.APART), effect)
        on = {column.partition(OWN)[0] for column, effect in effects.items() if effect.lists}
        kept = (Listing(x.rule, tuple(name for name in x.lists if name in on)) for x in listings)
        added = (x for x in placed if effects[x.list].lists and x.rule.effect.lists)
        by_pattern = (Listing(f"/{x.rule.pattern}/", (x.list.partition(OWN)[0],)) for x in added)
        return tuple(x for x in (*kept, *by_pattern) if x.lists)


class EmptyIndex:
    """An index of nothing, for questions that need none."""

    identity = ""

    def listed(self, host: str) -> tuple[Listing, ...]:  # noqa: ARG002
        """Nothing."""
        return ()

    def listed_pages(self, host: str, path: str) -> tuple[Listing, ...]:  # noqa: ARG002
        """Nothing."""
        return ()

    def lists_with_pages(self, host: str) -> tuple[str, ...]:  # noqa: ARG002
        """Nothing."""
        return ()


_MARK_LETTERS = "!@"
_MARKS = {"": Effect.LISTED, "!": Effect.IMPORTANT, "@": Effect.ALLOWED, "@!": Effect.ALLOWED_IMPORTANT}


def _listed_name(marked: str) -> str:
    """The list of *marked*, or "" if it is only allowed there."""
    return "" if marked.startswith("@") else marked.removeprefix("!").partition(OWN)[0]


def _listed_names(state: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({name for name in map(_listed_name, state) if name}))


def _rule(key: str, host: str) -> str:
    """The listed name of *key*, which covers *host*: as many of the host's last characters as the key has."""
    return host if key[0] == "[" or key[-1] == EXACT else host[len(host) + 1 - len(key) :]


def _origins(found: list[tuple[str, int]], lists: Lists) -> list[tuple[str, tuple[str, ...]]]:
    """(key, lists), the last key first. The state of the last key holds; each of its lists is shown at the highest key
    from which on it holds without a break.
    """  # noqa: D205 - one sentence would be two thoughts
    if len(found) < 2:
        return [(key, lists[state]) for key, state in found if lists[state]]
    origins, left = [], lists[found[-1][1]]
    for (key, _), (_, above) in zip(reversed(found), (*reversed(found[:-1]), ("", 0)), strict=True):
        here = tuple(name for name in left if name not in lists[above])
        left = tuple(name for name in left if name in lists[above])
        if here:
            origins.append((key, here))
    return origins


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


def _verify(folder: Path, manifest: Manifest) -> None:
    for name in {*FILES, *manifest.checksums}:
        if table.file_checksum(folder / name) != manifest.checksums.get(name):
            raise DamagedIndexError(f"{name} is damaged: its checksum does not match the manifest")


def checked(manifest: Manifest) -> Manifest:
    """*manifest* with the checksum that it must carry."""
    content = msgspec.json.encode(msgspec.structs.replace(manifest, checksum=0))
    return msgspec.structs.replace(manifest, checksum=zlib.crc32(content))


if sys.byteorder != "little":  # pragma: no cover - no big-endian gateway is supported
    raise ImportError("the index is little-endian; this machine is not")
