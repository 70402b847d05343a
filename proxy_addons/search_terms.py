"""What somebody searches for, read from a request: its URL, or the body of a POST.

Which page of which engine has the words where is `blocklists.search`'s. This file decides nothing, and no text makes it
raise: what cannot be read holds no words.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from blocklists.search import IN_BODY, Engine, Looking, Place, Where

LONGEST = 1_000
"""Characters of a search that are read; engines cut theirs much earlier."""
MOST_PAIRS = 200
"""Pairs of a query or a form that are looked at: no page of an engine has so many."""

_ESCAPE = re.compile(rb"%([0-9a-fA-F]{2})")
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029]+")
_FILE = re.compile(r"\.[a-z0-9]{2,5}$", re.IGNORECASE)


class Search(msgspec.Struct, frozen=True):
    """A search: *terms* are its words as they were typed, blanks folded; "" where a page that searches got none."""

    engine: Engine
    looking: Looking
    terms: str

    @property
    def suggestion(self) -> bool:
        """Whether it was asked for while somebody still typed."""
        return self.looking is Looking.SUGGESTION


def of_url(engine: Engine, path: str, raw: bytes) -> Search | None:
    """The search that *engine* is asked for at the canonical *path*; *raw* is the path and query as they were sent."""
    query = raw.partition(b"?")[2]
    pairs = tuple(pairs_of(query))
    place = engine.place(path, dict(pairs))
    if place is None:
        return None
    return Search(engine, place.looking, _folded(_in_url(place, path, pairs)))


def place_of_body(engine: Engine, path: str) -> Place | None:
    """The page at the canonical *path* whose words stand in the body of a POST, or None."""
    place = engine.place(path, {})
    return place if place and not IN_BODY.isdisjoint(place.where) else None


def of_body(engine: Engine, place: Place, body: bytes) -> Search:
    """The search that the unpacked *body* of a POST to *place* asks for."""
    texts: list[str] = []
    if Where.FORM in place.where:
        texts += _values(pairs_of(body), place.keys)
    if Where.JSON in place.where:
        told = _decoded_json(body)
        texts += (text for key in place.keys for text in _at(told, key.split(".")))
    return Search(engine, place.looking, _folded(texts))


def pairs_of(encoded: bytes) -> Iterator[tuple[str, str]]:
    """(key, value) of each pair of a query or a form, decoded once, in their order."""
    for pair in encoded.split(b"&", MOST_PAIRS)[:MOST_PAIRS]:
        key, _, value = pair.partition(b"=")
        yield unescaped(key), unescaped(value[: 12 * LONGEST])


def unescaped(text: bytes) -> str:
    """*text* of a query decoded: UTF-8, or Latin-1 where it is none."""
    raw = _ESCAPE.sub(lambda found: bytes([int(found[1], 16)]), text.replace(b"+", b" "))
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _in_url(place: Place, path: str, pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    given = tuple(pairs)
    if Where.QUERY in place.where:
        yield from _values(given, place.keys)
    if Where.QUERY_JSON in place.where:
        for whole in place.keys:
            key, *rest = whole.split(".")
            for text in _values(given, (key,)):
                yield from _at(_decoded_json(text.encode("utf-8", "replace")), rest)
    if Where.PATH in place.where:
        segment = path[len(place.path) + 1 :].partition("/")[0]
        if segment and not _FILE.search(segment):
            yield unescaped(segment.encode("ascii", "replace"))


def _values(pairs: Iterable[tuple[str, str]], keys: tuple[str, ...]) -> Iterator[str]:
    """The values of *keys*: all of them, as an engine may take the first of several or the last."""
    return (value for key, value in pairs if key.lower() in keys)


def _decoded_json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


def _at(told: Any, steps: list[str]) -> Iterator[str]:
    for step in steps:
        told = told.get(step) if isinstance(told, dict) else None
    if isinstance(told, str):
        yield told


def _folded(texts: Iterable[str]) -> str:
    """The different *texts* as one line."""
    kept = dict.fromkeys(_UNPRINTABLE.sub(" ", text[:LONGEST]).strip() for text in texts)
    return " ".join(text for text in kept if text)[:LONGEST]
