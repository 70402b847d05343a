"""`schoolgate sealed`: lists of illegal content, kept so that nobody can read them.

No command prints an entry, and none takes a URL as an argument: a shell keeps those in its history.
"""
# ruff: noqa: PLC0415 - each command imports what it needs when it runs

import resource
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from deploy import options, toml_file
from deploy.counted import counted

if TYPE_CHECKING:
    from deploy.sealed_inquiry import State
    from deploy.sealing import Sealing

LONGEST_QUESTION = 65_536
"""Bytes; an address has 8,192 characters at most."""


@click.group(name="sealed")
def group() -> None:
    """Lists of illegal content, kept so that nobody can read them."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash must not write what is in memory to the disk


def _list[F: Callable[..., Any]](command: F) -> F:
    return click.option("--list", "name", required=True, help="The list's name, such as iwf.")(command)


def _two_people[F: Callable[..., Any]](command: F) -> F:
    """Add --by and --with."""
    by = click.option("--by", required=True, metavar="NAME", help="Who does this; it stays on the record.")
    other = click.option("--with", "other", required=True, metavar="NAME", help="Who stands beside: another person.")
    return by(other(command))


@group.command(name="import")
@click.argument("source", type=click.File("rb"), metavar="FILE|-")
@_list
@click.option(
    "--accept",
    is_flag=True,
    help="Accept it although it has less than half of the entries in force, leaves out most lines, or is a web page.",
)
@click.option(
    "--column", default="", metavar="NAME|N", help="A CSV file's column of URLs, if it is not found; 0: no CSV."
)
@options.config
@options.refusals
def sealed_import(source: Iterable[bytes], name: str, accept: bool, column: str, file: Path | None) -> None:
    """Seal a list of hosts and URLs, plain or CSV; its plain text is never written. Replaces a list of that name.

    Example: `schoolgate sealed import - --list iwf < list.csv`
    """
    from deploy import config, sealing

    if not (name.isascii() and name.replace("-", "").replace("_", "").isalnum() and len(name) <= 64):
        raise toml_file.RefusedError(["--list: a name has letters, digits, - and _, 64 at most"])
    for line in _of_import(name, sealing.seal_list(config.load(file), name, source, accept=accept, column=column)):
        click.echo(line)


def _of_import(name: str, made: "Sealing") -> Iterator[str]:
    tally = made.tally
    entries = counted(made.entries, "entry", "entries")
    yield f"{name}: {entries} sealed from {counted(tally.read, 'line')} ({made.layout})."
    if tally.literal:
        have = "has" if tally.literal == 1 else "have"
        yield f"  {tally.literal} {have} a * in the middle of a path, which is taken as it stands"
    for problem, numbers in tally.numbers.items():
        count = tally.skipped[problem]
        more = ", ..." if count > len(numbers) else ""
        yield f"  {count} left out, {problem}: line {', '.join(map(str, numbers))}{more}"


@group.command(name="status")
@options.config
@options.as_json
@options.refusals
def sealed_status(file: Path | None, as_json: bool) -> None:
    """Say which sealed lists are loaded and how old: the exit code is 1 if one is missing or older than 24 hours."""
    import json

    from deploy import config, sealed_inquiry

    found = sealed_inquiry.status(config.load(file).files)
    if as_json:
        lists = [_as_json(one) for one in found.lists]
        click.echo(json.dumps({"lists": lists, "problems": found.problems}, indent=2))
    else:
        for line in map(_in_words, found.lists):
            click.echo(line)
        if not found.lists:
            click.echo("No sealed list is loaded.")
        for problem in found.problems:
            click.echo(problem, err=True)
    sys.exit(0 if found.fine else options.REFUSED)


def _as_json(one: "State") -> dict[str, str | int | bool | None]:
    return {
        "list": one.list,
        "entries": one.entries,
        "imported": _moment(one.imported_ns),
        "age_seconds": one.age_seconds,
        "stale": one.stale,
        "missing": one.missing,
    }


def _moment(ns: int) -> str | None:
    import datetime

    return datetime.datetime.fromtimestamp(ns // 10**9, datetime.UTC).isoformat() if ns else None


def _in_words(one: "State") -> str:
    age = _ago(one.age_seconds) if one.age_seconds is not None else "at an unknown time"
    wrong = "; MISSING, import it again" if one.missing else "; STALE, import it again" if one.stale else ""
    return f"{one.list:24}{counted(one.entries, 'entry', 'entries'):>17}, imported {age}{wrong}"


def _ago(seconds: int) -> str:
    """How long ago, in hours also beyond a day: from 24 of them a list is old."""
    if seconds < 60:
        return "just now"
    return f"{counted(seconds // 3600, 'hour') if seconds >= 3600 else counted(seconds // 60, 'minute')} ago"


@group.command(name="match", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
@click.pass_context
@_two_people
@options.config
@options.as_json
@options.refusals
def sealed_match(context: click.Context, by: str, other: str, file: Path | None, as_json: bool) -> None:
    """Say whether a URL that the police supply is on a sealed list. It is read from standard input.

    Who asked, when, and what was answered is kept, and of the URL a keyed hash.
    Example: `schoolgate sealed match --by "A. Example" --with "B. Example"`
    """
    import json

    from deploy import config, sealed_inquiry, sealed_record

    if context.args:  # and not repeated, as click would
        raise toml_file.RefusedError(
            ["a URL is typed when it is asked for, or piped in: a shell keeps what it is given"]
        )
    people = sealed_record.two(by, other)
    listed = sealed_inquiry.match(config.load(file).files, _question(), people)
    if as_json:
        click.echo(json.dumps({"match": bool(listed), "list": listed}))
    else:
        click.echo(f"Yes: it is on the list {listed}." if listed else "No: it is on no sealed list.")


def _question() -> str:
    """The one URL on standard input; at a terminal it is asked for, and not shown."""
    if sys.stdin.isatty():
        return str(click.prompt("URL (not shown)", hide_input=True, err=True))
    given = sys.stdin.buffer.read(LONGEST_QUESTION + 1)
    lines = given.decode("utf-8", "replace").split("\n")
    texts = [line.strip() for line in lines if line.strip()]
    if len(texts) != 1 or len(given) > LONGEST_QUESTION:
        raise toml_file.RefusedError(["standard input must hold one URL, and nothing else"])
    return texts[0]


@group.command(name="remove")
@_list
@_two_people
@options.config
@options.refusals
def sealed_remove(name: str, by: str, other: str, file: Path | None) -> None:
    """Take a sealed list out of force, because a licence has ended, say; both names stay on the record.

    Example: `schoolgate sealed remove --list practice --by "A. Example" --with "B. Example"`
    """
    from deploy import config, sealed_record, sealing

    entries = sealing.remove_list(config.load(file), name, sealed_record.two(by, other))
    are = "is" if entries == 1 else "are"
    click.echo(f"{name}: {counted(entries, 'entry', 'entries')} {are} in force no more.")
