"""Sealed lists into force, with the guard that other lists have: one that came out empty or much shorter is refused.

The list is hashed line by line as it is read; its plain form is neither kept nor written, and no message quotes it.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from blocklists import sealed, snapshot
from blocklists.live import Files
from deploy import config, state_lock
from deploy.toml_file import RefusedError

SHRINKS_TO = 0.5
"""A list that keeps less than this part of its entries is refused: a failed download looks like that."""


def seal_list(settings: config.Settings, name: str, lines: Iterator[bytes], *, accept: bool = False) -> tuple[int, int]:
    """Add the sealed list *name*, replacing one of that name; returns how many entries and how many skipped lines.

    RefusedError, and nothing changes, if it has no entry, or less than half of what is in force and not *accept*.
    """
    with _named(settings.files.sealing_key):
        key = sealed.read_key(settings.files.sealing_key)
    made, skipped = sealed.seal(lines, key)
    with state_lock.held(settings.files):
        _add_sealed(settings.files, name, made, skipped, accept=accept)
    return _entries(made), skipped


def _add_sealed(files: Files, name: str, made: sealed.SealedList, skipped: int, *, accept: bool) -> None:
    with _named(files.sealed):
        present = snapshot.read(files.sealed, sealed.SealedLists).body.lists if files.sealed.exists() else {}
    entries, before = _entries(made), _entries(present[name]) if name in present else 0
    if not entries or (entries < before * SHRINKS_TO and not accept):
        says = f"{name}: {entries} entries, {before} are in force and stay; {skipped} lines name no host"
        raise RefusedError([says + ("" if not entries else ". If this is meant, add --accept")])
    now = time.time_ns()
    snapshot.write(files.sealed, sealed.SealedLists({**present, name: made}), version=now, written_ns=now, mode=0o640)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Refuse what cannot be understood with the whole path of its file."""
    try:
        yield
    except ValueError as error:
        raise RefusedError([f"{path}: {error}; nothing was changed"]) from None


def _entries(one: sealed.SealedList) -> int:
    return len(one.whole_hosts) + len(one.expressions)
