"""Every list format: one small file each, and one line in `READERS`.

A reader turns the text of one line into rules, or into the reason for which it is left out (`kind.Reader`).
"""

from collections.abc import Callable

from blocklists.formats import hosts, mixed, plain, urls, wildcard
from blocklists.formats.kind import MAX_LINE, Ahead, Format, Reader, Unread

__all__ = ["LOOSE", "MAX_LINE", "READERS", "Ahead", "Format", "Reader", "Unread"]

READERS: dict[Format, Callable[[Ahead], Reader]] = {
    Format.AUTO: mixed.reader,
    Format.PLAIN: plain.reader,
    Format.HOSTS: hosts.reader,
    Format.WILDCARD: wildcard.reader,
    Format.URLS: urls.reader,
}
"""Where a new format goes. AUTO reads lists that are loosely put together."""

LOOSE = frozenset({Format.PLAIN, Format.HOSTS, Format.WILDCARD, Format.URLS})
"""Formats that are mixed with each other in lists that people put together: when recognised, each line is looked at."""
