"""Sealed lists: illegal content, kept so that nobody can read what is on them.

An entry becomes a keyed BLAKE2b-128 hash of its canonical expression; its plain form is never written, logged or
returned. Matching has two stages: the host's suffixes, then, only for a host with entries, the URL's expressions.
What a match gives is the list and the keyed hash, never the URL (G6, G23). Somebody with the key can test guesses.
"""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

import msgspec

from blocklists import domain, new_file, snapshot, url

KEY_SIZE = 32
DIGEST_SIZE = 16

_WHOLE_HOST = b"whole-host"
_HOST_WITH_URLS = b"host-with-urls"
_EXPRESSION = b"expression"


class SealedList(msgspec.Struct, frozen=True):
    """One list's keyed hashes: whole hosts, hosts that have URL entries, and URL expressions."""

    whole_hosts: frozenset[bytes]
    hosts_with_urls: frozenset[bytes]
    expressions: frozenset[bytes]


class SealedLists(msgspec.Struct, frozen=True):
    """The sealed snapshot's body, by list name."""

    lists: dict[str, SealedList] = {}


class Match(msgspec.Struct, frozen=True):
    """A sealed hit: the list, and the keyed hash of the entry in hexadecimal."""

    list: str
    hash: str


class Sealed:
    """The loaded sealed lists, ready to match."""

    def __init__(self, lists: SealedLists, key: bytes) -> None:
        """Take *lists* and the *key* (32 bytes) that they were sealed with."""
        self._lists = lists.lists
        self._key = key
        self.match_host = lru_cache(maxsize=16384)(self._match_host)
        self.has_urls = lru_cache(maxsize=16384)(self._has_urls)

    def __repr__(self) -> str:
        return f"<Sealed: {len(self._lists)} lists>"

    def _match_host(self, host: str) -> Match | None:
        """The whole-host entry that covers *host*."""
        for suffix in domain.suffixes(host):
            digest = _digest(self._key, _WHOLE_HOST, suffix)
            for name, sealed in self._lists.items():
                if digest in sealed.whole_hosts:
                    return Match(name, digest.hex())
        return None

    def _has_urls(self, host: str) -> bool:
        """Whether some URL on *host* is sealed, so that its connections must be opened."""
        digests = [_digest(self._key, _HOST_WITH_URLS, suffix) for suffix in url.host_suffixes(host)]
        return any(d in sealed.hosts_with_urls for sealed in self._lists.values() for d in digests)

    def match_url(self, parsed: url.Url) -> Match | None:
        """The entry that covers the URL *parsed*."""
        if match := self.match_host(parsed.host):
            return match
        if not self.has_urls(parsed.host):
            return None
        for expression in _expressions(parsed):
            digest = _digest(self._key, _EXPRESSION, expression)
            for name, sealed in self._lists.items():
                if digest in sealed.expressions:
                    return Match(name, digest.hex())
        return None


def _expressions(parsed: url.Url) -> Iterator[str]:
    """The expressions of *parsed*, and of the same page as the laxest servers read it, with a slash at its end or not.

    Servers commonly take these for the same page, and for illegal content the strict reading is the right one.
    """
    yield from url.expressions(parsed)
    bare = url.bare(parsed.path).rstrip("/")
    for path in {bare, bare + "/"} - {parsed.path, "", "/"}:
        yield from url.expressions(msgspec.structs.replace(parsed, path=path))


NOTHING = Sealed(SealedLists(), bytes(KEY_SIZE))
"""No sealed list; what `explain` decides with, so that it answers for a sealed URL as for an unlisted one (G23)."""


def _digest(key: bytes, kind: bytes, text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=DIGEST_SIZE, key=key, person=kind).digest()


def seal(lines: Iterable[bytes], key: bytes) -> tuple[SealedList, int]:
    """Seal a list of hosts ("example.test", "*.example.test") and URLs, one a line.

    Returns the sealed list and how many lines were left out because they name no host. A URL without a path names the
    whole host.
    """
    hosts, with_urls, expressions, skipped = set(), set(), set(), 0
    for line in lines:
        text = _text(line).removeprefix("\ufeff").strip().strip('"')
        if not text or text.startswith("#"):
            continue
        parsed = url.canonical(text.removeprefix("*."))
        if parsed is None:
            skipped += 1
        elif parsed.path == "/" and parsed.query is None:
            hosts.add(_digest(key, _WHOLE_HOST, parsed.host))
        else:
            with_urls.add(_digest(key, _HOST_WITH_URLS, parsed.host))
            expressions.add(_digest(key, _EXPRESSION, next(url.expressions(parsed))))
    return SealedList(frozenset(hosts), frozenset(with_urls), frozenset(expressions)), skipped


def _text(line: bytes) -> str:
    """*line* as text; bytes of an older encoding become escapes, which is how a browser asks for them."""
    try:
        return line.decode()
    except UnicodeDecodeError:
        return re.sub(rb"[\x80-\xff]", lambda m: b"%%%02X" % m[0][0], line).decode("ascii")


def load(path: Path, key_file: Path) -> Sealed:
    """Load the sealed snapshot at *path*; without one there are no sealed lists.

    Raises snapshot.SnapshotError if it is damaged, FileNotFoundError if there is a snapshot and no key.
    """
    try:
        lists = snapshot.read(path, SealedLists).body
    except FileNotFoundError:
        return NOTHING
    return Sealed(lists, read_key(key_file))


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
