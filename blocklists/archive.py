"""What authors of lists publish, unpacked within bounds: gzip, tar, tar.gz, zip, or the list itself.

Only regular files come out, below the folder that they are unpacked into; links are left out, never followed.
Nothing is executed or held whole in memory, and what grows beyond its bounds ends as a refusal (`blocklists.bounds`).
"""

import enum
import errno
import gzip
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

import msgspec

from blocklists.bounds import (
    BOUNDS,
    LARGEST_TABLE,
    PIECE,
    BadArchiveError,
    Bounds,
    Budget,
    careful,
    is_hidden,
    refuse_unwritable,
    safe_path,
)
from blocklists.tar_headers import CarefulTar

__all__ = ["BadArchiveError", "Bounds", "Unpacked", "files_of", "gather", "gunzipped", "unpack", "unpacked_name"]

MOST_LAYERS = 2
"""Layers of gzip about one another: a packed list that its server packs again for the way."""
UNREAD = {
    b"\xfd7zXZ\x00": "xz",
    b"BZh91AY&SY": "bzip2",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"Rar!\x1a\x07": "rar",
}
"""How archives begin that are not read here, so that they are named and not taken for a list without rules."""
ENCRYPTED = 0x1
"""The flag of an encrypted member (APPNOTE.TXT, 4.4.4)."""
TAR_MAGIC = slice(257, 262)
"""Where a tar says that it is one (POSIX.1-1988, ustar)."""


class Form(enum.Enum):
    """What a file is packed as."""

    PLAIN = enum.auto()
    GZIP = enum.auto()
    TAR = enum.auto()
    ZIP = enum.auto()


class Unpacked(msgspec.Struct, frozen=True):
    """The *files* that came out, relative to their folder, and how many *links* were left out."""

    files: tuple[PurePosixPath, ...]
    links: int = 0


def unpack(
    source: Path, target: Path, name: str, bounds: Bounds = BOUNDS, step: Callable[[], None] = lambda: None
) -> Unpacked:
    """Unpack the file *source* into the folder *target*; what is no archive goes there as *name*.

    *step* is called at each piece and each member, and may raise to end it. BadArchiveError says what is wrong with it;
    OSError if the disk is full or *source* cannot be read.
    """
    size, layers = source.stat().st_size, [target / f".layer{number}" for number in range(MOST_LAYERS)]
    with _translated():
        try:
            for layer in layers:
                if _form(source) is not Form.GZIP:
                    break
                with source.open("rb") as file:
                    _write(_gunzipped(file), layer, Budget(bounds, size, step))
                source = layer
            return _MEMBERS[_form(source)](source, target, name, Budget(bounds, size, step))
        finally:
            for layer in layers:
                layer.unlink(missing_ok=True)


def gather(folder: Path, files: Iterable[PurePosixPath], target: Path, bounds: Bounds = BOUNDS) -> Unpacked:
    """Copy the *files* of *folder* into the folder *target*; one that is gzip is unpacked and loses its `.gz`.

    Raises as `unpack` does.
    """
    with _translated():
        budget = Budget(bounds, 0)
        return Unpacked(tuple(_copy(folder / file, file, target, budget) for file in files))


def _copy(source: Path, file: PurePosixPath, target: Path, budget: Budget) -> PurePosixPath:
    refuse_unwritable(str(file))
    budget.packed += source.stat().st_size
    with source.open("rb") as opened:
        return _take(opened, file, target, budget)


def gunzipped(path: Path, bounds: Bounds = BOUNDS) -> Iterator[bytes]:
    """The content of the gzip file at *path*, piece by piece; BadArchiveError if it is none or goes beyond *bounds*."""
    budget = Budget(bounds, path.stat().st_size)
    with _translated(), path.open("rb") as file:
        for piece in _gunzipped(file):
            budget.spend(len(piece))
            yield piece


def files_of(folder: Path) -> Iterator[PurePosixPath]:
    """The regular files below *folder*, in order, without hidden ones or links. OSError if a folder is closed to us."""
    for place, folders, names in os.walk(folder, onerror=_raise):
        folders[:] = sorted(one for one in folders if not is_hidden(one))
        for name in sorted(names):
            path = Path(place, name)
            if not is_hidden(name) and path.is_file() and not path.is_symlink():
                yield PurePosixPath(path.relative_to(folder))


def _raise(error: OSError) -> None:
    raise error


def unpacked_name(file: PurePosixPath) -> PurePosixPath:
    """The name that *file* has once it is unpacked."""
    return file.with_suffix("") if file.suffix == ".gz" else file


