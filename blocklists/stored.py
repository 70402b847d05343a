"""What is known of each list that was fetched or imported: `state/lists/<label>/meta.json`.

The content stands beside it, in a folder named by its stamp; what the file does not name is a half that a crash left.
Values only, and how they are read; `deploy.store` writes them.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from blocklists.formats.kind import Format
from blocklists.parse import Skipped

META = "meta.json"
SCHEMA = 1
LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""What a label is: the name of a folder, and of a setting."""


class DamagedMetaError(ValueError):
    """A meta.json that cannot be understood; the message names it and says why."""


class Part(msgspec.Struct, frozen=True):
    """A part of a copy that feeds one list, and what was read of it.

    *path* is a file or a folder below the copy's own ("." for all of it), *category* the author's name for it. *first*
    has the first of the lines left out.
    """

    list: str
    path: str
    format: Format = Format.AUTO
    category: str = ""
    rules: int = 0
    lines: int = 0
    said: int = 0
    skipped: int = 0
    reasons: dict[str, int] = {}
    first: tuple[Skipped, ...] = ()

    @property
    def understood(self) -> float:
        """The share of the lines that say something that was understood, from 0 to 1."""
        return 1.0 if not self.said else 1 - self.skipped / self.said


class Copy(msgspec.Struct, frozen=True):
    """What came at one time. *origin* is a URL or a path; *sha256* is of what came, as it came.

    *unknown* are the author's names that stand for no list of the school, *links* how many links were left out of what
    was fetched.
    """

    stamp: str
    origin: str
    fetched_ns: int
    parts: tuple[Part, ...] = ()
    sha256: str = ""
    etag: str = ""
    last_modified: str = ""
    unknown: tuple[str, ...] = ()
    links: int = 0

    @property
    def rules(self) -> dict[str, int]:
        """How many rules there are for each list."""
        counted: dict[str, int] = {}
        for part in self.parts:
            counted[part.list] = counted.get(part.list, 0) + part.rules
        return counted


class Meta(msgspec.Struct, frozen=True):
    """All that is known of a label. Times are in UTC nanoseconds.

    *asked* is the subscription as it was when the newest copy came ("" for an imported one), *list* the list it feeds
    ("" if several). *checked_ns* is the last time that the copy in force was found to be the newest, *since_ns* the
    first time that anything was tried. *problem* is why the last try failed, *why_held* why a copy is held back.
    """

    label: str
    schema: int = SCHEMA
    asked: str = ""
    list: str = ""
    since_ns: int = 0
    checked_ns: int = 0
    problem: str = ""
    current: Copy | None = None
    previous: Copy | None = None
    held: Copy | None = None
    why_held: str = ""

    @property
    def subscribed(self) -> bool:
        """Whether it is fetched, not imported."""
        return bool(self.asked)

    @property
    def newest(self) -> Copy | None:
        """The copy that came last."""
        return self.held or self.current


def read(folder: Path) -> Meta:
    """What is known of the label whose folder is *folder*; DamagedMetaError, or OSError if it cannot be read."""
    path = folder / META
    try:
        meta = msgspec.json.decode(path.read_bytes(), type=Meta)
    except FileNotFoundError:
        return Meta(label=folder.name)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DamagedMetaError(f"{path} cannot be understood ({error}); {_way_out(folder.name)}") from error
    if meta.schema > SCHEMA:
        raise DamagedMetaError(f"{path} was written by a newer version (schema {meta.schema}); {_way_out(folder.name)}")
    return meta


def _way_out(label: str) -> str:
    return f"run: schoolgate lists remove {label}, or update or import it again"


def folders(store: Path) -> Iterator[Path]:
    """The folder of each label in *store*, in order; none if there is no such folder."""
    try:
        found = sorted(store.iterdir())
    except FileNotFoundError:
        return
    yield from (one for one in found if LABEL.fullmatch(one.name) and one.is_dir())
