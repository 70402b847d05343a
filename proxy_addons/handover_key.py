"""The key by which peek signs what it hands over: in a file, made by whichever process is there first."""

import contextlib
import os
import secrets
from pathlib import Path

from blocklists import new_file
from proxy_addons.handover import KEY_SIZE

NAME = "handover.key"


def key_of(path: Path) -> bytes:
    """The key in the file at *path*, which is made (0600) if there is none; ValueError if it holds none, or OSError."""
    with contextlib.suppress(FileNotFoundError):
        return _read(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _make(path)
    return _read(path)


def _make(path: Path) -> None:
    """Put a whole key at *path*, unless another process is faster."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    new_file.write_new(temporary, secrets.token_bytes(KEY_SIZE))
    try:
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        temporary.unlink()


def _read(path: Path) -> bytes:
    key = path.read_bytes()
    if len(key) != KEY_SIZE:
        raise ValueError(f"{path} holds no key of {KEY_SIZE} bytes; take it away, and a new one is made")
    return key
