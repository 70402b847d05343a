"""A small school on disk: real lists compiled into a real index, a rulebook, clients and permits as snapshots."""

import datetime
import itertools
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from blocklists import compile as compiling
from blocklists import sealed, snapshot
from blocklists.calendar import Calendar, Window
from blocklists.clients import Client, Clients, Network
from blocklists.live import Files
from blocklists.profile import Code, Pages, Profile, Unknown, Watch
from blocklists.rulebook import Category, ListUse, Permit, Permits, Role, Rulebook

LISTS: Mapping[str, tuple[str, ...]] = {
    "gambling": ("gambling.test", "casino.test"),
    "games": ("games.test",),
    "harm": ("harm.test",),
    "adverts": ("adverts.test",),
    "social": ("social.test",),
    "helplines": ("helpline.test",),
    "learning": ("learning.test",),
    "approved": ("storybook.test",),
}
"""The names that stand on each list unless a test says otherwise."""

NETWORKS: Mapping[str, str] = {
    "127.0.0.2/32": "ks1",
    "127.0.0.3/32": "staff",
    "127.0.0.4/32": "visitor",
    "127.0.0.0/24": "ks2",
}
"""Who asks from where; the rest of 127.0.0.0/8 is nobody's."""

_number = itertools.count(1)


def profiles() -> dict[str, Profile]:
    """Four profiles: approved sites only, pupils, staff, and visitors whose devices carry no certificate."""
    return {
        "ks1": Profile("Key stage 1", "KS1", Pages.KS1, approved_only=True, approved=("approved",)),
        "ks2": Profile("Key stage 2", "KS2", Pages.KS2, unknown=Unknown.SCAN, visits=90),
        "staff": Profile("Staff", "staff", Pages.STAFF, unknown=Unknown.OPEN, watch=Watch.STAFF, visits=90),
        "visitor": Profile(
            "Visitors",
            "visitor",
            Pages.STAFF,
            certificate=False,
            unknown=Unknown.OPEN,
            unknown_unopened=Unknown.OPEN,
            watch=Watch.NONE,
        ),
    }


def categories() -> dict[str, Category]:
    """One category for each code that DNS treats differently."""

    def codes(ks1: Code, ks2: Code, staff: Code, visitor: Code) -> dict[str, Code]:
        return {"KS1": ks1, "KS2": ks2, "staff": staff, "visitor": visitor}

    closed, locked, opened = Code.CLOSED, Code.LOCKED, Code.OPEN
    return {
        "gambling": Category("Gambling", "about gambling", codes(closed, closed, closed, closed), alert="NOTE"),
        "games": Category("Games", "games", codes(closed, Code.PASS, opened, opened)),
        "self_harm": Category(
            "Self-harm",
            "about hurting yourself",
            codes(locked, locked, closed, locked),
            harm=True,
            theme="self-harm",
            alert="URGENT",
        ),
        "adverts": Category("Adverts", "adverts", codes(Code.QUIET, Code.QUIET, Code.QUIET, opened)),
        "social": Category("Social", "social media", codes(closed, Code.BREAKS, Code.TERM_TIME, opened)),
    }


def rulebook(**changes: object) -> Rulebook:
    """The school's rulebook; *changes* replace fields."""
    fields: dict[str, object] = {
        "school": "Test School",
        "time_zone": "Europe/London",
        "calendar": Calendar(school_day=(Window(start=datetime.time(8, 30), end=datetime.time(15, 30)),)),
        "profiles": profiles(),
        "categories": categories(),
        "lists": {
            "gambling": ListUse(Role.CATEGORY, "gambling"),
            "games": ListUse(Role.CATEGORY, "games"),
            "harm": ListUse(Role.CATEGORY, "self_harm"),
            "adverts": ListUse(Role.CATEGORY, "adverts"),
            "social": ListUse(Role.CATEGORY, "social"),
            "helplines": ListUse(Role.ALWAYS_OPEN),
            "learning": ListUse(Role.EDUCATION),
            "approved": ListUse(Role.APPROVED),
        },
    }
    return Rulebook(**(fields | changes))  # type: ignore[arg-type]


class School:
    """The state of a school in a folder; each `write_` replaces one part as the real writers do."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = Files(folder / "state", folder / "keys", folder / "spool")
        for part in (self.files.state, self.files.keys, self.files.spool):
            part.mkdir(parents=True, exist_ok=True)

    def write_policy(self, book: Rulebook | None = None) -> int:
        """Put *book* in force and return its version."""
        version = next(_number)
        snapshot.write(self.files.policy, book or rulebook(), version=version, written_ns=time.time_ns())
        return version

    def write_clients(self, networks: Mapping[str, str] = NETWORKS, known: Iterable[Client] = ()) -> None:
        """Say who is at which address."""
        body = Clients(tuple(Network(cidr, profile) for cidr, profile in networks.items()), tuple(known))
        snapshot.write(self.files.clients, body, version=next(_number), written_ns=time.time_ns())

    def write_permits(self, *permits: Permit) -> None:
        """Put *permits*, and no others, in force."""
        snapshot.write(self.files.permits, Permits(permits), version=next(_number), written_ns=time.time_ns())

    def write_sealed(self, *lines: str, name: str = "sealed") -> None:
        """Seal *lines* as one list."""
        key_file = self.files.sealing_key
        key = key_file.read_bytes() if key_file.exists() else sealed.new_key(key_file)
        one, _ = sealed.seal([line.encode() for line in lines], key)
        body = sealed.SealedLists({name: one})
        snapshot.write(self.files.sealed, body, version=next(_number), written_ns=time.time_ns())

    def compile(self, lists: Mapping[str, Iterable[str]] = LISTS) -> None:
        """Compile *lists* and make them current."""
        folder = self.folder / "lists"
        folder.mkdir(exist_ok=True)
        for name, names in lists.items():
            (folder / f"{name}.txt").write_text("\n".join(names) + "\n", encoding="ascii")
        sources = {name: (compiling.Source(folder / f"{name}.txt"),) for name in lists}
        compiling.compile_lists(sources, self.files.index, built_ns=time.time_ns())


def make_school(folder: Path, *, book: Rulebook | None = None, lists: Mapping[str, Iterable[str]] = LISTS) -> School:
    """A whole school in *folder*: policy, clients and index, ready to decide."""
    school = School(folder)
    school.write_policy(book)
    school.write_clients()
    school.compile(lists)
    return school
