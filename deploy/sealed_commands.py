"""`schoolgate sealed`: lists of illegal content, kept so that nobody can read them."""
# ruff: noqa: PLC0415 - each command imports what it needs when it runs

from collections.abc import Iterable
from pathlib import Path

import rich_click as click

from deploy import options, toml_file


@click.group(name="sealed")
def group() -> None:
    """Lists of illegal content, kept so that nobody can read them."""


@group.command(name="import")
@click.argument("source", type=click.File("rb"), metavar="FILE|-")
@click.option("--list", "name", required=True, help="The list's name, such as iwf.")
@click.option("--accept", is_flag=True, help="Accept it although it has less than half of the entries in force.")
@options.config
@options.refusals
def sealed_import(source: Iterable[bytes], name: str, accept: bool, file: Path | None) -> None:
    """Seal a list of hosts and URLs, one a line; its plain text is never written. Replaces a list of that name.

    Example: `schoolgate sealed import - --list iwf < list.csv`
    """
    from deploy import config, sealing

    if not name.replace("-", "").replace("_", "").isalnum():
        raise toml_file.RefusedError([f"--list: {name!r} must be letters, digits, - and _"])
    entries, skipped = sealing.seal_list(config.load(file), name, iter(source), accept=accept)
    click.echo(f"{name}: {entries} entries sealed, {skipped} lines skipped because they name no host.")
