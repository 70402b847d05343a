"""Files that are made once and never overwritten: keys, certificates, the first configuration.

When this returns, a power cut leaves the whole file; when it raises, it leaves none.
"""

import os
from pathlib import Path

from blocklists import snapshot


def write_new(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Write *content* to a new file at *path* with exactly this *mode*; FileExistsError if anything has that name."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            error.filename = error.filename or str(path)  # a write that fails on a full disk names no file
        raise
    snapshot.sync_folder(path.parent)
