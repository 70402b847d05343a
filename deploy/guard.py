"""What a new index must not do unless a person says that it is meant.

A list that came out empty or much shorter opens a category: a download that failed leaves an error page or nothing
where a list was. A list that names what lessons or help need closes it: of a copy from outside that is shown and not
applied (POLICY.md, "Education first"), of a school's own file it is refused.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from blocklists import compile as compiler
from blocklists import corpus, index, snapshot
from blocklists.corpus import Closed
from blocklists.gather import Source
from blocklists.live import whole_build
from blocklists.policy import Policy
from blocklists.rulebook import Rulebook
from deploy.toml_file import RefusedError

SHRINKS_TO = 0.5
"""A list that keeps less than this part of its names is refused: weekly updates of real lists change a few percent."""
MOST_SHOWN = 5
"""Rules of a list that are named for closing the corpus; of a list with more, a person reads no further."""
NOT_APPLIED = "not_applied.json"
"""The file of a build that says what was not applied."""


class WouldCloseError(Exception):
    """A new index would close these sites of the corpus."""

    def __init__(self, closed: list[Closed]) -> None:
        """Take what would be *closed*."""
        super().__init__("it would close what lessons or help need")
        self.closed = closed

    def names(self, sources: Mapping[str, tuple[Source, ...]]) -> dict[str, set[str]]:
        """By list what its copies must not list, so that all stays open; RefusedError where no copy lists it."""
        if own := [one for one in self.closed if not any(x.imported for x in sources.get(one.verdict.list, ()))]:
            raise RefusedError(list(_sentences(own, "the index in force stays")))
        found: dict[str, set[str]] = {}
        for one in self.closed:
            found.setdefault(one.verdict.list, set()).update({one.name, one.verdict.rule})
        return found


class Guard:
    """Judges a new index before it is put in force."""

    def __init__(self, folder: Path, book: Rulebook, accepted: frozenset[str], may_shrink: frozenset[str]) -> None:
        """Judge what is built in *folder* for *book*; lists of *accepted* and *may_shrink* are meant as they are."""
        self._before = _in_force(folder)
        self._book, self._accepted, self._may_shrink = book, accepted, may_shrink
        self.left_out: dict[str, set[str]] = {}
        self._closed: list[Closed] = []

    def __call__(self, built: index.Index) -> None:
        """Raise RefusedError for a list that is empty or shrunk, WouldCloseError for one that closes the corpus."""
        if refused := [*_shrunk(self._before, built, self._may_shrink), *self._lost(built)]:
            raise RefusedError(refused)
        if self._before is None:
            return
        every = corpus.newly_closed(Policy(self._book, built), Policy(self._book, self._before), corpus.rows())
        closed = [one for one in every if one.verdict.list not in self._accepted]
        if closed and self.left_out:
            raise RefusedError(list(_sentences(closed, "the index in force stays")))
        if closed:
            self._closed = closed
            raise WouldCloseError(closed)
        if self.left_out:
            content = msgspec.json.encode(list(_sentences(self._closed, "this is not applied")))
            (built.folder / NOT_APPLIED).write_bytes(content)
            snapshot.share(built.folder / NOT_APPLIED, 0o644)

    def _lost(self, built: index.Index) -> Iterator[str]:
        """Own files that were read for the index in force and are gone."""
        had, has = compiler.report(self._before.folder) if self._before else {}, compiler.report(built.folder)
        for name, reads in has.items():
            rules = sum(one.tally.rules for one in had.get(name, ()) if not one.label)
            if rules and name not in self._may_shrink and all(one.label for one in reads):
                yield (
                    f"{name}: its own file is gone, which had {rules} rules; the index in force stays. If this is"
                    f" meant: schoolgate lists compile --accept {name}"
                )


def _in_force(folder: Path) -> index.Index | None:
    """The index that is in force, or that a start would go back to where that one is damaged."""
    try:
        return index.Index(folder / index.CURRENT)
    except (OSError, ValueError):
        return whole_build(folder) if folder.is_dir() else None


def _shrunk(before: index.Index | None, built: index.Index, meant: frozenset[str]) -> Iterator[str]:
    new, old = built.manifest, before.manifest if before else built.manifest
    for name, rules in new.rules.items():
        had, listed, had_listed = old.rules.get(name, 0), new.listed[name], old.listed.get(name, 0)
        if name not in meant and (not rules or rules < had * SHRINKS_TO):
            says = f"{rules} rules, where {had} are in force"
        elif name not in meant and listed < had_listed * SHRINKS_TO:
            says = f"its rules list {listed} names and pages, exceptions taken off, where {had_listed} are in force"
        else:
            continue
        meant_so = f"If this is meant: schoolgate lists compile --accept {name}"
        yield f"{name}: {says}; the index in force stays. {meant_so}"


def _sentences(closed: list[Closed], what: str) -> Iterator[str]:
    """A sentence for each list about what it would close, rule by rule, and *what* follows."""
    found: dict[str, dict[str, dict[str, list[str]]]] = {}
    for one in closed:
        rules = found.setdefault(one.verdict.list, {})
        rules.setdefault(one.verdict.rule, {}).setdefault(one.name, []).append(one.profile)
    for name, rules in found.items():
        shown = list(rules.items())[:MOST_SHOWN]
        said = "; ".join(f"its rule {rule} would close {_sites(sites)}" for rule, sites in shown)
        more = f"; {len(rules) - MOST_SHOWN} more of its rules close others" if len(rules) > MOST_SHOWN else ""
        meant = f"If it is meant: schoolgate lists compile --accept {name}"
        yield f"{name}: {said}{more}, which lessons or help need; {what}. {meant}"


def _sites(sites: dict[str, list[str]]) -> str:
    """The first of *sites*, with whom it would be closed for, and how many more there are."""
    first, profiles = next(iter(sites.items()))
    more = len(sites) - 1
    return f"{first} for {', '.join(profiles)}" + (f" and {more} more site{'s' * (more > 1)}" if more else "")


def not_applied(build: Path) -> tuple[str, ...]:
    """The sentences about what was not applied in the index in the folder *build*."""
    try:
        return tuple(msgspec.json.decode((build / NOT_APPLIED).read_bytes(), type=list[str]))
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return ()


def damage(folder: Path) -> list[str]:
    """A sentence if the index in force, of *folder*, is there and cannot be used."""
    current = folder / index.CURRENT
    try:
        index.Index(current)
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        return [f"{current}: damaged: {error}; run: schoolgate lists compile"]
    return []
