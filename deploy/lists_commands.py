"""`schoolgate lists`: build the index from the lists, look a name up."""
# ruff: noqa: PLC0415 - each command imports what it needs when it runs

from pathlib import Path

import rich_click as click

from deploy import options, toml_file


@click.group(name="lists")
def group() -> None:
    """The lists of names: build the index from them, look a name up."""


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
    import json

    from blocklists import compile as compiler
    from deploy import config, listing

    settings = config.load(file)
    built = listing.compile_lists(settings, frozenset(accepted))
    read = compiler.report(built.folder)
    rows = [
        {"list": name, "rules": built.manifest.rules[name], "skipped": sum(one.tally.skipped_count for one in sources)}
        for name, sources in read.items()
    ]
    if as_json:
        click.echo(json.dumps({"build": built.identity, "entries": built.manifest.entries, "lists": rows}, indent=2))
        return
    for row in rows:
        click.echo(f"{row['list']:24}{row['rules']:>9} rules{row['skipped']:>8} lines skipped")
        for skipped in [line for one in read[str(row["list"])] for line in one.tally.skipped][:5]:
            click.echo(f"    line {skipped.line}: {skipped.reason}")
    click.echo(f"Index {built.identity} is in force.")


@group.command(name="lookup")
@click.argument("name", metavar="HOST")
@options.config
@options.as_json
@options.refusals
def lists_lookup(name: str, file: Path | None, as_json: bool) -> None:
    """Say which lists name HOST or a parent of it. Sealed lists are never looked up."""
    import json

    from blocklists import domain, index, url
    from deploy import config

    settings = config.load(file)
    parsed = url.canonical(name) if "/" in name else None
    host = parsed.host if parsed else domain.canonical(name)
    if host is None:
        raise toml_file.RefusedError([f"{name!r} is not the name of a host"])
    current = settings.files.index / index.CURRENT
    try:
        found = index.Index(current).listed(host)
    except index.DamagedIndexError as error:
        raise toml_file.RefusedError([f"{current}: {error}; run: schoolgate lists compile"]) from None
    if as_json:
        click.echo(json.dumps([{"rule": one.rule, "lists": list(one.lists)} for one in found], indent=2))
    elif not found:
        click.echo(f"{host} is on no list.")
    for one in () if as_json else found:
        click.echo(f"{one.rule:40}{', '.join(one.lists)}")