@contextmanager
def _translated() -> Iterator[None]:
    """Give what the libraries raise about damaged archives one name; their own words quote what came from outside."""
    try:
        yield
    except BadArchiveError:
        raise
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise BadArchiveError("is cut off or damaged") from error
    except _TWICE as error:
        raise BadArchiveError("has two files of one name") from error
    except _DAMAGED as error:
        raise BadArchiveError("is no sound archive") from error
    except OSError as error:
        if error.errno != errno.EINVAL:  # what is said of an offset before the file's beginning, which a table may give
            raise
        raise BadArchiveError("is no sound archive") from error


_TWICE = (FileExistsError, IsADirectoryError, NotADirectoryError)
"""A file where another one, or another one's folder, is."""
_DAMAGED = (tarfile.TarError, zipfile.BadZipFile, struct.error, ValueError, LookupError, ArithmeticError, RuntimeError)


def _form(path: Path) -> Form:
    with path.open("rb") as file:
        head = file.read(TAR_MAGIC.stop)
    for magic, name in UNREAD.items():
        if head.startswith(magic):
            raise BadArchiveError(f"is packed as {name}, which is not read; gzip, tar, tar.gz and zip are")
    if head.startswith(b"\x1f\x8b"):
        return Form.GZIP
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return Form.ZIP
    return Form.TAR if head[TAR_MAGIC] == b"ustar" else Form.PLAIN


def _gunzipped(file: IO[bytes]) -> Iterator[bytes]:
    with gzip.GzipFile(fileobj=file) as unpacking:
        yield from _pieces(unpacking)


def _pieces(file: IO[bytes] | gzip.GzipFile) -> Iterator[bytes]:
    while piece := file.read(PIECE):
        yield piece


def _write(pieces: Iterable[bytes], path: Path, budget: Budget) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        for piece in pieces:
            budget.spend(len(piece))
            file.write(piece)


def _take(opened: IO[bytes], file: PurePosixPath, target: Path, budget: Budget) -> PurePosixPath:
    """Write the member *file* below *target*, unpacked if it is gzip; returns the name that it has there."""
    budget.count()
    path = target / file
    _write(_pieces(opened), path, budget)
    with path.open("rb") as written:
        if written.read(2) != b"\x1f\x8b":
            return file
        written.seek(0)
        path.unlink()  # it stays open until it is unpacked
        _write(_gunzipped(written), target / unpacked_name(file), budget)
    return unpacked_name(file)


def _plain(layer: Path, target: Path, name: str, budget: Budget) -> Unpacked:
    with layer.open("rb") as file:
        budget.count()
        _write(_pieces(file), target / name, budget)
    return Unpacked((PurePosixPath(name),))


def _tar(layer: Path, target: Path, _name: str, budget: Budget) -> Unpacked:
    out, links = [], 0
    with layer.open("rb") as file, CarefulTar.open(fileobj=careful(file, PIECE), mode="r:") as archive:
        for member in _tar_members(archive, file):
            links += member.issym() or member.islnk()
            path = safe_path(member.name)
            if not (member.isreg() or member.isdir() or member.issym() or member.islnk()) or member.size < 0:
                raise BadArchiveError("has a device or something else that no list needs")
            if member.isreg() and path and (content := archive.extractfile(member)):
                out.append(_take(content, path, target, budget))
            else:
                budget.count()
    return Unpacked(tuple(out), links)


def _tar_members(archive: Any, file: IO[bytes]) -> Iterator[tarfile.TarInfo]:
    """Each member; BadArchiveError where the library takes a damaged header for the end."""
    while member := archive.next():
        archive.members.clear()  # kept for the sake of going back, and each may weigh some KB
        yield member
    file.seek(archive.offset)
    if file.read(tarfile.BLOCKSIZE).strip(b"\0"):
        raise BadArchiveError("is cut off or damaged")


def _zip(layer: Path, target: Path, _name: str, budget: Budget) -> Unpacked:
    out, links = [], 0
    with layer.open("rb") as file, zipfile.ZipFile(careful(file, LARGEST_TABLE)) as archive:
        for member in archive.infolist():
            path, form = safe_path(member.filename), stat.S_IFMT(member.external_attr >> 16)
            links += form == stat.S_IFLNK
            _refuse_member(member, form)
            if path and form in {0, stat.S_IFREG} and not member.is_dir():
                with archive.open(member) as content:
                    out.append(_take(content, path, target, budget))
            else:
                budget.count()
    return Unpacked(tuple(out), links)


def _refuse_member(member: zipfile.ZipInfo, form: int) -> None:
    if form not in {0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK}:
        raise BadArchiveError("has a device or something else that no list needs")
    if member.flag_bits & ENCRYPTED:
        raise BadArchiveError("is encrypted")
    if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise BadArchiveError(f"is packed in a way (number {member.compress_type}) that is not read")


_MEMBERS: dict[Form, Callable[[Path, Path, str, Budget], Unpacked]] = {
    Form.GZIP: _plain,  # packed once more: a list that no format knows
    Form.TAR: _tar,
    Form.ZIP: _zip,
    Form.PLAIN: _plain,
}
