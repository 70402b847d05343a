"""`schoolgate lists`: fetch lists or import them, build the index from them, look a name up."""
# ruff: noqa: PLC0415, PLR0917 - each command imports what it needs when it runs; click hands options over one by one

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from deploy import options, toml_file

if TYPE_CHECKING:
    from deploy.config import Settings
    from deploy.copies import Outcome
    from deploy.imports import Imported


@click.group(name="lists")
def group() -> None:
    """The lists of names: fetch or import them, build the index from them, look a name up."""


@group.command(name="update")
@click.argument("labels", nargs=-1, metavar="[LABEL]...")
@click.option("--force", is_flag=True, help="Fetch what has not changed too.")
@click.option("--no-compile", is_flag=True, help="Do not build the index anew.")
@options.config
@options.as_json
@options.refusals
def lists_update(labels: tuple[str, ...], force: bool, no_compile: bool, file: Path | None, as_json: bool) -> None:
    """Fetch the subscriptions of schoolgate.toml, all or those with a LABEL, and build the index if any has changed.

    The last good copy stays in force when one fails or looks wrong; the exit code is 1 then.
    """
    from blocklists import taxonomy
    from deploy import guard, policy_file, progress, store, updates

    settings = _settings(file)
    known = settings.config.subscriptions
    if unknown := sorted(set(labels) - known.keys()):
        there = ", ".join(sorted(known)) or "none"
        raise toml_file.RefusedError([f"there is no subscription {one!r}; they are: {there}" for one in unknown])
    lists = policy_file.read(settings.policy).lists
    with progress.bars(wanted=not as_json) as bars:
        outcomes = updates.update(settings, labels or known, lists, taxonomy.list_for, bars, force=force)
    built = store.is_compiled(settings.files) and not guard.damage(settings.files.index)
    _end(settings, outcomes, as_json=as_json, compiles=not (no_compile or built))


@group.command(name="import")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--list", "name", default="", help="The list of policy.toml that all of it feeds.")
@click.option("--taxonomy", "author", default="", help="Whose category names its folders have, such as ut1.")
@click.option("--label", default="", help="What it is called from now on; a copy of that label is replaced.")
@options.config
@options.as_json
@options.refusals
def lists_import(path: Path, name: str, author: str, label: str, file: Path | None, as_json: bool) -> None:
    """Take lists from PATH, a file, an archive or a folder (a USB stick), and build the index; nothing is fetched.

    Files called like a list (gambling.txt, gambling.hosts.gz) feed it, and so do an author's category folders. Example:
    `schoolgate lists import /media/stick/blacklists.tar.gz`
    """
    from blocklists import taxonomy
    from deploy import imports, policy_file, progress

    settings = _settings(file)
    lists = policy_file.read(settings.policy).lists
    with progress.bars(wanted=not as_json) as bars:
        run = imports.Import(settings, lists, taxonomy.list_for, tuple(taxonomy.sources()), bars)
        imported = run.run(path, imports.Choice(name, author, label))
    changed = any(one.state is one.state.FETCHED for one in imported.outcomes)
    _end(settings, imported.outcomes, as_json=as_json, compiles=changed, imported=imported)


@group.command(name="accept")
@click.argument("labels", nargs=-1, required=True, metavar="LABEL...")
@options.config
@options.as_json
@options.refusals
def lists_accept(labels: tuple[str, ...], file: Path | None, as_json: bool) -> None:
    """Put the copies of each LABEL that are held back in force, and build the index."""
    from deploy import store
    from deploy.copies import Outcome, State

    settings = _settings(file)
    with store.changing(settings.files):
        accepted = store.accept(settings.files, labels)
    outcomes = [Outcome(label, State.FETCHED, copy=copy) for label, copy in accepted.items()]
    _end(settings, outcomes, as_json=as_json, compiles=True, meant=_fed(settings, labels))


@group.command(name="remove")
@click.argument("labels", nargs=-1, required=True, metavar="LABEL...")
@options.config
@options.as_json
@options.refusals
def lists_remove(labels: tuple[str, ...], file: Path | None, as_json: bool) -> None:
    """Take every copy of each LABEL away, and build the index without it. A subscription is fetched again."""
    from deploy import store

    settings = _settings(file)
    meant = _fed(settings, labels)
    with store.changing(settings.files):
        store.remove(settings.files, labels)
    _end(settings, [], as_json=as_json, compiles=True, meant=meant)


@group.command(name="status")
@options.config
@options.as_json
@options.refusals
def lists_status(file: Path | None, as_json: bool) -> None:
    """Say where each list comes from, how much of it was understood, how old it is, and what is held back.

    The exit code is 1 if anything failed, is held back or not applied, is older than 14 days, or is not in the index.
    """
    import time

    from blocklists import index
    from deploy import guard, list_status, list_words, policy_file, store

    settings, now = _settings(file), time.time_ns()
    lists = policy_file.read(settings.policy).lists
    found = list_status.of(settings, lists, compiled=store.is_compiled(settings.files), now_ns=now)
    beside = [*guard.damage(settings.files.index), *guard.not_applied(settings.files.index / index.CURRENT)]
    if as_json:
        click.echo(json.dumps({**list_words.status_json(found), "beside": beside}, indent=2))
    else:
        click.echo("\n".join([*list_words.status(found, now), *beside]))
    sys.exit(0 if found.good and not beside else options.REFUSED)


