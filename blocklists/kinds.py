"""Kinds of file: what a download or an upload is, by its name, by the type that is declared, and by its first bytes.

Which extensions, types and first bytes stand for which kind is in `data/kinds.csv`. This file closes nothing: which
kinds are closed to whom is the profile's business.
"""

import functools
from collections.abc import Iterable, Mapping

import msgspec

from blocklists import defaults

LOOKED_AT = 64
"""Bytes of a body that are looked at."""
_TELLING = 4
"""A shorter start is met in plain text too, so a NUL must stand among the bytes looked at: a program has some."""
_NO_BROWSER_SHOWS = frozenset({"application/octet-stream", "application/force-download", "binary/octet-stream"})


class Kind(msgspec.Struct, frozen=True):
    """One row: *words* end the sentence "This is ..."; *types* may end in "/*"; *starts* are bytes."""

    name: str
    words: str
    extensions: frozenset[str]
    types: frozenset[str]
    starts: tuple[bytes, ...]


class Kinds:
    """A table of kinds, ready to be asked."""

    def __init__(self, kinds: Iterable[Kind]) -> None:
        self.by_name = {kind.name: kind for kind in kinds}
        self._by_extension = {e: k.name for k in self.by_name.values() for e in k.extensions}
        self._by_type = {t: k.name for k in self.by_name.values() for t in k.types}
        self._by_start = {s: k.name for k in self.by_name.values() for s in k.starts}
        self._starts = tuple(self._by_start)
        self._short = tuple(s for s in self._starts if len(s) < _TELLING)
        self.of_type = functools.lru_cache(1024)(self._of_type)
        self.of_name = functools.lru_cache(1024)(self._of_name)

    def _of_type(self, content_type: str) -> str:
        """The kind that a Content-Type declares, or ""."""
        media = content_type.partition(";")[0].strip().lower()
        return self._by_type.get(media) or self._by_type.get(f"{media.partition('/')[0]}/*", "")

    def _of_name(self, name: str) -> str:
        """The kind of a file or path of that *name*, or ""; what stands behind the last dot decides."""
        last = name.rpartition("/")[2].rstrip(". \t")
        return self._by_extension.get(last.rpartition(".")[2].lower(), "") if "." in last else ""

    def needs_more(self, start: bytes) -> bool:
        """Whether what follows *start* can still change what `of_start` says of it."""
        if len(start) >= LOOKED_AT:
            return False
        return any(s.startswith(start) for s in self._starts) or (start.startswith(self._short) and b"\0" not in start)

    def of_start(self, start: bytes) -> str:
        """The kind of a body that opens with *start*, or ""."""
        if not start.startswith(self._starts):
            return ""
        found = max((s for s in self._by_start if start.startswith(s)), key=len)
        telling = len(found) >= _TELLING or b"\0" in start[:LOOKED_AT]
        return self._by_start[found] if telling else ""


def is_attached(disposition: str) -> bool:
    """Whether a Content-Disposition says that the answer is to be saved, not shown."""
    return disposition.partition(";")[0].strip().lower() == "attachment"


def is_unshown(content_type: str) -> bool:
    """Whether a Content-Type is one that browsers save, whatever the answer is."""
    return content_type.partition(";")[0].strip().lower() in _NO_BROWSER_SHOWS


def file_name(disposition: str) -> str:
    """The file's name that a Content-Disposition or the head of a form's part gives (RFC 6266), or "".

    The extended form (filename*) wins where both stand, as in browsers; its escapes are of no matter to an extension.
    """
    names: dict[str, str] = {}
    for part in _split(disposition):
        key, equals, value = part.partition("=")
        if equals:
            names.setdefault(key.strip().lower(), value.strip().strip('"'))
    extended = names.get("filename*", "").rpartition("'")[2].replace("%2E", ".").replace("%2e", ".")
    return extended or names.get("filename", "")


def _split(header: str) -> list[str]:
    """The parts of *header* between semicolons that stand in no quotes."""
    parts, quoted, start = [], False, 0
    for place, sign in enumerate(header):
        if sign == '"':
            quoted = not quoted
        elif sign == ";" and not quoted:
            parts.append(header[start:place])
            start = place + 1
    return [*parts, header[start:]]


def read(rows: Iterable[Mapping[str, str]]) -> Kinds:
    """The kinds that *rows* say; ValueError for a row without name or words, or one that says what another says."""
    kinds: dict[str, Kind] = {}
    taken: set[str] = set()
    for row in rows:
        says = (*row["extensions"].split(), *row["types"].split(), *row["starts"].split())
        if not row["kind"] or not row["words"] or row["kind"] in kinds or len({*says} - taken) < len(says):
            raise ValueError(f"kinds.csv: {row}")
        taken.update(says)
        kinds[row["kind"]] = Kind(
            row["kind"],
            row["words"],
            frozenset(row["extensions"].split()),
            frozenset(row["types"].split()),
            tuple(bytes.fromhex(start) for start in row["starts"].split()),
        )
    return Kinds(kinds.values())


@functools.cache
def shipped() -> Kinds:
    """The kinds that we ship."""
    return read(defaults.table("kinds"))
