"""The words that every list format is described in: its name, how its lines are read, and why one is left out."""

import enum
from collections.abc import Callable, Iterator

import msgspec

from blocklists.formats.glance import Shape
from blocklists.rule import Rule

MAX_LINE = 4096
"""Bytes of a line; the longest honest one (a hosts line with many names) is far shorter, so a longer one is skipped."""


class Format(enum.StrEnum):
    """A list format; AUTO is recognised from what the list says."""

    AUTO = "auto"
    PLAIN = "plain"
    HOSTS = "hosts"
    WILDCARD = "wildcard"
    ADBLOCK = "adblock"
    DNSMASQ = "dnsmasq"
    RPZ = "rpz"
    UNBOUND = "unbound"
    UT1 = "ut1"
    URLS = "urls"


class Unread(msgspec.Struct, frozen=True):
    """The *reason* for which a line, or a part of it, was left out: in our own words, never the line's."""

    reason: str


class Ahead(msgspec.Struct, frozen=True):
    """What a first pass over the whole list found that changes how its other lines are read.

    *cancelled*: Adblock rules that a $badfilter takes back. *excepts_wildcards*: an RPZ zone lets pass what is under
    some name, so that a block of that name must say that it means the name itself too.
    """

    cancelled: frozenset[str] = frozenset()
    excepts_wildcards: bool = False


class Reader(msgspec.Struct, frozen=True):
    """How the lines of one list are read.

    *said* takes a line's text and gives what it says without its comment, "" for one that says nothing: a comment, a
    header, a blank line. *rules* turns that into rules, or into the reason for which it is left out; nothing at all
    for a line that is understood and adds no rule.

    Lines of *shapes* say what *rules* would make of them, one listed name each, and are read by the block (`glance`);
    *cancelled* names are left out of them.
    """

    said: Callable[[str], str]
    rules: Callable[[str], Iterator[Rule | Unread]]
    shapes: tuple[Shape, ...] = ()
    cancelled: frozenset[str] = frozenset()
