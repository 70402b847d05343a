"""Small files that are replaced whole: policy, clients, permits, sealed.

One msgpack map `{schema, version, written_ns, body}` behind a BLAKE2b digest, written to a temporary file, fsynced and
renamed over the old one: a reader meets the old snapshot or the new one, never half of either.
"""

import contextlib
import hashlib
import os
import stat
from pathlib import Path
from typing import Any

import msgspec

SCHEMA = 1
_MAGIC = b"SGSNAP1\n"
_DIGEST = 32


class SnapshotError(ValueError):
    """The file is no whole snapshot of the kind that was asked for; the message says why."""


class Snapshot[Body](msgspec.Struct, frozen=True):
    """A snapshot as it was read. *written_ns* is in UTC nanoseconds."""

    schema: int
    version: int
    written_ns: int
    body: Body


def write(path: Path, body: Any, *, version: int, written_ns: int, mode: int = 0o644) -> None:
    """Replace the snapshot at *path*, durably: when this returns, a power cut leaves the new one."""
    content = msgspec.msgpack.encode({"schema": SCHEMA, "version": version, "written_ns": written_ns, "body": body})
    digest = hashlib.blake2b(content, digest_size=_DIGEST).digest()
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
            file.write(_MAGIC + digest + content)
            file.flush()
            share(temporary, mode)
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        error.filename = error.filename or str(path)  # a write that fails on a full disk names no file
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def read[Body](path: Path, body: type[Body]) -> Snapshot[Body]:
    """Read the snapshot at *path*; SnapshotError if it is damaged or of another kind, OSError if it cannot be read."""
    raw = path.read_bytes()
    head = len(_MAGIC) + _DIGEST
    if raw[: len(_MAGIC)] != _MAGIC:
        raise SnapshotError(f"{path.name} is no snapshot")
    if hashlib.blake2b(raw[head:], digest_size=_DIGEST).digest() != raw[len(_MAGIC) : head]:
        raise SnapshotError(f"{path.name} is damaged: its digest does not match")
    try:
        envelope = msgspec.msgpack.decode(raw[head:], type=Snapshot[msgspec.Raw])
        if envelope.schema > SCHEMA:
            raise SnapshotError(f"{path.name} was written by a newer version (schema {envelope.schema})")
        decoded = msgspec.msgpack.decode(envelope.body, type=body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise SnapshotError(f"{path.name} cannot be understood: {error}") from error
    return Snapshot(envelope.schema, envelope.version, envelope.written_ns, decoded)


def share(path: Path, mode: int) -> None:
    """Give *path* this *mode*, whatever the umask is, and the group of its folder: other users' processes read it.

    Where we may not give the group, it stays as it is. A folder keeps its setgid bit, which hands the group on.
    """
    with contextlib.suppress(PermissionError):
        os.chown(path, -1, path.parent.stat().st_gid)
    before = stat.S_IMODE(path.stat().st_mode)
    if (wanted := mode | (before & stat.S_ISGID)) != before:  # setting the bit again is what a sandbox may forbid
        path.chmod(wanted)


def sync_folder(folder: Path) -> None:
    """Make a rename inside *folder* durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Make the content of the file at *path* durable."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
