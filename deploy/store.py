"""The lists that were fetched or imported, in `state/lists/`: the copy in force, the one before, and one held back.

meta.json is the pivot: it is replaced by a rename, after the content that it names is whole on the disk. A crash at any
moment leaves the old copy or the new one; halves are removed at the next change. Whoever changes anything here holds
`changing`; the state's own lock is held only while a copy is put in force or taken away.
"""

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
from msgspec.structs import replace

from blocklists import snapshot, stored
from blocklists.compile import Source
from blocklists.live import Files
from blocklists.stored import Copy, Meta
from deploy import state_lock
from deploy.toml_file import RefusedError

LOCK = ".lock"
UNCOMPILED = ".uncompiled"
"""There while a copy is in force that the index may not have yet."""


def sources(files: Files) -> dict[str, list[Source]]:
    """The sources of each list that copies in force feed; DamagedMetaError if it cannot be told."""
    found: dict[str, list[Source]] = {}
    for meta in metas(files):
        for part in meta.current.parts if meta.current else ():
            path = files.lists / meta.label / meta.current.stamp / part.path if meta.current else Path()
            found.setdefault(part.list, []).append(Source(path, part.format, meta.label, imported=True))
    return found


def metas(files: Files) -> Iterator[Meta]:
    """What is known of each label, in order; DamagedMetaError if it cannot be told."""
    return map(stored.read, stored.folders(files.lists))


