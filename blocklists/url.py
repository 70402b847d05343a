"""URLs in one form, and the expressions under which a list can name them.

The canonical form and the host-suffix x path-prefix expressions follow the Safe Browsing v4 rules ("URLs and
Hashing"), so that an entry closes exactly what it names: a page, a folder or a host. Nothing here raises on any text:
what is no web URL gives None.
"""

import re
from collections.abc import Iterator
from itertools import islice

import msgspec

from blocklists import domain

MAX_URL = 8192
"""Characters looked at; browsers and servers give up at about this length too. Only a query may run on beyond it."""
MAX_UNESCAPES = 16
"""Rounds of percent-decoding after which no honest URL is left to decode (a real one needs two)."""
MAX_PORT = 65535
HOST_SUFFIXES = 5
"""The exact host and up to four shorter ones (Safe Browsing v4)."""
PATH_PREFIXES = 4
"""The root and up to three folders under it (Safe Browsing v4)."""

_SCHEME = re.compile(r"(https?|wss?|ftp):|([a-z][a-z0-9+.-]*)://", re.IGNORECASE | re.ASCII)
_DOTS = re.compile(r"\.+")
_BLANK = "".join(map(chr, range(0x21)))
_END_OF_AUTHORITY = re.compile(r"[/?]")
_ESCAPE = re.compile(rb"%([0-9a-fA-F]{2})")
_AMBIGUOUS = re.compile(r"[\\#\t\r\n]|%(25|2e|2f|5c)|/\.{1,2}(;|/|$)", re.IGNORECASE)
"""What servers read differently from each other: escapes of escapes, of dots and of slashes, dot segments, "\\"."""
_LOWERED_ESCAPE = re.compile(r"%[0-9a-f]{2}")
_DEFAULT_PORTS = {"http": "80", "https": "443", "ws": "80", "wss": "443", "ftp": "21"}
_ORDINARY = re.compile(
    r"(https?)://"
    r"((?:[A-Za-z0-9_-]{1,63}\.)*+[A-Za-z][A-Za-z0-9_-]{0,62})"  # a name that can be no address
    r"(?::([1-9][0-9]{0,3}))?"
    r"((?:/(?!\.)[!\"$&-.0->@-\[\]-~]++)*+/?+)"  # neither escapes nor empty or dotted segments, nor a backslash
    r"(?:\?([!\"$-\[\]-~]*+))?"
)
"""What nine URLs of ten look like: plain ASCII whose path is canonical as it stands (hypothesis: as the long way says).

One match and one struct: 1 us, where the steps below take 10.
"""


class Url(msgspec.Struct, frozen=True, eq=False):
    """A canonical URL: *host* as `domain.canonical` gives it, *path* from "/" on, *query* None without a "?".

    *plain*: the text reads the same to every server, so that what is opened is what is fetched. Decoding as far as it
    goes is right for closing (it finds what is hidden), and wrong for opening (a server may decode less).
    """

    scheme: str
    host: str
    port: str
    path: str
    query: str | None
    plain: bool = True

    def __eq__(self, other: object) -> bool:
        """Two are equal when their canonical forms are, whether they were written plainly or not."""
        return isinstance(other, Url) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = f":{self.port}" if self.port else ""
        return f"{self.scheme}://{host}{port}{self.path_and_query}"

    @property
    def path_and_query(self) -> str:
        """The path, with "?" and the query where there is one: what lists name a page by."""
        return self.path if self.query is None else f"{self.path}?{self.query}"


def canonical(text: str) -> Url | None:
    """The canonical form of *text*, or None if it names no host. A missing scheme is read as http."""
    try:
        return _canonical(text)
    except ValueError:
        return None


def _canonical(text: str) -> Url:
    return _ordinary(text) or _any(text)


def _ordinary(text: str) -> Url | None:
    """The canonical form of a *text* that needs next to nothing done to it; None for every other."""
    match = _ORDINARY.fullmatch(text)
    if match is None or len(text) > MAX_URL or len(match[2]) > domain.MAX_NAME:
        return None
    scheme, host, port, path, query = match.groups()
    return Url(
        scheme,
        host.lower(),
        "" if port is None or port == _DEFAULT_PORTS[scheme] else port,
        path or "/",
        _escape(_unescape(query)) if query and "%" in query else query,
    )


def _any(text: str) -> Url:
    looked_at = text[:MAX_URL]
    if len(text) > MAX_URL and not {"?", "#"} & set(looked_at):
        raise ValueError("the host or the path runs on beyond what is looked at")
    text = re.sub(r"[\t\r\n]", "", looked_at).strip(_BLANK).replace("\\", "/").partition("#")[0]
    match = _SCHEME.match(text)
    scheme = (match[1] or match[2]).lower() if match else "http"
    authority, slash, tail = _split_authority((text[match.end() :] if match else text).lstrip("/"))
    path, question, query = (slash + tail).partition("?")
    host, port = _host_and_port(authority)
    return Url(
        scheme=scheme,
        host=_host(host),
        port="" if port == _DEFAULT_PORTS.get(scheme) else port,
        path=_path(path),
        query=_escape(_unescape(query)) if question else None,
        plain=_AMBIGUOUS.search(looked_at.partition("?")[0]) is None,
    )


def _split_authority(rest: str) -> tuple[str, str, str]:
    end = _END_OF_AUTHORITY.search(rest)
    if end is None:
        return rest, "/", ""
    return rest[: end.start()], "/" if end[0] == "/" else "/?", rest[end.end() :]


