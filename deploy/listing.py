"""Lists into force, with a guard: a list that came out empty or much shorter is refused until a person accepts it.

A download that failed leaves an error page or nothing where a list was; putting that in force would open a category.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from blocklists import compile as compiler
from blocklists import corpus, exceptions, index
from blocklists.child import in_child
from blocklists.gather import Progress, Read, Source
from blocklists.policy import Policy
from blocklists.rulebook import Rulebook
from deploy import config, policy_file, state_lock, store
from deploy.toml_file import RefusedError

SHRINKS_TO = 0.5
"""A list that keeps less than this part of its names is refused: weekly updates of real lists change a few percent."""
MOST_SHOWN = 5
"""Sites of the corpus named for each list; a list that closes more of them is not read name by name."""


class Compiled(msgspec.Struct, frozen=True):
    """An index that came into force, open, and what was read of each list for it."""

    index: index.Index
    read: dict[str, tuple[Read, ...]]


def compile_lists(
    settings: config.Settings,
    accepted: frozenset[str] = frozenset(),
    *,
    builder: compiler.Builder = in_child,
    progress: Progress = compiler.quiet,
) -> Compiled:
    """Compile every list that the policy file names and put the index in force.

    OSError if a list cannot be read. RefusedError for a bad policy, and for a list that is empty or has shrunk and is
    not *accepted* by name; the index in force then stays.
    """
    folder = settings.files.index
    with state_lock.held(settings.files):
        book = policy_file.read(settings.policy)
        _check_accepted(accepted, book)
        judge = _guard(_in_force(folder), accepted, book)
        sources, now = dict(_sources(settings, book)), time.time_ns()
        built = compiler.compile_lists(sources, folder, built_ns=now, judge=judge, builder=builder, progress=progress)
        return Compiled(built, compiler.report(built.folder))  # while nobody else can have put it out of force


def _sources(settings: config.Settings, book: Rulebook) -> Iterator[tuple[str, tuple[Source, ...]]]:
    """Every source of each list: the school's own file and the copies from outside.

    A list that has copies needs no file of its own. Copies are without the plain mistakes of their authors.
    """
    mistakes, copies = exceptions.by_category(), store.sources(settings.files)
    for name, own in settings.sources(iter(book.lists)).items():
        wrong = mistakes.get(book.lists[name].category, ())
        except_ = frozenset((*wrong, *(f"www.{one}" for one in wrong)))
        imported = tuple(msgspec.structs.replace(copy, except_=except_) for copy in copies.get(name, ()))
        yield name, (*(one for one in own if not imported or one.path.exists()), *imported)


def _check_accepted(accepted: frozenset[str], book: Rulebook) -> None:
    if unknown := sorted(accepted - book.lists.keys()):
        known = ", ".join(sorted(book.lists))
        raise RefusedError([f"--accept: there is no list {name!r}; the lists are {known}" for name in unknown])


def _in_force(folder: Path) -> index.Index | None:
    try:
        return index.Index(folder / index.CURRENT)
    except (OSError, ValueError):
        return None


def _guard(before: index.Index | None, accepted: frozenset[str], book: Rulebook) -> Callable[[index.Index], None]:
    def judge(built: index.Index) -> None:
        if refused := [*_shrunk(before, built, accepted), *_closing(before, built, accepted, book)]:
            raise RefusedError(refused)

    return judge


def _shrunk(before: index.Index | None, built: index.Index, accepted: frozenset[str]) -> Iterator[str]:
    had = before.manifest.rules if before else {}
    for name, rules in built.manifest.rules.items():
        if name not in accepted and (not rules or rules < had.get(name, 0) * SHRINKS_TO):
            yield (
                f"{name}: {rules} rules, where {had.get(name, 0)} are in force; the index in force stays. If this is"
                f" meant, add --accept {name}"
            )


def _closing(before: index.Index | None, built: index.Index, accepted: frozenset[str], book: Rulebook) -> Iterator[str]:
    """What the new index would close of the curriculum and help sites, list by list."""
    if before is None:
        return
    found: dict[str, list[str]] = {}
    for one in corpus.newly_closed(Policy(book, built), Policy(book, before), corpus.rows()):
        found.setdefault(one.verdict.list, []).append(f"{one.name} for {one.profile} ({one.verdict.rule})")
    for name, closed in found.items():
        if name not in accepted:
            more = f" and {len(closed) - MOST_SHOWN} more" if len(closed) > MOST_SHOWN else ""
            yield (
                f"{name}: it would close {', '.join(closed[:MOST_SHOWN])}{more}, which lessons or help need; the index"
                f" in force stays. If this is meant, add --accept {name}"
            )
