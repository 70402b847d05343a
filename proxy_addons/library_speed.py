"""What mitmproxy does for every message and a worker can do without.

It checks each field of each message against its annotation as long as Python runs with assertions, looks for a header
through five functions, asks of each host anew whether it is one, reads each URL of a request line to the end only to
see that it can be read, and has the kernel draw the names of flows and connections, which are keys of dictionaries here
and nothing else. Together that took a fifth of a small page's time. What a lookup gives stays the same.
"""

import contextlib
import itertools
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from mitmproxy import connection, flow, http
from mitmproxy.net.check import is_valid_host
from mitmproxy.net.http import url

from proxy_addons.instead import instead

_LONGEST_KEPT = 255
"""Bytes of a host that is remembered: with longer ones a client could fill the memory."""


_BY_NAME = "schoolgate_by_name"


def _values(headers: http.Headers, name: str | bytes) -> list[bytes]:
    """The values of *name*, by a table that is made when the fields have changed."""
    fields: object
    table: dict[bytes, list[bytes]]
    fields, table = vars(headers).get(_BY_NAME, (None, {}))
    if fields is not headers.fields:
        table = {}
        for key, value in headers.fields:
            table.setdefault(key.lower(), []).append(value)
        vars(headers)[_BY_NAME] = headers.fields, table
    wanted = (name.encode("utf-8", "surrogateescape") if isinstance(name, str) else name).lower()
    return table.get(wanted, [])


def _all(self: http.Headers, name: str | bytes) -> list[str]:
    return [value.decode("utf-8", "surrogateescape") for value in _values(self, name)]


def _item(self: http.Headers, name: str | bytes) -> str:
    if found := _values(self, name):
        return b", ".join(found).decode("utf-8", "surrogateescape")
    raise KeyError(name)


def _get(self: http.Headers, name: str | bytes, default: Any = None) -> Any:
    found = _values(self, name)
    return b", ".join(found).decode("utf-8", "surrogateescape") if found else default


def _contains(self: http.Headers, name: object) -> bool:
    return isinstance(name, str | bytes) and bool(_values(self, name))


def _unchecked(self: http.MessageData) -> None:  # noqa: ARG001 - takes the place of a method
    return None


_known_host = lru_cache(maxsize=8192, typed=True)(is_valid_host)


def _is_valid_host(host: str | bytes) -> bool:
    return _known_host(host) if len(host) <= _LONGEST_KEPT else is_valid_host(host)  # type: ignore[type-var]


_known_authority = lru_cache(maxsize=8192, typed=True)(url.parse_authority)


def _parse_authority(authority: str | bytes, check: bool) -> tuple[str, int | None]:
    kept = len(authority) <= _LONGEST_KEPT
    return _known_authority(authority, check) if kept else _read_authority(authority, check)  # type: ignore[type-var]


_read_authority, _read_url = url.parse_authority, url.parse
_PLAIN_URL = re.compile(
    rb"(https?)://([a-z0-9-]+(?:\.[a-z0-9-]+)+)(?::([1-9][0-9]{0,3}))?(/(?:[\w!$%&'()*+,.:=@~?-][\w!$%&'()*+,./:=@~?-]*[\w/])?)"
)
"""A URL that is its own parts: nothing in it is left out or written otherwise by who reads it with care."""
_PORTS = {b"http": 80, b"https": 443}


def _parse(text: str | bytes) -> tuple[bytes, bytes, int, bytes]:
    found = _PLAIN_URL.fullmatch(text) if isinstance(text, bytes) else None
    if found is None or not _is_valid_host(found[2]):
        return _read_url(text)
    return found[1], found[2], int(found[3] or _PORTS[found[1]]), found[4]


class _Names:
    """In place of the module uuid: each name is another, in this process."""

    _counted = itertools.count(1)

    @classmethod
    def uuid4(cls) -> int:
        return next(cls._counted)


@contextlib.contextmanager
def gained() -> Iterator[None]:
    """Do without them for as long as the context lasts."""
    with instead(
        (http.Headers, "get_all", _all),
        (http.Headers, "__getitem__", _item),
        (http.Headers, "get", _get),
        (http.Headers, "__contains__", _contains),
        (http.MessageData, "__post_init__", _unchecked),
        (url, "is_valid_host", _is_valid_host),
        (url, "parse_authority", _parse_authority),
        (url, "parse", _parse),
        (connection, "uuid", _Names),
        (flow, "uuid", _Names),
    ):
        yield
