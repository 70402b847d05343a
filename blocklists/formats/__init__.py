"""Every list format: one small file each, and one line in `READERS`.

A reader turns the text of one line into rules, or into the reason for which it is left out.
"""

from collections.abc import Callable, Iterator

from blocklists.formats import hosts, plain
from blocklists.formats.kind import MAX_LINE, Format, Unread
from blocklists.rule import Rule

__all__ = ["MAX_LINE", "READERS", "Format", "Unread"]

type Reader = Callable[[str], Iterator[Rule | Unread]]

READERS: dict[Format, Reader] = {
    Format.PLAIN: plain.rules,
    Format.HOSTS: hosts.rules,
}
"""Where a new format goes."""
