"""Sealed lists: illegal content, kept so that nobody can read what is on them.

An entry becomes a keyed BLAKE2b-128 hash of its canonical text; its plain form is never written, logged or returned.
Matching has two stages: the host's suffixes, remembered by host, then, only for a host with entries, the URL's own
expressions. What a match gives is the list and the keyed hash, never the URL (G6, G23). Somebody with the key can test
guesses. What a file's lines say is `sealed_source`'s business, what one entry names `sealed_entry`'s.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import islice, product
from pathlib import Path

import msgspec

from blocklists import domain, new_file, sealed_entry, sealed_source, snapshot, url
from blocklists.sealed_entry import Entry, Kind
from blocklists.sealed_source import Row, Tally

KEY_SIZE = 32
DIGEST_SIZE = 16
REMEMBERED = 16384
"""Hosts whose answer is remembered; a school of a thousand asks for fewer in a day."""

_PERSONS = {
    "whole_hosts": b"whole-host",
    "hosts_with_urls": b"host-with-urls",
    "expressions": b"expression",
    "hosts_with_prefixes": b"host-with-prefix",
    "prefixes": b"prefix",
}
"""What the hashes of each field are of (BLAKE2's person), so that one kind is never taken for another."""
_BYTES = [bytes([value]) for value in range(256)]


class SealedList(msgspec.Struct, frozen=True):
    """One list's keyed hashes: whole hosts, and URLs and beginnings of URLs with the hosts that have some.

    An entry with capitals in its path is hashed in lower case too; *lowered* counts these hashes. *longest* is how long
    the path of a beginning is at most. *imported_ns* is in UTC nanoseconds. An older version noted none of the three.
    """

    whole_hosts: frozenset[bytes]
    hosts_with_urls: frozenset[bytes]
    expressions: frozenset[bytes]
    hosts_with_prefixes: frozenset[bytes] = frozenset()
    prefixes: frozenset[bytes] = frozenset()
    imported_ns: int = 0
    lowered: int = 0
    longest: int = sealed_entry.LONGEST_PREFIX

    @property
    def entries(self) -> int:
        """How many different things the list names."""
        return len(self.whole_hosts) + len(self.expressions) + len(self.prefixes) - self.lowered


class SealedLists(msgspec.Struct, frozen=True):
    """The sealed snapshot's body, by list name; *check* tells the key that they were sealed with from another."""

    lists: dict[str, SealedList] = {}
    check: bytes = b""


class Match(msgspec.Struct, frozen=True):
    """A sealed hit: the list, and the keyed hash of the entry in hexadecimal."""

    list: str
    hash: str


class Sealed:
    """The loaded sealed lists, ready to match."""

    def __init__(self, lists: SealedLists, key: bytes) -> None:
        """Take *lists* and the *key* (32 bytes) that they were sealed with."""
        self._lists = lists.lists
        self._digest = {field: _hasher(key, person) for field, person in _PERSONS.items()}
        self._digests_of_beginnings = _running_hasher(key, _PERSONS["prefixes"])
        every = [(field, name, getattr(one, field)) for field in _PERSONS for name, one in self._lists.items()]
        self._longest = max((one.longest for one in self._lists.values() if one.prefixes), default=0)
        self._sets = {field: [(n, hashes) for f, n, hashes in every if f == field and hashes] for field in _PERSONS}
        self.match_host = lru_cache(maxsize=REMEMBERED)(self._match_host)
        self._having = lru_cache(maxsize=REMEMBERED)(self._find_having)

    def __repr__(self) -> str:
        return f"<Sealed: {len(self._lists)} lists>"

    def _match_host(self, host: str) -> Match | None:
        """The whole-host entry that covers *host*."""
        return self._first("whole_hosts", domain.suffixes(host))

    def has_urls(self, host: str) -> bool:
        """Whether some URL on *host* is sealed, so that its connections must be opened."""
        return any(self._having(host))

    def match_url(self, parsed: url.Url) -> Match | None:
        """The entry that covers the URL *parsed*.

        A host that has none and was asked for before costs 0.2 us, every expression of another one 0.5.
        """
        if match := self.match_host(parsed.host):
            return match
        with_urls, with_prefixes = self._having(parsed.host)
        if not with_urls and not with_prefixes:
            return None
        exact = (host + path for host in with_urls for path in _paths(parsed))
        return self._first("expressions", exact) or self._begun(with_prefixes, parsed)

    def _begun(self, hosts: list[str], parsed: url.Url) -> Match | None:
        """The beginning that covers *parsed*, on one of *hosts*; none is longer than the longest of any list."""
        for host, text in product(hosts, _begun_texts(parsed) if hosts else ()):
            for digest in self._digests_of_beginnings(host, text[: self._longest]):
                for name, hashes in self._sets["prefixes"]:
                    if digest in hashes:
                        return Match(name, digest.hex())
        return None

    def _find_having(self, host: str) -> tuple[list[str], list[str]]:
        """The suffixes of *host* that have URL entries, and those that have beginnings of URLs."""
        every = list(domain.suffixes(host))
        with_urls, with_prefixes = (
            [suffix for suffix, _ in self._found(field, every)] for field in ("hosts_with_urls", "hosts_with_prefixes")
        )
        return with_urls, with_prefixes

    def _first(self, field: str, texts: Iterable[str]) -> Match | None:
        return next((match for _, match in self._found(field, texts)), None)

    def _found(self, field: str, texts: Iterable[str]) -> Iterator[tuple[str, Match]]:
        """Each of *texts* that some list has in *field*, with what it matches."""
        digest_of, sets = self._digest[field], self._sets[field]
        for text in texts if sets else ():  # what no list has need not be hashed, 0.5 us each
            digest = digest_of(text)
            for name, hashes in sets:
                if digest in hashes:
                    yield text, Match(name, digest.hex())
                    break


def _paths(parsed: url.Url) -> Iterable[str]:
    """What follows the host in the expressions of *parsed*, as it stands and as the laxest servers read it.

    A page is the same with a slash at its end or not: servers commonly take these for one, and for illegal content the
    strict reading is the right one. Every folder counts, as deep as entries go. The root is not among them: who names
    it names the whole host.
    """
    lax = url.bare(parsed.path).rstrip("/")
    read = _with_lower(parsed.path, lax)
    pages = dict.fromkeys((*read, *(f"{page}/" for page in _with_lower(lax))))
    queried = (f"{page}?{parsed.query}" for page in pages) if parsed.query else ()
    folders = (f for path in read for f in islice(url.folders(path), sealed_entry.DEEPEST_FOLDER))
    return dict.fromkeys((*queried, *pages, *folders)).keys() - {"", "/"}


def _with_lower(*paths: str) -> Iterable[str]:
    """*paths*, and each in lower case: some servers take both for one. Few have capitals."""
    return dict.fromkeys((*paths, *map(url.lower, paths)))


def _begun_texts(parsed: url.Url) -> list[str]:
    """The path with its query, as it stands and as the laxest servers read it."""
    query = f"?{parsed.query}" if parsed.query else ""
    return [path + query for path in _with_lower(parsed.path, url.bare(parsed.path))]


def _hasher(key: bytes, person: bytes) -> Callable[[str], bytes]:
    """What hashes texts with *key*: 0.4 us by a copy of a hash that has it already, 0.8 by giving it one each time."""
    keyed = hashlib.blake2b(digest_size=DIGEST_SIZE, key=key, person=person)

    def digest(text: str) -> bytes:
        one = keyed.copy()
        one.update(text.encode())
        return one.digest()

    return digest


def _running_hasher(key: bytes, person: bytes) -> Callable[[str, str], Iterator[bytes]]:
    """What hashes each beginning of a path behind its host but the mere slash, every letter once: 0.4 us each."""
    keyed = hashlib.blake2b(digest_size=DIGEST_SIZE, key=key, person=person)

    def digests(host: str, path: str) -> Iterator[bytes]:
        running = keyed.copy()
        running.update((host + path[:1]).encode())
        for letter in path[1:].encode():
            running.update(_BYTES[letter])
            yield running.copy().digest()

    return digests


NOTHING = Sealed(SealedLists(), bytes(KEY_SIZE))
"""No sealed list; what `explain` decides with, so that it answers for a sealed URL as for an unlisted one (G23)."""


def key_check(key: bytes) -> bytes:
    """What tells *key* from another one, and nothing of it."""
    return _hasher(key, b"key-check")("")


def asked(parsed: url.Url, key: bytes) -> str:
    """A keyed hash of a URL that a person asked about, for the record; it is like no entry's."""
    return _hasher(key, b"asked")(str(parsed)).hex()


def seal(lines: Iterable[bytes], key: bytes) -> tuple[SealedList, Tally]:
    """Seal *lines* of one entry each: hosts ("example.test", "*.example.test") and URLs."""
    return seal_rows(sealed_source.of_lines(lines), key)


def seal_rows(rows: Iterable[Row], key: bytes, *, imported_ns: int = 0) -> tuple[SealedList, Tally]:
    """The sealed list of what *rows* name, and what became of each row."""
    tally, longest = Tally(), 0
    digest = {field: _hasher(key, person) for field, person in _PERSONS.items()}
    written, lowered = ({field: set[bytes]() for field in _PERSONS} for _ in range(2))
    for row in rows:
        for entry in tally.entries(row):
            longest = max(longest, len(entry.path) if entry.kind is Kind.PREFIX else 0)
            for hashes, one in ((written, entry), (lowered, _lowered(entry))):
                for field, text in _hashed(one):
                    hashes[field].add(digest[field](text))
    fields = {field: frozenset(written[field] | lowered[field]) for field in _PERSONS}
    more = sum(len(fields[field]) - len(written[field]) for field in _PERSONS)
    return SealedList(**fields, imported_ns=imported_ns, lowered=more, longest=longest), tally


def _lowered(entry: Entry) -> Entry:
    """*entry* with its path in lower case; its query may mean another thing then."""
    path, question, query = entry.path.partition("?")
    return Entry(entry.kind, entry.host, url.lower(path) + question + query)


def _hashed(entry: Entry) -> Iterator[tuple[str, str]]:
    """(field, text) of each hash that stands for *entry*."""
    if entry.kind is Kind.HOST:
        yield "whole_hosts", entry.host
    elif entry.kind is Kind.PREFIX:
        yield "hosts_with_prefixes", entry.host
        yield "prefixes", entry.host + entry.path
    else:
        yield "hosts_with_urls", entry.host
        yield "expressions", entry.host + entry.path


class WrongKeyError(ValueError):
    """The sealed lists and the key do not belong together."""


def load(path: Path, key_file: Path) -> Sealed:
    """Load the sealed snapshot at *path*; without one there are no sealed lists.

    Raises snapshot.SnapshotError if it is damaged, FileNotFoundError if there is a snapshot and no key, WrongKeyError
    if the key is another one: nothing would match.
    """
    try:
        lists = snapshot.read(path, SealedLists).body
    except FileNotFoundError:
        return NOTHING
    key = read_key(key_file)
    check_key(lists.check, key)
    return Sealed(lists, key)


def check_key(check: bytes, key: bytes) -> None:
    """WrongKeyError if lists with *check* were sealed with another key than *key*; older ones have no check."""
    if check not in {b"", key_check(key)}:
        raise WrongKeyError("the sealed lists were sealed with another key")


def read_key(path: Path) -> bytes:
    """The sealing key at *path*; ValueError if it is not 32 bytes."""
    key = path.read_bytes()
    if len(key) != KEY_SIZE:
        raise ValueError(f"{path.name} is not a sealing key: it must be {KEY_SIZE} bytes")
    return key


def new_key(path: Path) -> bytes:
    """Make a sealing key at *path*, readable by its owner only; FileExistsError if there is one."""
    key = os.urandom(KEY_SIZE)
    new_file.write_new(path, key)
    return key
