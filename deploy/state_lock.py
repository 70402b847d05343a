"""One command at a time changes the state: whoever comes second waits, and says so when it takes a while.

A command reads what is in force, adds to it and writes the whole; two at once would lose what one of them added.
Running processes only read, and never meet this lock; its file is the owner's alone, so that none of them can hold it.
"""

import contextlib
import fcntl
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from blocklists import snapshot
from blocklists.live import Files

NAME = "lock"
SAY_AFTER = 1.0
"""Seconds of waiting after which a person wonders whether anything still happens (Nielsen, Usability Engineering)."""


@contextlib.contextmanager
def held(files: Files) -> Iterator[None]:
    """Hold the lock of the state for the block; waits for as long as another command has it."""
    if not files.state.exists():  # lost: what is put in force now makes it anew
        files.state.mkdir(parents=True, exist_ok=True)
        snapshot.share(files.state, 0o755)
    path = files.state / NAME
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _wait(path, descriptor)
        yield  # the file stays: taking it away would let a third command lock another one of the same name
    finally:
        os.close(descriptor)


def _wait(path: Path, descriptor: int) -> None:
    saying = threading.Timer(SAY_AFTER, _say, (path,))
    saying.daemon = True
    saying.start()
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    finally:
        saying.cancel()


def _say(path: Path) -> None:
    print(f"Another command is changing the state ({path}); waiting for it to end ...", file=sys.stderr, flush=True)
