"""Lists into force, with a guard on what a failed download or an author's mistake would do (`deploy.guard`)."""

import time
from collections.abc import Iterator
from functools import partial

import msgspec

from blocklists import compile as compiler
from blocklists import exceptions, index
from blocklists.child import in_child
from blocklists.gather import Progress, Read, Source
from blocklists.rulebook import Role, Rulebook
from deploy import config, policy_file, state_lock, store
from deploy.guard import Guard, WouldCloseError, not_applied
from deploy.toml_file import RefusedError


class Compiled(msgspec.Struct, frozen=True):
    """An index that came into force, open, what was read of each list for it, and what of that was not applied."""

    index: index.Index
    read: dict[str, tuple[Read, ...]]
    not_applied: tuple[str, ...]


def compile_lists(
    settings: config.Settings,
    accepted: frozenset[str] = frozenset(),
    *,
    shrunk: frozenset[str] = frozenset(),
    builder: compiler.Builder = in_child,
    progress: Progress = compiler.quiet,
) -> Compiled:
    """Compile every list that the policy file names and put the index in force.

    What a copy from outside would newly close of the corpus is not applied; what a school's own file would is refused.
    Lists that are *accepted* by name may do both, and be empty or shrink; those of *shrunk* only the latter. OSError if
    a list cannot be read, RefusedError for a bad policy and for what is refused; the index in force then stays.
    """
    with state_lock.held(settings.files):
        book = policy_file.read(settings.policy)
        _check_accepted(accepted, book)
        guard = Guard(settings.files.index, book, accepted, accepted | shrunk)
        sources = dict(_sources(settings, book))
        build = partial(compiler.compile_lists, folder=settings.files.index, judge=guard, progress=progress)
        try:
            built = build(sources, built_ns=time.time_ns(), builder=builder)
        except WouldCloseError as error:
            guard.left_out = error.names(sources)
            without = {name: _without(every, guard.left_out.get(name, set())) for name, every in sources.items()}
            built = build(without, built_ns=time.time_ns(), builder=builder)
        read = compiler.report(built.folder)  # while nobody else can have put it out of force
        return Compiled(built, read, not_applied(built.folder))


def _without(sources: tuple[Source, ...], names: set[str]) -> tuple[Source, ...]:
    return tuple(msgspec.structs.replace(x, except_=x.except_ | names) if x.imported else x for x in sources)


def _sources(settings: config.Settings, book: Rulebook) -> Iterator[tuple[str, tuple[Source, ...]]]:
    """Every source of each list: the school's own file and the copies from outside.

    A list that has copies needs no file of its own. Copies are without the plain mistakes of their authors.
    """
    mistakes, copies = exceptions.by_category(), store.sources(settings.files)
    for name, own in settings.sources(iter(book.lists)).items():
        wrong = mistakes.get(book.lists[name].category, ())
        except_ = frozenset((*wrong, *(f"www.{one}" for one in wrong)))
        imported = tuple(msgspec.structs.replace(copy, except_=except_) for copy in copies.get(name, ()))
        tops = book.lists[name].role is not Role.CATEGORY
        every = (*(one for one in own if not imported or one.path.exists()), *imported)
        yield name, tuple(msgspec.structs.replace(one, tops=tops) for one in every)


def _check_accepted(accepted: frozenset[str], book: Rulebook) -> None:
    if unknown := sorted(accepted - book.lists.keys()):
        known = ", ".join(sorted(book.lists))
        raise RefusedError([f"--accept: there is no list {name!r}; the lists are {known}" for name in unknown])
