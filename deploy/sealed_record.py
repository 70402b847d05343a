"""The record of what two people did with sealed lists: asked whether a URL is on one, or took one away.

A line of JSON for each, in a file that only grows, for root alone. It stands beside the marker: state/ is replaced and
read by every process, spool/ holds journals and nothing else. A URL is never in it, only its keyed hash (G6).
"""

import msgspec

from blocklists.live import Files
from deploy import record_file
from deploy.toml_file import RefusedError


class Two(msgspec.Struct, frozen=True):
    """Two people who answer for it: who does it, and who stands beside."""

    by: str
    other: str


def two(by: str, other: str) -> Two:
    """The two people; RefusedError if they are one, or if a name is none."""
    names = [record_file.name_of(option, name) for option, name in (("--by", by), ("--with", other))]
    if names[0].casefold() == names[1].casefold():
        raise RefusedError(["--by and --with must be two different people"])
    return Two(*names)


def append(files: Files, people: Two, **what: str | int) -> None:
    """Add a line, and return once it is on the disk; OSError if that cannot be, and then nothing may be done."""
    record_file.append(files.sealed_record, {"by": people.by, "with": people.other, **what})
