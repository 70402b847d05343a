"""Sealed lists into force and out of it, and what may be asked of them; a list that came out short is refused.

A file is hashed in memory as it was read. Its plain form is never written, and no message, not even that of an error
nobody foresaw, quotes it.
"""

import codecs
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from blocklists import sealed, sealed_marker, sealed_source, snapshot
from blocklists.formats import recognise
from blocklists.live import Files
from blocklists.sealed_marker import Loaded
from deploy import config, sealed_record, state_lock
from deploy.counted import counted
from deploy.toml_file import RefusedError

SHRINKS_TO = 0.5
"""A list that keeps less than this part of its entries is refused: a failed download looks like that."""
LARGEST = 64_000_000
"""Bytes: a million URLs. The lists of illegal content that schools get have some ten thousand."""


IF_MEANT = "If this is meant, add --accept"
OPENING = 4096
"""Bytes by which a web page is told."""
PACKED = (b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd")
"""What gzip, zip, bzip2, xz and zstd open a file with."""


class Sealing(msgspec.Struct, frozen=True):
    """A list that is in force now: how its file was laid out, what became of its lines, how many entries it has."""

    layout: sealed_source.Layout
    tally: sealed_source.Tally
    entries: int


def seal_list(
    settings: config.Settings, name: str, lines: Iterable[bytes], *, accept: bool = False, column: str = ""
) -> Sealing:
    """Put the sealed list *name* in force, in place of one of that name.

    *column* is `sealed_source.of_file`'s. RefusedError, and nothing changes, if it has no entry or is packed; without
    *accept* also if it is a web page, leaves out more lines than it seals, or has less than half of what is in force.
    """
    files, content = settings.files, _content(lines)
    _look_at(name, content, accept=accept)
    with state_lock.held(files):
        key = _key(files)
        layout, made, tally = _sealed(content, column, key)
        _put_in_force(files, name, made, tally, key=key, accept=accept)
    return Sealing(layout, tally, made.entries)


def _content(lines: Iterable[bytes]) -> bytes:
    """The whole of *lines*, whether they carry their ends or not; those of UTF-16 do, in a place of their own."""
    content = bytearray()
    for line in lines:
        content += line
        if not line.endswith(b"\n") and not content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            content += b"\n"
        if len(content) > LARGEST:
            raise RefusedError([f"this is larger than {LARGEST // 1_000_000} MB, which no sealed list is"])
    return bytes(content)


def _look_at(name: str, content: bytes, *, accept: bool) -> None:
    """Refuse what is no list by how it opens: a packed file, and, unless somebody means it, a web page."""
    if content.startswith(PACKED):
        raise RefusedError([f"{name}: this is a packed file; unpack it first, with zcat FILE | ... import -, say"])
    opening = sealed_source.text_of(content[:OPENING]).encode("utf-8", "surrogateescape")
    if recognise.is_page(opening) and not accept:
        says = f"{name}: this is a web page, which a server sends where a list was; nothing was changed"
        raise RefusedError([f"{says}. {IF_MEANT}"])


def _key(files: Files) -> bytes:
    """The key of the lists; a new one where neither it nor they are there, as after a loss."""
    with _named(files.sealing_key):
        if files.sealing_key.exists() or files.sealed.exists():
            return sealed.read_key(files.sealing_key)
        return sealed.new_key(files.sealing_key)


def _sealed(
    content: bytes, column: str, key: bytes
) -> tuple[sealed_source.Layout, sealed.SealedList, sealed_source.Tally]:
    try:
        layout, rows = sealed_source.of_file(content, column)
        return layout, *sealed.seal_rows(rows, key, imported_ns=time.time_ns())
    except sealed_source.NoColumnError as error:
        raise RefusedError([f"--column: {error}"]) from None
    except Exception as error:  # noqa: BLE001 - whatever it is, its words and its traceback may hold a line of the list
        raise RefusedError([f"the list cannot be read ({type(error).__name__}); nothing was changed"]) from None


def _put_in_force(
    files: Files, name: str, made: sealed.SealedList, tally: sealed_source.Tally, *, key: bytes, accept: bool
) -> None:
    with _named(files.sealed):
        present = _present(files)
        sealed.check_key(present.check, key)
    before = present.lists[name].entries if name in present.lists else 0
    doubtful = made.entries < before * SHRINKS_TO or tally.skipped_count > tally.read
    if not made.entries or (doubtful and not accept):
        stay = "is in force and stays" if before == 1 else "are in force and stay"
        entries = counted(made.entries, "entry", "entries")
        says = f"{name}: {entries}, {before} {stay}; lines left out: {tally.skipped_count}"
        raise RefusedError([f"{says}. {IF_MEANT}" if made.entries else says])
    lists = {**present.lists, name: made}
    _write(files, sealed.SealedLists(lists, sealed.key_check(key)))  # first: the marker promises that they are there
    _promise(files, {**_promised(files), **{known: Loaded(one.imported_ns) for known, one in lists.items()}})


def remove_list(settings: config.Settings, name: str, people: sealed_record.Two) -> int:
    """Take the sealed list *name* out of force, on the record; returns how many entries it had.

    RefusedError if there is none. The marker goes first: a start would be refused that it holds to what is gone.
    """
    files = settings.files
    with state_lock.held(files), _named(files.sealed):
        present, promised = _present(files), _promised(files)
        if name not in present.lists.keys() | promised.keys():
            known = ", ".join(sorted(present.lists.keys() | promised.keys())) or "none"
            raise RefusedError([f"--list: there is no sealed list {name!r}; there are: {known}"])
        entries = present.lists[name].entries if name in present.lists else 0
        sealed_record.append(files, people, did="remove", list=name, entries=entries)
        _promise(files, {known: one for known, one in promised.items() if known != name})
        if name in present.lists:
            lists = {known: one for known, one in present.lists.items() if known != name}
            _write(files, sealed.SealedLists(lists, present.check))
    return entries


def _present(files: Files) -> sealed.SealedLists:
    return snapshot.read(files.sealed, sealed.SealedLists).body if files.sealed.exists() else sealed.SealedLists()


def _promised(files: Files) -> dict[str, Loaded]:
    """What the marker promises; one that cannot be read is written anew, by what is there."""
    try:
        return sealed_marker.read(files)
    except snapshot.SnapshotError:
        return {}


def _promise(files: Files, lists: dict[str, Loaded]) -> None:
    sealed_marker.write(files, lists, time.time_ns())


def _write(files: Files, body: sealed.SealedLists) -> None:
    now = time.time_ns()
    snapshot.write(files.sealed, body, version=now, written_ns=now, mode=0o640)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Refuse what cannot be understood with the whole path of its file."""
    try:
        yield
    except ValueError as error:
        raise RefusedError([f"{path}: {error}; nothing was changed"]) from None
