"""URLs in one form, and the expressions under which a list can name them.

The canonical form and the host-suffix x path-prefix expressions follow the Safe Browsing v4 rules ("URLs and
Hashing"), so that an entry closes exactly what it names: a page, a folder or a host. Nothing here raises on any text:
what is no web URL gives None.
"""

import re
from collections.abc import Iterator

import msgspec

from blocklists import domain

MAX_URL = 8192
"""Characters looked at; browsers and servers give up at about this length too, and decoding stays linear."""
MAX_UNESCAPES = 16
"""Rounds of percent-decoding before a URL is taken as it stands: each round shortens it, a real one needs two."""
HOST_SUFFIXES = 5
"""The exact host and up to four shorter ones (Safe Browsing v4)."""
PATH_PREFIXES = 4
"""The root and up to three folders under it (Safe Browsing v4)."""

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_ESCAPE = re.compile(rb"%([0-9a-fA-F]{2})")
_DEFAULT_PORTS = {"http": "80", "https": "443", "ws": "80", "wss": "443", "ftp": "21"}


class Url(msgspec.Struct, frozen=True):
    """A canonical URL: *host* as `domain.canonical` gives it, *path* from "/" on, *query* None without a "?"."""

    scheme: str
    host: str
    port: str
    path: str
    query: str | None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = f":{self.port}" if self.port else ""
        return f"{self.scheme}://{host}{port}{self.path}" + ("" if self.query is None else f"?{self.query}")


def canonical(text: str) -> Url | None:
    """The canonical form of *text*, or None if it names no host. A missing scheme is read as http."""
    text = re.sub(r"[\t\r\n]", "", text[:MAX_URL]).strip("\0 \x0b\x0c").replace("\\", "/").partition("#")[0]
    match = _SCHEME.match(text)
    scheme, rest = (match[1].lower(), text[match.end() :]) if match else ("http", text.removeprefix("//"))
    authority, slash, tail = _split_authority(rest.lstrip("/"))
    path, question, query = (slash + tail).partition("?")
    host, port = _host_and_port(authority)
    name = _host(host)
    if name is None:
        return None
    return Url(
        scheme=scheme,
        host=name,
        port="" if port == _DEFAULT_PORTS.get(scheme) else port,
        path=_path(path),
        query=_escape(_unescape(query)) if question else None,
    )


def _split_authority(rest: str) -> tuple[str, str, str]:
    for position, character in enumerate(rest):
        if character in "/?":
            return rest[:position], "/" if character == "/" else "/?", rest[position + 1 :]
    return rest, "/", ""


def _host_and_port(authority: str) -> tuple[str, str]:
    host = authority.rpartition("@")[2]
    if host.startswith("["):
        inside, _, port = host.partition("]")
        return inside + "]", port.removeprefix(":")
    name, _, port = host.partition(":")
    return name, port.lstrip("0") if port.isdigit() else ""


def _host(text: str) -> str | None:
    try:
        text = _unescape(text).decode()
    except UnicodeDecodeError:
        return None
    return _number_address(text) or domain.canonical(re.sub(r"\.{2,}", ".", text.strip(".")))


def _number_address(text: str) -> str | None:
    """An IPv4 address in any notation that a browser takes (octal, hexadecimal, fewer than four parts)."""
    parts = text.removesuffix(".").split(".")
    if len(parts) > 4 or not all(parts):
        return None
    try:
        numbers = [_number(part) for part in parts]
    except ValueError:
        return None
    *head, last = numbers
    if any(n > 0xFF for n in head) or last >= 1 << 8 * (5 - len(parts)):
        return None
    value = last + sum(n << 8 * (3 - place) for place, n in enumerate(head))
    return ".".join(str(value >> shift & 0xFF) for shift in (24, 16, 8, 0))


def _number(part: str) -> int:
    if len(part) > 16 or not part.isascii() or not part.isalnum():
        raise ValueError(part)
    if part.lower().startswith("0x"):
        return int(part[2:] or "0", 16)
    return int(part, 8 if part.startswith("0") and len(part) > 1 else 10)


def _unescape(text: str) -> bytes:
    raw = text.encode("utf-8", "surrogatepass")
    for _ in range(MAX_UNESCAPES):
        decoded = _ESCAPE.sub(lambda m: bytes([int(m[1], 16)]), raw)
        if decoded == raw:
            break
        raw = decoded
    return raw


def _escape(raw: bytes) -> str:
    return "".join(chr(b) if 0x20 < b < 0x7F and b not in b"#%" else f"%{b:02X}" for b in raw)


def _path(path: str) -> str:
    kept: list[bytes] = []
    parts = _unescape(path).split(b"/")
    for part in parts:
        if part == b"..":
            del kept[-1:]
        elif part not in (b"", b"."):
            kept.append(part)
    folder = kept and parts[-1] in (b"", b".", b"..")
    return _escape(b"/" + b"/".join(kept) + (b"/" if folder else b""))


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
    folders = ["/"]
    for part in url.path.split("/")[1:-1][: PATH_PREFIXES - 1]:
        folders.append(folders[-1] + part + "/")
    return list(dict.fromkeys(exact + folders))
