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

    from deploy import config, listing

    settings = config.load(file)
    build, parsed = listing.compile_lists(settings, frozenset(accepted))
    rows = [
        {"list": name, "names": len(one.names), "skipped": one.tally.skipped_count, "lines": one.tally.lines}
        for name, one in parsed.items()
    ]
    if as_json:
        click.echo(json.dumps({"build": build.name, "lists": rows}, indent=2))
        return
    for name, one in parsed.items():
        click.echo(f"{name:24}{len(one.names):>9} names{one.tally.skipped_count:>8} lines skipped")
        for skipped in one.tally.skipped[:5]:
            click.echo(f"    line {skipped.line}: {skipped.reason}")
    click.echo(f"Index {build.name} is in force.")


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
