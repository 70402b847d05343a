"""`schoolgate sealed`: lists of illegal content, kept so that nobody can read them.

No command prints an entry.
"""
# ruff: noqa: PLC0415 - each command imports what it needs when it runs

import resource
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from deploy import options, toml_file

if TYPE_CHECKING:
    from deploy.sealing import Sealing


@click.group(name="sealed")
def group() -> None:
    """Lists of illegal content, kept so that nobody can read them."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash must not write what is in memory to the disk


def _list[F: Callable[..., Any]](command: F) -> F:
    return click.option("--list", "name", required=True, help="The list's name, such as iwf.")(command)


@group.command(name="import")
@click.argument("source", type=click.File("rb"), metavar="FILE|-")
@_list
@click.option("--accept", is_flag=True, help="Accept it although it has less than half of the entries in force.")
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
    yield f"{name}: {made.entries} entries sealed from {tally.read} lines ({made.layout})."
    if tally.literal:
        yield f"  {tally.literal} have a * in the middle of a path, which is taken as it stands"
    for problem, numbers in tally.numbers.items():
        count = tally.skipped[problem]
        more = ", ..." if count > len(numbers) else ""
        yield f"  {count} left out, {problem}: line {', '.join(map(str, numbers))}{more}"