def _settings(file: Path | None) -> "Settings":
    """The settings, as the user whose the lists are."""
    from deploy import config, lists_owner

    settings = config.load(file)
    lists_owner.become(settings.files)
    return settings


def _fed(settings: "Settings", labels: Iterable[str]) -> set[str]:
    """The lists that copies of *labels* feed or fed, also where the index alone can still say so."""
    from blocklists import compile as compiler
    from blocklists import index
    from deploy import store

    metas = [store.known(settings.files, label) for label in labels]
    copies = [copy for meta in metas for copy in (meta.current, meta.previous) if copy]
    try:
        read = compiler.report(settings.files.index / index.CURRENT)
    except (OSError, ValueError):
        read = {}
    indexed = {name for name, every in read.items() if any(one.label in set(labels) for one in every)}
    return indexed | {part.list for copy in copies for part in copy.parts}


def _end(
    settings: "Settings",
    outcomes: Iterable["Outcome"],
    *,
    as_json: bool,
    compiles: bool,
    meant: Iterable[str] = (),
    imported: "Imported | None" = None,
) -> None:
    """Say what became of each list, build the index if it *compiles*, and end with 1 if anything is not good.

    *meant* are the lists that somebody has said to be right as they are; what was *imported* may have left things out.
    """
    from deploy import copies, list_words

    outcomes = list(outcomes)
    unknown, links = (imported.unknown, imported.links) if imported else ((), 0)
    if not as_json:
        for line in list_words.outcomes(outcomes, unknown, links):
            click.echo(line)
    accepted = {*meant, *copies.shrunk(outcomes)}
    build, problems = _compiled(settings, accepted, shows=not as_json) if compiles else ("", [])
    if as_json:
        lists = [list_words.outcome_json(one) for one in outcomes]
        said = {"build": build or None, "problems": problems, "lists": lists, "unknown": unknown, "links": links}
        click.echo(json.dumps(said, indent=2))
    elif build:
        click.echo(f"Index {build} is in force.")
    if problems and not as_json:
        raise toml_file.RefusedError(problems)
    sys.exit(0 if not problems and all(one.good for one in outcomes) else options.REFUSED)


def _compiled(settings: "Settings", accepted: set[str], *, shows: bool) -> tuple[str, list[str]]:
    """The new build's name, and why there is none."""
    from blocklists import index
    from deploy import listing, policy_file, progress, store

    try:
        named = frozenset(accepted & policy_file.read(settings.policy).lists.keys())
        with store.compiling(settings.files), progress.steps(wanted=shows) as steps:
            compiled = listing.compile_lists(settings, shrunk=named, progress=steps)
        click.echo("".join(f"{one}\n" for one in compiled.not_applied), nl=False, err=True)
    except (toml_file.RefusedError, OSError, ValueError) as error:
        return "", options.sentences(error)
    return (settings.files.index / index.CURRENT).resolve().name, []


@group.command(name="compile")
@click.option(
    "--accept", "accepted", multiple=True, metavar="LIST", help="Accept this list although it is empty or shrunk."
)
@options.config
@options.as_json
@options.refusals
def lists_compile(accepted: tuple[str, ...], file: Path | None, as_json: bool) -> None:
    """Read every list and build a new index; running processes take it up within a second.

    A list that came out empty, or with less than half of its names, is refused and the index in force stays: a failed
    download looks like that. Example: `schoolgate lists compile --accept gambling`
    """
    from deploy import list_words, listing, progress, store

    settings = _settings(file)
    with store.compiling(settings.files), progress.steps(wanted=not as_json) as steps:
        compiled = listing.compile_lists(settings, frozenset(accepted), progress=steps)
    built = compiled.index
    if as_json:
        lists = list_words.compiled_json(built.manifest.rules, compiled.read)
        said = {"build": built.identity, "entries": built.manifest.entries, "not_applied": compiled.not_applied}
        click.echo(json.dumps({**said, "lists": lists}, indent=2))
        return
    for name, every in compiled.read.items():
        for line in list_words.compiled(name, built.manifest.rules[name], every):
            click.echo(line)
    click.echo("".join(f"{one}\n" for one in compiled.not_applied), nl=False, err=True)
    click.echo(f"Index {built.identity} is in force.")


@group.command(name="lookup")
@click.argument("name", metavar="HOST|URL")
@options.config
@options.as_json
@options.refusals
def lists_lookup(name: str, file: Path | None, as_json: bool) -> None:
    """Say which lists name HOST or a parent of it, or the page or a folder of URL. Sealed lists are never looked up."""
    from deploy import config, list_words, lookup

    found = lookup.of(config.load(file).files, name)
    if as_json:
        click.echo(json.dumps(list_words.lookup_json(found), indent=2))
        return
    for line in list_words.lookup(found):
        click.echo(line)
