"""What `schoolgate lists status` says: where each list comes from, how much of it was understood, and how old it is.

Everything is read and nothing is changed. Lines of lists are never shown: only their numbers, and why they were left
out.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
from msgspec.structs import replace

from blocklists import compile as compiler
from blocklists import index, stored
from blocklists.live import Files
from blocklists.parse import Skipped
from blocklists.stored import Copy, Meta, Part
from deploy import judgement
from deploy.config import Settings

STALE = 14 * 24 * 3600
"""Seconds after which a subscription is old: authors publish daily to weekly."""


class SourceStatus(msgspec.Struct, frozen=True):
    """A source of *list*: the school's own file (without a label), or a part of a copy that is in force.

    *understood* is a share from 0 to 1, *fetched_ns* in UTC nanoseconds. *problem* says why there is nothing of it.
    """

    list: str
    origin: str
    label: str = ""
    category: str = ""
    rules: int = 0
    lines: int = 0
    understood: float = 1.0
    reasons: dict[str, int] = {}
    first: tuple[Skipped, ...] = ()
    fetched_ns: int = 0
    problem: str = ""


class LabelStatus(msgspec.Struct, frozen=True):
    """A label, and what somebody should look into: its *problem*, and why a copy is *held* back.

    It is *untried* until it was fetched for the first time, well or not.
    """

    label: str
    origin: str
    subscribed: bool
    checked_ns: int = 0
    problem: str = ""
    held: str = ""
    unknown: tuple[str, ...] = ()
    untried: bool = False


class Status(msgspec.Struct, frozen=True):
    """All of it; *build* is the index in force ("" for none), *compiled* whether it has every copy that is in force.

    *patterns* says of the index how many patterns of each list were left out when it was built, by reason.
    """

    build: str
    built_ns: int
    compiled: bool
    sources: tuple[SourceStatus, ...]
    labels: tuple[LabelStatus, ...]
    patterns: dict[str, dict[str, int]] = {}

    @property
    def good(self) -> bool:
        """Whether nobody needs to look into anything."""
        wrong = any(one.problem or one.held for one in self.labels) or any(one.problem for one in self.sources)
        return bool(self.build) and self.compiled and not wrong


def of(settings: Settings, lists: Iterable[str], *, compiled: bool, now_ns: int) -> Status:
    """The status of the *lists* of policy.toml; *compiled* is `store.is_compiled`."""
    metas = {folder.name: _read(folder) for folder in stored.folders(settings.files.lists)}
    build, built_ns = _build(settings.files)
    copied = [source for meta in metas.values() for source in _parts(settings.files, meta)]
    own = _own_files(settings, lists, copied={source.list for source in copied})
    labels = sorted(metas.keys() | settings.config.subscriptions.keys())
    return Status(
        build=build,
        built_ns=built_ns,
        compiled=compiled,
        sources=tuple(sorted((*own, *copied), key=lambda one: (one.list, one.label, one.category))),
        labels=tuple(_label(settings, metas.get(label, Meta(label=label)), now_ns) for label in labels),
        patterns=_patterns(settings.files),
    )


def _read(folder: Path) -> Meta:
    try:
        return stored.read(folder)
    except (stored.DamagedMetaError, OSError) as error:
        return Meta(label=folder.name, problem=str(error))


def _build(files: Files) -> tuple[str, int]:
    try:
        found = index.Index(files.index / index.CURRENT)
    except (index.DamagedIndexError, OSError):
        return "", 0
    return found.identity, found.manifest.built_ns


def _patterns(files: Files) -> dict[str, dict[str, int]]:
    """The patterns that did not get into the index, which is where they were compiled."""
    try:
        read = compiler.report(files.index / index.CURRENT)
    except (OSError, ValueError):
        return {}
    left_out: dict[str, dict[str, int]] = {}
    for name, every in read.items():
        for reason, count in ((reason, count) for one in every for reason, count in one.tally.reasons.items()):
            if reason.startswith("a pattern that"):
                counts = left_out.setdefault(name, {})
                counts[reason] = counts.get(reason, 0) + count
    return left_out


def _own_files(settings: Settings, lists: Iterable[str], copied: set[str]) -> Iterator[SourceStatus]:
    """The school's own file of each list; a list that is *copied* needs none."""
    for name, (source, *_) in settings.sources(iter(lists)).items():
        part = Part(list=name, path=source.path.name, format=source.format)
        try:
            yield _source(judgement.read_part(source.path.parent, part), str(source.path))
        except OSError as error:
            if name not in copied or not isinstance(error, FileNotFoundError):
                yield SourceStatus(name, str(source.path), problem=error.strerror or str(error))


def _parts(files: Files, meta: Meta) -> Iterator[SourceStatus]:
    """The parts of the copy in force, and a problem where one is no longer on the disk."""
    if not (copy := meta.current):
        return
    for part in copy.parts:
        found, path = _source(part, copy.origin, meta), files.lists / meta.label / copy.stamp / part.path
        gone = f"{path} has gone; run: schoolgate lists remove {meta.label}, or update --force or import it again"
        yield found if path.exists() else replace(found, problem=gone)


def _source(part: Part, origin: str, meta: Meta | None = None) -> SourceStatus:
    return SourceStatus(
        list=part.list,
        origin=origin,
        label=meta.label if meta else "",
        category=part.category,
        rules=part.rules,
        lines=part.lines,
        understood=part.understood,
        reasons=part.reasons,
        first=part.first,
        fetched_ns=meta.current.fetched_ns if meta and meta.current else 0,
    )


def _label(settings: Settings, meta: Meta, now_ns: int) -> LabelStatus:
    subscription = settings.config.subscriptions.get(meta.label)
    return LabelStatus(
        label=meta.label,
        origin=subscription.url if subscription else _origin(meta.newest),
        subscribed=meta.subscribed or subscription is not None,
        checked_ns=meta.checked_ns,
        problem=meta.problem or _problem(meta, now_ns, subscribed=subscription is not None),
        held=meta.why_held,
        unknown=meta.current.unknown if meta.current else (),
        untried=not meta.newest and not meta.problem,
    )


def _origin(copy: Copy | None) -> str:
    return copy.origin if copy else ""


def _problem(meta: Meta, now_ns: int, *, subscribed: bool) -> str:
    """What is wrong with a label whose last try went well."""
    if subscribed and not meta.newest:
        return f"not fetched yet; run: schoolgate lists update {meta.label}"
    if meta.subscribed and not subscribed:
        return f"it is subscribed no longer, and its copy stays in force until: schoolgate lists remove {meta.label}"
    if subscribed and now_ns - meta.checked_ns > STALE * 10**9:
        return f"its copy was found to be the newest {(now_ns - meta.checked_ns) // (24 * 3600 * 10**9)} days ago"
    return ""
