"""A file that only grows, a line of JSON for each thing that people did and answer for."""

import datetime
import json
import os
from pathlib import Path

from blocklists import snapshot
from deploy.toml_file import RefusedError

LONGEST_NAME = 100
"""Characters of a person's name."""


def name_of(option: str, text: str) -> str:
    """The person's name in *text*, which came with *option*; RefusedError if it is none."""
    name = " ".join(text.split())
    if not name or not name.isprintable() or len(name) > LONGEST_NAME:
        raise RefusedError([f"{option}: write a name of letters, {LONGEST_NAME} characters at most"])
    return name


def append(path: Path, what: dict[str, str | int], *, mode: int = 0o600) -> None:
    """Add a line of *what* and when; return once it is on the disk, OSError if that cannot be: then do nothing."""
    at = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
    line = json.dumps({"v": 1, "at": at, **what}) + "\n"
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "r+b", buffering=0) as file:
        os.fchmod(descriptor, mode)
        file.write(b"\n" * _is_torn(descriptor) + line.encode())
        os.fsync(descriptor)
    snapshot.sync_folder(path.parent)


def _is_torn(descriptor: int) -> bool:
    """Whether a power cut left the last line without its end."""
    size = os.fstat(descriptor).st_size
    return size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
