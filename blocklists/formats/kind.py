"""The names of the list formats, and what a reader says of a line that it cannot use."""

import enum

import msgspec

MAX_LINE = 4096
"""Bytes of a line; the longest honest one (a hosts line with many names) is far shorter, so a longer one is skipped."""


class Format(enum.StrEnum):
    """A list format; AUTO is recognised from what the list says."""

    AUTO = "auto"
    PLAIN = "plain"
    HOSTS = "hosts"


class Unread(msgspec.Struct, frozen=True):
    """The *reason* for which a line, or a part of it, was left out: in our own words, never the line's."""

    reason: str
