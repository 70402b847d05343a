"""What an archive or a folder holds for a school: which of its files feed which list.

Names only; nothing is read or written. A name that stands for no list of the school is told, never guessed.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import PurePosixPath

import msgspec

from blocklists.parse import Format
from blocklists.stored import Part

OF_A_CATEGORY = frozenset({"domains", "urls", "expressions"})
"""The files of a category as squidGuard and e2guardian name them; authors of category archives follow these."""
BESIDES = ("readme", "licen", "copying", "copyright", "changelog", "usage", "md5sum", "sha256sum")
"""How files begin that authors lay beside their lists."""

MOST_PARTS = 1000
"""Files or categories in one copy; the largest known archive has about 80."""
MOST_UNKNOWN = 100
"""Names without a list that are kept to be told."""

type Files = Iterable[PurePosixPath]


class Contents(msgspec.Struct, frozen=True):
    """The *parts* that feed lists, and the names that are *unknown* here."""

    parts: tuple[Part, ...]
    unknown: tuple[str, ...] = ()

    def of(self, files: Files) -> list[PurePosixPath]:
        """Those of *files* that a list is fed by."""
        paths = {part.path for part in self.parts}
        return [file for file in files if str(_place(file)) in paths]


class NothingError(ValueError):
    """There is nothing in it for the school; the message goes on with "it ..."."""


def of_one_list(files: Collection[PurePosixPath], name: str, fmt: Format = Format.AUTO, member: str = "") -> Contents:
    """All of *files* for the list *name*, or *member* of them, a file or a folder.

    *fmt* is that of files; a category's folder has one of its own.
    """
    chosen = list(below(list(_useful(files)) or files, member))
    if not chosen:
        raise NothingError("has no such member" if member else "has no file in it")
    folders = {str(file.parent) for file in chosen if file.name in OF_A_CATEGORY}
    formats = ((path, Format.AUTO if path in folders else fmt) for path in _paths(chosen))
    return _contents([Part(list=name, path=path, format=each) for path, each in formats])


def of_categories(files: Files, list_for: Callable[[str], str | None], lists: Iterable[str]) -> Contents:
    """The categories among *files*, for the lists that *list_for* names, of those that the school has."""
    has, parts, unknown = set(lists), [], set()
    for folder in _category_folders(files):
        name = list_for(folder.name)
        if name in has:
            parts.append(Part(list=str(name), path=str(folder), category=folder.name))
        else:
            unknown.add(folder.name)
    if not parts:
        raise NothingError("has no category that is known here")
    return _contents(parts, unknown)


def of_named_files(files: Files, lists: Iterable[str]) -> Contents:
    """The files and folders that are called like *lists*: `gambling.txt`, `gambling.hosts`, `gambling/domains`.

    There may be none.
    """
    has, parts, unknown = set(lists), [], set()
    for path in _paths(_useful(files)):
        name = path.rpartition("/")[2].partition(".")[0]
        if name in has:
            parts.append(Part(list=name, path=path))
        else:
            unknown.add(name)
    return _contents(parts, unknown)


def _contents(parts: list[Part], unknown: Iterable[str] = ()) -> Contents:
    if len(parts) > MOST_PARTS:
        raise NothingError(f"has more than {MOST_PARTS} files that would feed a list; name a member")
    return Contents(tuple(parts), tuple(sorted(unknown)[:MOST_UNKNOWN]))


def looks_like(files: Files, list_for: Callable[[str], str | None]) -> bool:
    """Whether most of the folders of categories among *files* have names that *list_for* knows."""
    names = [folder.name for folder in _category_folders(files)]
    return sum(list_for(name) is not None for name in names) * 2 > len(names)


def is_archive_of(files: Files, list_for: Callable[[str], str | None], lists: Iterable[str]) -> bool:
    """Whether the folders of categories are an author's, although the school has *lists* of the same names.

    There are several, *list_for* knows most of them, and each that it does not know is no list of the school either.
    """
    names = {folder.name for folder in _category_folders(files)}
    strange = {name for name in names if list_for(name) is None}
    return len(names) > 1 and looks_like(files, list_for) and strange.isdisjoint(lists)


def in_categories(files: Files, besides: Iterable[str] = ()) -> list[PurePosixPath]:
    """Those of *files* that stand in a category's folder, *besides* the folders of these names."""
    names = set(besides)
    return [file for file in files if file.name in OF_A_CATEGORY and file.parent.name not in names]


def _useful(files: Files) -> Iterator[PurePosixPath]:
    return (file for file in files if not file.name.lower().startswith(BESIDES))


def below(files: Files, member: str) -> Iterator[PurePosixPath]:
    """Those of *files* that are *member* or stand under it; all of them without one."""
    wanted = PurePosixPath(member.strip("/"))
    return (file for file in files if not member or file == wanted or wanted in file.parents)


def _category_folders(files: Files) -> list[PurePosixPath]:
    return sorted({file.parent for file in files if file.name in OF_A_CATEGORY})


def _paths(files: Files) -> list[str]:
    """The paths of parts: a category's folder stands for its files."""
    return sorted({str(_place(file)) for file in files})


def _place(file: PurePosixPath) -> PurePosixPath:
    return file.parent if file.name in OF_A_CATEGORY else file
