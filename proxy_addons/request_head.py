"""A request's head, as far as the front door must read one: whether it asks for a tunnel and where to, and its host.

This file opens nothing. What is not written plainly is not read: it goes to a worker as it came, which has a page for
it. Whatever a client writes under a name of ours (G20) is taken out here.
"""

import re

MAX_HEAD = 65_536
"""Bytes of a head at most, as for a worker (`heads.REQUEST`)."""

_END = re.compile(rb"\n\r?\n")
_OURS = re.compile(rb"(?im)^schoolgate-[^\n]*(?:\n[ \t][^\n]*)*(?:\n|\Z)")
"""A line of ours, with the lines that continue it (RFC 9112, 5.2)."""
_CONNECT = re.compile(rb"CONNECT +([^ \t\r\n]+):([0-9]{1,5}) +HTTP/1\.[01]\r?\n")
_HOST = re.compile(rb"(?im)^host:[ \t]*([^\r\n]*?)[ \t]*\r?$")
_REQUEST = re.compile(rb"[A-Z]{3,20} ")
_LONGEST_METHOD = 21
_LAST_PORT = 65_535


def end_of(data: bytes | bytearray) -> int:
    """Where the head that *data* opens with ends, its blank line included; 0 while it has not come."""
    found = _END.search(data)
    return found.end() if found else 0


def is_connect(head: bytes) -> bool:
    """Whether *head* asks for a tunnel."""
    return head.startswith(b"CONNECT ")


def tunnel_of(head: bytes) -> tuple[str, int] | None:
    """(authority without its port, port) that a CONNECT asks for, or None if it is not plainly written."""
    found = _CONNECT.match(head)
    if found is None or not 0 < int(found[2]) <= _LAST_PORT:
        return None
    return found[1].decode("latin-1"), int(found[2])


def host_line(head: bytes) -> str | None:
    """What the one Host line of *head* says; None if there is none, or more than one."""
    found = _HOST.findall(head, head.find(b"\n") + 1)
    return found[0].decode("latin-1") if len(found) == 1 else None


def can_be_request(data: bytes | bytearray) -> bool | None:
    """Whether *data* opens like a request; None while that cannot be said."""
    if _REQUEST.match(data):
        return True
    short = len(data) < _LONGEST_METHOD and (not data or (data.isalpha() and data.isupper()))
    return None if short else False


def signed(head: bytes, line: bytes) -> bytes:
    """*head* with our *line* after its first, and with no other line of ours."""
    head = head.lstrip(b"\r\n")
    first = head.find(b"\n") + 1
    return head[:first] + line + _OURS.sub(b"", head[first:])


def connect(authority: str, line: bytes) -> bytes:
    """The head of a request for a tunnel to *authority*, with our *line* in it."""
    return b"CONNECT %b HTTP/1.1\r\n%bHost: %b\r\n\r\n" % (authority.encode(), line, authority.encode())
