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
from itertools import islice
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


class SealedList(msgspec.Struct, frozen=True):
    """One list's keyed hashes: whole hosts, and URLs and beginnings of URLs with the hosts that have some.

    *imported_ns* is in UTC nanoseconds, and 0 where an older version did not note it.
    """

    whole_hosts: frozenset[bytes]
    hosts_with_urls: frozenset[bytes]
    expressions: frozenset[bytes]
    hosts_with_prefixes: frozenset[bytes] = frozenset()
    prefixes: frozenset[bytes] = frozenset()
    imported_ns: int = 0

    @property
    def entries(self) -> int:
        """How many different things the list names."""
        return len(self.whole_hosts) + len(self.expressions) + len(self.prefixes)


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
        every = [(field, name, getattr(one, field)) for field in _PERSONS for name, one in self._lists.items()]
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
        begun = (host + path for host in with_prefixes for path in _beginnings(parsed))
        return self._first("expressions", exact) or self._first("prefixes", begun)

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
    pages = dict.fromkeys((parsed.path, lax, f"{lax}/"))
    queried = (f"{page}?{parsed.query}" for page in pages) if parsed.query else ()
    folders = (f for path in (parsed.path, lax) for f in islice(url.folders(path), sealed_entry.DEEPEST_FOLDER))
    return dict.fromkeys((*queried, *pages, *folders)).keys() - {"", "/"}


def _beginnings(parsed: url.Url) -> Iterable[str]:
    """Everything that the path with its query begins with, as it stands and as the laxest servers read it."""
    query = f"?{parsed.query}" if parsed.query else ""
    texts = parsed.path + query, url.bare(parsed.path) + query
    longest = sealed_entry.LONGEST_PREFIX
    return dict.fromkeys(text[:end] for text in texts for end in range(2, min(len(text), longest) + 1))


def _hasher(key: bytes, person: bytes) -> Callable[[str], bytes]:
    """What hashes texts with *key*: 0.4 us by a copy of a hash that has it already, 0.8 by giving it one each time."""
    keyed = hashlib.blake2b(digest_size=DIGEST_SIZE, key=key, person=person)

    def digest(text: str) -> bytes:
        one = keyed.copy()
        one.update(text.encode())
        return one.digest()

    return digest


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
    tally, hashes = Tally(), {field: set[bytes]() for field in _PERSONS}
    digest = {field: _hasher(key, person) for field, person in _PERSONS.items()}
    for row in rows:
        for entry in tally.entries(row):
            for field, text in _hashed(entry):
                hashes[field].add(digest[field](text))
    return SealedList(**{field: frozenset(found) for field, found in hashes.items()}, imported_ns=imported_ns), tally


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
