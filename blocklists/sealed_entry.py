"""What one entry of a sealed list names: a whole host, a page or folder, or everything that begins like it.

An entry closes what it says and no more. This file reads one text and knows nothing of files, keys or hashes; why a
text names nothing is said by a word of ours, never by the text. A path is closed in capitals and small letters alike.

| entry                                           | closes                                                       |
|-------------------------------------------------|--------------------------------------------------------------|
| `example.test`, `*.example.test`,               | the host and every name under it                             |
| `http://example.test/`, `example.test/*`        |                                                              |
| `example.test/page`                             | that page with any query, and with a slash at its end        |
| `example.test/page?id=7`                        | that page with that query and no other                       |
| `example.test/folder/`, `example.test/folder/*` | everything in that folder, and its own page                  |
| `example.test/pic*`, `example.test/page?id=*`   | every path (with its query) that begins like that            |
| `*.example.test/...`                            | as without `*.`: a URL's entry holds for names under its host |
"""

import enum
import re
from itertools import islice

import msgspec

from blocklists import suffix, url

LONGEST_PREFIX = 512
"""Characters of a beginning that count, so that no URL costs more than 0.3 ms for each way to read it.

A longer beginning is cut, and closes more.
"""

DEEPEST_FOLDER = 64
"""Folders, the root included, by which a URL is looked for; an entry for a deeper one is cut, and closes more."""

_SCHEME = re.compile(r"(?:(?:\*|[a-z][a-z0-9+.-]*):)?//|https?:(?!\d)", re.IGNORECASE)
_END_OF_AUTHORITY = re.compile(r"[/\\?]")


class Kind(enum.Enum):
    """How much an entry covers."""

    HOST = "host"
    PAGE = "page"
    PREFIX = "prefix"


class Entry(msgspec.Struct, frozen=True):
    """*host* is canonical; *path* is "" for the whole host, else from "/" on with its query; a folder's ends in "/"."""

    kind: Kind
    host: str
    path: str = ""


class Problem(enum.StrEnum):
    """What makes a text no entry, in words to stand beside a count."""

    NO_HOST = "no host"
    STAR = "a * inside the name of a host"
    TOP_LEVEL = "no more than a top-level domain"
    SUFFIX = "a public suffix, under which anybody may have a site"
    FRAGMENT = "a part of a front page (#), which no browser asks for"
    COLUMNS = "too few columns"
    TOO_LONG = "longer than any address"
    NUL = "NUL characters: write the file as UTF-8"


def read(text: str) -> Entry | Problem:
    """The entry that *text* is, or why it is none. Blanks, quotes and <> around it do not count."""
    text = text.strip().strip('"<>').strip()
    if len(text) > url.MAX_URL:
        return Problem.TOO_LONG
    scheme = _SCHEME.match(text)
    rest, _, fragment = (text[scheme.end() :].lstrip("/\\") if scheme else text).partition("#")
    starred = rest.endswith("*") and not fragment
    rest = rest.removeprefix("*.").rstrip("*" if starred else "")
    authority = _END_OF_AUTHORITY.split(rest, maxsplit=1)[0]
    if "*" in authority or (starred and rest == authority and rest.endswith(".")):
        return Problem.STAR
    if not scheme and not _looks_like_host(authority):
        return Problem.NO_HOST
    parsed = url.canonical((scheme[0] if scheme and scheme[0][0].isalpha() else "http://") + rest)
    return _entry(parsed, starred=starred, fragment=fragment) if parsed else Problem.NO_HOST


def _looks_like_host(authority: str) -> bool:
    """Whether what stands without a scheme is meant as a host: a word is none, and a mail address names another."""
    return "@" not in authority and not {".", ":", "\u3002"}.isdisjoint(authority)


def _entry(parsed: url.Url, *, starred: bool, fragment: str) -> Entry | Problem:
    queried = bool(parsed.query) or (starred and parsed.query is not None)
    path = f"{parsed.path}?{parsed.query}" if queried else parsed.path
    if path == "/" and fragment:
        return Problem.FRAGMENT
    if path == "/":
        return _whole(parsed.host)
    if starred and not path.endswith("/"):
        return Entry(Kind.PREFIX, parsed.host, path[:LONGEST_PREFIX])
    if path.endswith("/") and not queried:
        *_, path = islice(url.folders(path), DEEPEST_FOLDER)
    return Entry(Kind.PAGE, parsed.host, path)


def _whole(host: str) -> Entry | Problem:
    if suffix.registrable(host):
        return Entry(Kind.HOST, host)
    return Problem.SUFFIX if "." in host else Problem.TOP_LEVEL