@contextlib.contextmanager
def changing(files: Files) -> Iterator[None]:
    """Be the one who changes copies, for the block; RefusedError if another command is at it.

    What a killed one left is removed first.
    """
    _make_folder(files)
    path = files.lists / LOCK
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            says = "another command is changing the lists; nothing was changed, try again when it has ended"
            raise RefusedError([f"{path}: {says}"]) from None
        with _naming(files.lists):
            _tidy(files)
            yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _naming(folder: Path) -> Iterator[None]:
    """Say that an OSError in the block is of *folder* if it does not say of what: a write to a full disk does not."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(folder)
        raise


def _make_folder(files: Files) -> None:
    for folder in (files.state, files.lists):
        if not folder.exists():
            folder.mkdir(parents=True, exist_ok=True)
            snapshot.share(folder, 0o755)


def known(files: Files, label: str) -> Meta:
    """What is known of *label*; a file that cannot be understood says nothing, and is replaced by the next copy."""
    try:
        return stored.read(files.lists / label)
    except stored.DamagedMetaError:
        return Meta(label=label)


def new_folder(files: Files, label: str) -> Path:
    """A new folder for a copy of *label*, named by its stamp; a file beside it may be `.` and that name."""
    folder = files.lists / label
    if not folder.exists():
        folder.mkdir()
        snapshot.share(folder, 0o755)
    made = folder / f"{time.time_ns():020d}-{os.getpid()}"
    made.mkdir()
    return made


@contextlib.contextmanager
def workplace(files: Files) -> Iterator[Path]:
    """A folder to work in, on the disk of the copies, gone after the block."""
    folder = files.lists / f".{time.time_ns():020d}-{os.getpid()}"
    folder.mkdir()
    try:
        yield folder
    finally:
        _drop(folder)


def settle(content: Path) -> None:
    """Make all of the folder *content* durable, and readable by the services."""
    for place, _, names in os.walk(content, topdown=False):
        for path in (*(Path(place, name) for name in names), Path(place)):
            snapshot.share(path, 0o755 if path.is_dir() else 0o644)
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
    snapshot.sync_folder(content.parent)


def note(files: Files, meta: Meta) -> None:
    """Write *meta*, which changes nothing that is in force."""
    folder = files.lists / meta.label
    if not folder.exists():
        folder.mkdir()
        snapshot.share(folder, 0o755)
    path = folder / stored.META
    temporary = folder / f".{stored.META}.{os.getpid()}"
    with temporary.open("wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(meta)) + b"\n")
        file.flush()
        snapshot.share(temporary, 0o644)
        os.fsync(file.fileno())
    temporary.replace(path)
    snapshot.sync_folder(folder)


def put_in_force(files: Files, meta: Meta, copy: Copy) -> None:
    """Put *copy*, whose content is settled, in the place of the one of *meta* that is in force."""
    now = time.time_ns()
    replaced = replace(meta, current=copy, previous=meta.current, held=None, why_held="", problem="", checked_ns=now)
    with state_lock.held(files):
        _mark(files)
        note(files, replaced)
        _tidy_label(files.lists / meta.label)


def hold(files: Files, meta: Meta, copy: Copy, why: str) -> None:
    """Keep *copy*, whose content is settled, beside the one in force until it is accepted."""
    note(files, replace(meta, held=copy, why_held=why, problem=""))
    _tidy_label(files.lists / meta.label)


def accept(files: Files, labels: Iterable[str]) -> dict[str, Copy]:
    """Put the copies of *labels* that are held back in force; RefusedError, and nothing changes, if one has none."""
    metas = [known(files, folder.name) for folder in _folders(files, labels)]
    if none := [f"{meta.label}: no copy of it is held back; nothing was changed" for meta in metas if not meta.held]:
        raise RefusedError(none)
    for meta in metas:
        if meta.held:
            put_in_force(files, meta, meta.held)
    return {meta.label: meta.held for meta in metas if meta.held}


def remove(files: Files, labels: Iterable[str]) -> None:
    """Take *labels* away with all their copies; RefusedError, and nothing changes, if there is none of one."""
    folders = _folders(files, labels)
    with state_lock.held(files):
        _mark(files)
        gone = [folder.rename(files.lists / f".{folder.name}.removed") for folder in folders]
        snapshot.sync_folder(files.lists)
    for folder in gone:
        shutil.rmtree(folder, ignore_errors=True)


def _folders(files: Files, labels: Iterable[str]) -> list[Path]:
    """The folders of *labels*; RefusedError if there is none of one."""
    there = {folder.name: folder for folder in stored.folders(files.lists)}
    if none := [f"there is no copy of {label!r}; nothing was changed" for label in labels if label not in there]:
        raise RefusedError(none)
    return [there[label] for label in dict.fromkeys(labels)]


def is_compiled(files: Files) -> bool:
    """Whether the index has every copy that is in force."""
    return not _pending(files)


@contextlib.contextmanager
def compiling(files: Files) -> Iterator[None]:
    """Go around a compile: once the block has ended well, the index has every copy that was in force at its start."""
    before = _pending(files)
    with _naming(files.index):
        yield
    with state_lock.held(files):
        if before and _pending(files) == before:
            (files.lists / UNCOMPILED).unlink()


def _pending(files: Files) -> int:
    """When a copy was last put in force that the index may not have, in nanoseconds; 0 if it has all."""
    try:
        return (files.lists / UNCOMPILED).stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _mark(files: Files) -> None:
    path = files.lists / UNCOMPILED
    path.touch()
    snapshot.share(path, 0o644)
    snapshot.sync_folder(files.lists)


def tidy(files: Files, label: str) -> None:
    """Remove of *label* what belongs to no copy that is known; nothing if it cannot be told what does."""
    with contextlib.suppress(stored.DamagedMetaError):
        _tidy_label(files.lists / label)


def _tidy(files: Files) -> None:
    """Remove what a killed command left half done."""
    for path in files.lists.iterdir():
        if path.name.startswith(".") and path.name not in {LOCK, UNCOMPILED}:
            _drop(path)
    for folder in stored.folders(files.lists):
        tidy(files, folder.name)


def _tidy_label(folder: Path) -> None:
    meta = stored.read(folder)
    kept = {stored.META, *(copy.stamp for copy in (meta.current, meta.previous, meta.held) if copy)}
    for path in folder.iterdir():
        if path.name not in kept:
            _drop(path)
    with contextlib.suppress(OSError):  # a label of which nothing is known is none
        folder.rmdir()


def _drop(path: Path) -> None:
    """Remove *path* if that can be done; if not, the next change tries again."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
        return
    with contextlib.suppress(OSError):
        path.unlink()
