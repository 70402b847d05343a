"""Every list format: one small file each, and one line in `READERS`.

A reader turns the text of one line into rules, or into the reason for which it is left out (`kind.Reader`).
"""

from collections.abc import Callable, Iterable

from blocklists.formats import adblock, dnsmasq, hosts, mixed, plain, rpz, unbound, urls, wildcard
from blocklists.formats.kind import MAX_LINE, Ahead, Format, Reader, Unread

__all__ = ["LOOSE", "MAX_LINE", "READERS", "UNSEEN", "Ahead", "Format", "Reader", "Unread", "look_ahead"]

READERS: dict[Format, Callable[[Ahead], Reader]] = {
    Format.AUTO: mixed.reader,
    Format.PLAIN: plain.reader,
    Format.HOSTS: hosts.reader,
    Format.WILDCARD: wildcard.reader,
    Format.ADBLOCK: adblock.reader,
    Format.DNSMASQ: dnsmasq.reader,
    Format.RPZ: rpz.reader,
    Format.UNBOUND: unbound.reader,
    Format.UT1: wildcard.reader,  # its `domains`; the other files of the folder have readers of their own in `ut1`
    Format.URLS: urls.reader,
}
"""Where a new format goes. AUTO reads lists that are loosely put together."""

LOOSE = frozenset({Format.PLAIN, Format.HOSTS, Format.WILDCARD, Format.URLS})
"""Formats that are mixed with each other in lists that people put together: when recognised, each line is looked at."""

_LOOKING = {Format.ADBLOCK: adblock.look_ahead, Format.RPZ: rpz.look_ahead}
"""Formats in which a line may change what one above it means."""

UNSEEN = Ahead(excepts_wildcards=True)
"""For a stream, of which nothing is known ahead: every block then says that it means its own name too."""


def look_ahead(fmt: Format, blocks: Callable[[], Iterable[bytes]]) -> Ahead:
    """What a pass over *blocks* finds that a reader of *fmt* must know; no pass is made for a format without such."""
    return _LOOKING[fmt](blocks()) if fmt in _LOOKING else Ahead()
