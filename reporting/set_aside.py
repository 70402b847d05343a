"""Pieces of journals that could not be taken in, each in a file of its own: for whoever may mend one by hand.

What a process wrote is never thrown away in silence; but who writes rubbish on purpose fills no disk with it.
"""

import contextlib
import logging
import os
from collections.abc import Iterable
from pathlib import Path

from reporting.frames import Frame, Tampered
from reporting.logline import reason
from reporting.payload import Damaged

log = logging.getLogger("schoolgate.ingest")

MOST = 67_108_864
"""Bytes of all files: more pieces than this have only their first bytes, in the database."""


def pieces(frames: Iterable[Frame]) -> list[tuple[int, bytes]]:
    """The offset and the bytes of each of *frames* that is no sound record."""
    return [(f.offset, f.record.raw) for f in frames if isinstance(f.record, Damaged | Tampered) and f.record.raw]


def keep(folder: Path, journal: str, found: list[tuple[int, bytes]]) -> None:
    """Write each piece of *journal* that was *found* to a file in *folder*, readable by its owner only.

    Again is once: the file is named by journal and offset. A disk that refuses is said, and stops nothing.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        used = sum(path.stat().st_size for path in folder.iterdir())
        for offset, raw in found:
            used += len(raw)
            if used <= MOST:
                _write(folder / f"{journal}-{offset}", raw)
    except OSError as error:
        log.error("A piece of %s could not be copied to %s: %s", journal, folder, reason(error))  # noqa: TRY400


def _write(path: Path, raw: bytes) -> None:
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(raw)
