"""`schoolgate lists import`: lists from a file, an archive or a folder, such as a USB stick; nothing is fetched.

What is imported is judged as what is fetched is. Nothing is guessed: a file or a category whose name stands for no list
of the school is told and left out.
"""

import re
import time
from collections.abc import Callable, Collection, Iterable
from functools import partial
from pathlib import Path, PurePosixPath

import msgspec
from msgspec.structs import replace

from blocklists import archive, stored
from blocklists.bounds import is_hidden
from blocklists.stored import Copy
from deploy import contents, copies, store
from deploy.config import Settings
from deploy.contents import Contents
from deploy.copies import Arrival, Outcome, State
from deploy.judgement import Ratios
from deploy.progress import Bars
from deploy.toml_file import RefusedError

type ListFor = Callable[[str, str], str | None]


class Choice(msgspec.Struct, frozen=True):
    """What the command says of an import: the list that all of it feeds, or whose categories it has, and its label."""

    list: str = ""
    taxonomy: str = ""
    label: str = ""


class Imported(msgspec.Struct, frozen=True):
    """What became of each list, the names that stand for none and are in no copy, and the count of *links* left out."""

    outcomes: list[Outcome]
    unknown: tuple[str, ...] = ()
    links: int = 0


class Import:
    """One run of the command, for the *lists* of policy.toml; *taxonomies* are those that *list_for* knows."""

    def __init__(
        self, settings: Settings, lists: Iterable[str], list_for: ListFor, taxonomies: Iterable[str], bars: Bars
    ) -> None:
        """Nothing has been read yet."""
        self.settings, self.lists, self.list_for = settings, set(lists), list_for
        self.taxonomies, self.bars = tuple(taxonomies), bars

    def run(self, path: Path, choice: Choice) -> Imported:
        """Import *path*; RefusedError if it cannot be told what is in it, OSError if it cannot be read.

        Raises RefusedError too if another command is changing the lists. Nothing is compiled.
        """
        self._check(path, choice)
        with store.changing(self.settings.files):
            try:
                return self._folder(path, path, choice, _links(path)) if path.is_dir() else self._file(path, choice)
            except (archive.BadArchiveError, contents.NothingError) as error:
                raise RefusedError([f"{path}: it {error}; nothing was changed"]) from None

    def _check(self, path: Path, choice: Choice) -> None:
        path.stat()  # whatever it is, it must be there
        if choice.list and choice.list not in self.lists:
            raise RefusedError([f"--list: there is no list {choice.list!r}; the lists are {_named(self.lists)}"])
        if choice.taxonomy and choice.taxonomy not in self.taxonomies:
            known = _named(self.taxonomies)
            raise RefusedError([f"--taxonomy: there is no taxonomy {choice.taxonomy!r}; the taxonomies are {known}"])
        if choice.list and choice.taxonomy:
            raise RefusedError(["--list and --taxonomy: all of it is for one list, or it has categories; name one"])
        if choice.label and not stored.LABEL.fullmatch(choice.label):
            raise RefusedError([f"--label: {choice.label!r} must be letters, digits, - and _, 64 at most"])

    def _file(self, path: Path, choice: Choice) -> Imported:
        """Import an archive, or a list that is a file of its own."""
        with store.workplace(self.settings.files) as folder:
            name = archive.unpacked_name(PurePosixPath(path.name)).name
            unpacked = archive.unpack(path, folder, "list" if is_hidden(name) else name)
            return self._folder(folder, path, choice, unpacked.links)

    def _folder(self, folder: Path, origin: Path, choice: Choice, links: int) -> Imported:
        """Import what is in *folder*, which came from *origin*, without its *links*."""
        packed = {archive.unpacked_name(file): file for file in archive.files_of(folder)}
        try:
            chosen, unknown = self._chosen(packed.keys(), origin, choice)
        except contents.NothingError as error:
            raise contents.NothingError(
                f"{error}, and none of its links is followed" if links else str(error)
            ) from None
        outcomes = []
        for label, one in chosen.items():
            files = [packed[file] for file in one.of(packed)]
            outcomes.append(self._copy(label, one, folder, files, origin))
        return Imported(outcomes, unknown, links)

    def _chosen(
        self, files: Collection[PurePosixPath], origin: Path, choice: Choice
    ) -> tuple[dict[str, Contents], tuple[str, ...]]:
        """The copies that *files* make, by label, and the names that are in none."""
        if choice.list:
            return {choice.label or _label_of(origin, choice.list): contents.of_one_list(files, choice.list)}, ()
        taxonomy, folders = self._categories(files, choice)
        named = contents.of_named_files(set(files).difference(folders), self.lists)
        chosen = _by_list(named)
        if taxonomy:
            chosen[taxonomy] = contents.of_categories(folders, self._by(taxonomy), self.lists)
        return _labelled(chosen, choice.label), named.unknown

    def _categories(self, files: Collection[PurePosixPath], choice: Choice) -> tuple[str, list[PurePosixPath]]:
        """The taxonomy that speaks ("" for none), and the files in the folders of categories that it speaks of.

        A folder called like a list of the school is the school's own, unless an author's whole archive is there.
        """
        every = contents.in_categories(files)
        whole = (one for one in self.taxonomies if contents.is_archive_of(every, self._by(one), self.lists))
        if taxonomy := choice.taxonomy or next(whole, ""):
            return taxonomy, every
        others = contents.in_categories(files, besides=self.lists)
        taxonomy = next((one for one in self.taxonomies if contents.looks_like(others, self._by(one))), "")
        return taxonomy, others if taxonomy else []

    def _by(self, taxonomy: str) -> Callable[[str], str | None]:
        return partial(self.list_for, taxonomy)

    def _copy(self, label: str, chosen: Contents, folder: Path, files: list[PurePosixPath], origin: Path) -> Outcome:
        state = self.settings.files
        meta, now = store.known(state, label), time.time_ns()
        content = store.new_folder(state, label)
        try:
            archive.gather(folder, files, content)
            copy = Copy(stamp=content.name, origin=str(origin.resolve()), fetched_ns=now)
            noted = replace(meta, since_ns=meta.since_ns or now, list=_only(part.list for part in chosen.parts))
            arrival = Arrival(noted, copy, content, chosen)
            outcome = copies.take(state, arrival, self._ratios(label), partial(self.bars.reading, label))
        except (archive.BadArchiveError, OSError) as error:
            outcome = Outcome(label, State.FAILED, copies.sentence(error, state.lists))
        store.tidy(state, label)
        self.bars.ended(label, outcome.state)
        return outcome

    def _ratios(self, label: str) -> Ratios:
        found = self.settings.config.subscriptions.get(label)
        return Ratios(found.shrinks_to, found.grows_to) if found else Ratios()