def _host_and_port(authority: str) -> tuple[str, str]:
    host = authority.rpartition("@")[2]
    inside, bracket, rest = host.partition("]") if host.startswith("[") else ("", "", host)
    name, port = rest.rsplit(":", 1) if ":" in rest else (rest, "")
    if host.startswith("[") and (name or not bracket):
        raise ValueError("the brackets hold more or less than an address")
    return inside + bracket + name, _port(port)


def _port(text: str) -> str:
    port = text.lstrip("0") or text[:1]
    if port and not (len(port) <= 5 and port.isascii() and port.isdigit() and int(port) <= MAX_PORT):
        raise ValueError("this is no port")
    return port


def _host(text: str) -> str:
    dotted = _DOTS.sub(".", _readable(text)).strip(".")
    name = domain.canonical(dotted)
    if name is None or dotted != dotted.strip() or (":" in dotted) is not dotted.startswith("["):
        raise ValueError("this is no host")
    return name


def _readable(text: str) -> str:
    """The ASCII form of the host *text*; what full-width signs escape is decoded too, as browsers do it."""
    mapped = domain.to_ascii(_unescape(text).decode())
    if mapped is None:
        raise ValueError("no browser makes a name of this")
    return mapped if mapped == text or "%" not in mapped else _readable(mapped)


def _unescape(text: str) -> bytes:
    raw = text.encode("utf-8", "surrogatepass")
    for _ in range(MAX_UNESCAPES):
        decoded = _decoded(raw)
        if decoded == raw:
            return raw.replace(b"\\", b"/")
        raw = decoded
    raise ValueError("escaped more often than any honest URL")


def _decoded(raw: bytes) -> bytes:
    return _ESCAPE.sub(lambda m: bytes([int(m[1], 16)]), raw)


def _escape(raw: bytes, special: bytes = b"#%") -> str:
    return "".join(chr(b) if 0x20 < b < 0x7F and b not in special else f"%{b:02X}" for b in raw)


def _path(path: str) -> str:
    kept: list[bytes] = []
    parts = _unescape(path).split(b"/")
    for part in parts:
        if part == b"..":
            del kept[-1:]
        elif part not in (b"", b"."):
            kept.append(part)
    folder = kept and parts[-1] in (b"", b".", b"..")
    return _escape(b"/" + b"/".join(kept) + (b"/" if folder else b""), b"#%?")


def climbs(path: str) -> bool:
    """Whether *path*, decoded as often as any server may do it, has a segment that leads up: "..", or one read so.

    Browsers resolve such segments themselves, so what still has one was written to be read in two ways.
    """
    raw = path.encode("utf-8", "surrogatepass")
    for _ in range(MAX_UNESCAPES):
        if any(part.partition(b";")[0].strip(b" \t\0") == b".." for part in re.split(rb"[/\\]", raw)):
            return True
        decoded = _decoded(raw)
        if decoded == raw:
            return False
        raw = decoded
    return True


def bare(path: str) -> str:
    """The canonical *path* as the laxest servers read it.

    Some leave off a segment's ;parameters, some the dots and blanks at its end, some what follows a NUL; and then they
    resolve what is left, so that "/.;x/page" and "/%20/page" are "/page".
    """
    if ";" not in path and "%" not in path and "./" not in path and path[-1:] != ".":
        return path  # nine of ten
    kept: list[str] = []
    parts = [_bare(part) for part in path.split("/")]
    for part in parts:
        if part == "..":
            del kept[-1:]
        elif part:
            kept.append(part)
    return f"/{'/'.join(kept)}{'/' if kept and parts[-1] in ('', '..') else ''}"


def _bare(segment: str) -> str:
    """*segment* without what servers leave off; a blank stands for its escape, as no canonical path has one."""
    kept = segment.partition(";")[0].partition("%00")[0].replace("%20", " ")
    return ".." if kept.strip() == ".." else kept.rstrip(". ").replace(" ", "%20")


def lower(path: str) -> str:
    """The canonical *path* in lower case, its escapes as they are, for servers that take both cases for one."""
    lowered = path.lower()
    return _LOWERED_ESCAPE.sub(lambda m: m[0].upper(), lowered) if "%" in lowered else lowered


def expressions(url: Url) -> Iterator[str]:
    """The expressions that a list may name *url* by, the most exact first: at most 5 hosts x 6 paths, as text.

    A host alone is written "host/". A port other than the scheme's own is not part of an expression, as in Safe
    Browsing: a list names the page, whatever door it is served through.
    """
    paths = list(path_prefixes(url))
    for host in host_suffixes(url.host):
        for path in paths:
            yield host + path


def host_suffixes(host: str) -> list[str]:
    """The exact host, then up to four suffixes of its last five labels, never a bare top-level domain."""
    if domain.as_address(host):
        return [host]
    labels = host.split(".")
    starts = range(max(len(labels) - HOST_SUFFIXES, 1), len(labels) - 1)
    return [host, *(".".join(labels[start:]) for start in starts)]


def path_prefixes(url: Url) -> list[str]:
    """The exact path with its query, the path without it, then the root and up to three folders."""
    exact = [url.path] if url.query is None else [f"{url.path}?{url.query}", url.path]
    return list(dict.fromkeys((*exact, *islice(folders(url.path), PATH_PREFIXES))))


def folders(path: str) -> Iterator[str]:
    """The root and each folder on the way to *path*, however many; one that ends in a slash is a folder itself."""
    end = path.find("/")
    while end >= 0:
        yield path[: end + 1]
        end = path.find("/", end + 1)
