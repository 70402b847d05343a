"""The record of what two people did with sealed lists: asked whether a URL is on one, or took one away.

A line of JSON for each, in a file that only grows, for root alone. It stands beside the marker: state/ is replaced and
read by every process, spool/ holds journals and nothing else. A URL is never in it, only its keyed hash (G6).
"""

import datetime
import json
import os

import msgspec

from blocklists import snapshot
from blocklists.live import Files
from deploy.toml_file import RefusedError

LONGEST_NAME = 100
"""Characters of a person's name."""


class Two(msgspec.Struct, frozen=True):
    """Two people who answer for it: who does it, and who stands beside."""

    by: str
    other: str


def two(by: str, other: str) -> Two:
    """The two people; RefusedError if they are one, or if a name is none."""
    names = [" ".join(name.split()) for name in (by, other)]
    for option, name in zip(("--by", "--with"), names, strict=True):
        if not name or not name.isprintable() or len(name) > LONGEST_NAME:
            raise RefusedError([f"{option}: write a name of letters, {LONGEST_NAME} characters at most"])
    if names[0].casefold() == names[1].casefold():
        raise RefusedError(["--by and --with must be two different people"])
    return Two(*names)


def append(files: Files, people: Two, **what: str | int) -> None:
    """Add a line, and return once it is on the disk; OSError if that cannot be, and then nothing may be done."""
    at = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
    line = json.dumps({"v": 1, "at": at, "by": people.by, "with": people.other, **what}) + "\n"
    path = files.sealed_record
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+b", buffering=0) as file:
        os.fchmod(descriptor, 0o600)
        file.write(b"\n" * _is_torn(descriptor) + line.encode())
        os.fsync(descriptor)
    snapshot.sync_folder(path.parent)


def _is_torn(descriptor: int) -> bool:
    """Whether a power cut left the last line without its end."""
    size = os.fstat(descriptor).st_size
    return size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