def _by_list(whole: Contents) -> dict[str, Contents]:
    """A copy for each list, under its name, so that a stick with one list replaces only that one."""
    lists = sorted({part.list for part in whole.parts})
    return {name: Contents(tuple(part for part in whole.parts if part.list == name)) for name in lists}


def _labelled(chosen: dict[str, Contents], label: str) -> dict[str, Contents]:
    """*chosen*, under *label* if there is one; RefusedError if that is for several, NothingError if all is nothing."""
    if not chosen:
        raise contents.NothingError("has no file that is called like a list of policy.toml")
    if label and len(chosen) > 1:
        raise RefusedError([f"--label: this is for one list, and there are {len(chosen)}: {', '.join(chosen)}"])
    return {label or name: whole for name, whole in chosen.items()}


def _label_of(origin: Path, name: str) -> str:
    """A label for what *origin* holds for the list *name*: the file's own name, as far as it can be one."""
    label = re.sub(r"[^A-Za-z0-9_-]+", "-", archive.unpacked_name(PurePosixPath(origin.name)).stem).strip("-_")[:64]
    return label if stored.LABEL.fullmatch(label) else name


def _links(folder: Path) -> int:
    """How many links stand below *folder*, without hidden ones: none is followed."""
    below = (path for path in folder.rglob("*") if path.is_symlink())
    return sum(not any(map(is_hidden, path.relative_to(folder).parts)) for path in below)


def _only(names: Iterable[str]) -> str:
    """The one name among *names*, or "" if there are several."""
    found = set(names)
    return found.pop() if len(found) == 1 else ""


def _named(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
