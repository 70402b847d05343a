"""What may be asked of sealed lists: what is loaded and how old it is, and, by two people, whether a URL is on one.

Nothing here returns an entry, and nothing prints or keeps the URL that was asked for (G6).
"""

import time

import msgspec

from blocklists import sealed, sealed_marker, snapshot, url
from blocklists.live import Files
from blocklists.sealed_marker import Loaded
from deploy import sealed_record
from deploy.toml_file import RefusedError

NS = 1_000_000_000


class State(msgspec.Struct, frozen=True):
    """A list: how many entries, when it was imported (UTC nanoseconds, 0 if unknown), and what is wrong with it."""

    list: str
    entries: int
    imported_ns: int
    stale: bool
    missing: bool

    @property
    def age_seconds(self) -> int | None:
        """Its age, or None where that is not known."""
        return max(0, time.time_ns() - self.imported_ns) // NS if self.imported_ns else None


class Status(msgspec.Struct, frozen=True):
    """Every list that is or was loaded, and a sentence for what would keep a process from starting."""

    lists: tuple[State, ...]
    problems: tuple[str, ...]

    @property
    def fine(self) -> bool:
        """Whether nothing needs anybody's hand."""
        return not self.problems and not any(one.stale or one.missing for one in self.lists)


def status(files: Files) -> Status:
    """What is loaded, as far as it can be read."""
    problems = tuple(sealed_marker.problems(files))
    lists, promised = _lists(files), _promised(files)
    states = (_state(name, lists.get(name), promised.get(name)) for name in sorted(lists.keys() | promised.keys()))
    return Status(tuple(states), problems)


def _state(name: str, present: sealed.SealedList | None, promised: Loaded | None) -> State:
    loaded = Loaded(present.imported_ns) if present else promised or Loaded()
    entries = present.entries if present else 0
    return State(name, entries, loaded.imported_ns, loaded.is_stale(time.time_ns()), missing=present is None)


def _lists(files: Files) -> dict[str, sealed.SealedList]:
    try:
        return snapshot.read(files.sealed, sealed.SealedLists).body.lists
    except (OSError, snapshot.SnapshotError):  # where it should be there, `problems` says so
        return {}


def _promised(files: Files) -> dict[str, Loaded]:
    try:
        return sealed_marker.read(files)
    except (OSError, snapshot.SnapshotError):  # said by `problems`
        return {}


def match(files: Files, text: str, people: sealed_record.Two) -> str:
    """The list that has an entry for the URL *text*, or ""; on the record before it is known to anybody.

    RefusedError if it is no URL, or if there is nothing that could answer.
    """
    if problems := list(sealed_marker.problems(files)):
        raise RefusedError(problems)
    if not _lists(files):
        raise RefusedError([f"no sealed list is loaded; import one: {sealed_marker.AGAIN}"])
    parsed = url.canonical(text)
    if parsed is None:
        raise RefusedError(["what was asked for is not a web address"])
    found = sealed.load(files.sealed, files.sealing_key).match_url(parsed)
    listed, entry = (found.list, found.hash) if found else ("", "")
    asked = sealed.asked(parsed, sealed.read_key(files.sealing_key))
    sealed_record.append(
        files, people, did="match", answer="yes" if found else "no", list=listed, entry=entry, asked=asked
    )
    return listed
