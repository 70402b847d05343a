"""What the closed address reads of a request: who is meant, and how to answer. Nothing else is looked at.

This file knows no socket. The path, the query, cookies, credentials and the body are never taken out of the bytes that
came (SAFEGUARDS.md, G17), so nothing can keep them.
"""

import re

import msgspec

_REQUEST_LINE = re.compile(rb"([A-Z]{1,20}) (\S+) HTTP/1\.[01]")
"""The method and the target (RFC 9112, 3)."""
_ABSOLUTE = re.compile(rb"(?i:https?)://([^/?#]*)")
"""A target that names its host itself, as a client sends it that takes us for a proxy; it outranks Host (3.2.2)."""


class Asked(msgspec.Struct, frozen=True):
    """The request: *authority* as it was sent ("host" or "host:port")."""

    method: str
    authority: str
    accept: str = ""
    destination: str = ""
    language: str = ""


def read(head: bytes) -> Asked | None:
    """What the bytes before the empty line say, or None if no honest client sends them."""
    first, *lines = head.split(b"\r\n")
    found = _REQUEST_LINE.fullmatch(first)
    if found is None or any(line[:1] in {b" ", b"\t"} for line in lines):
        return None
    hosts = _values(lines, b"host")
    if len(hosts) != 1:
        return None
    absolute = _ABSOLUTE.match(found[2])
    return Asked(
        method=found[1].decode(),
        authority=absolute[1].decode("latin-1") if absolute else hosts[0],
        accept=_first(lines, b"accept"),
        destination=_first(lines, b"sec-fetch-dest"),
        language=_first(lines, b"accept-language"),
    )


def _first(lines: list[bytes], name: bytes) -> str:
    return next(iter(_values(lines, name)), "")


def _values(lines: list[bytes], name: bytes) -> list[str]:
    """The values of the header *name*, each without the blanks around it."""
    split = (line.partition(b":") for line in lines)
    return [value.strip(b" \t").decode("latin-1") for field, _, value in split if field.lower() == name]
