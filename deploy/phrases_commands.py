"""`schoolgate phrases`: put the phrases that pages are scanned for in force, and say what a text would score."""
# ruff: noqa: PLC0415 - each command imports what it needs when it runs

import json
import sys
from pathlib import Path

import rich_click as click

from deploy import options

FOLDER = "phrases"
"""The school's own tables, beside schoolgate.toml."""


@click.group(name="phrases")
def group() -> None:
    """The weighted phrases that pages of unknown sites are scanned for."""


@group.command(name="compile")
@options.config
@options.as_json
@options.refusals
def phrases_compile(file: Path | None, as_json: bool) -> None:
    """Read the shipped tables of phrases and the school's own (phrases/*.csv beside schoolgate.toml) into force.

    Workers take them up within a second. A line that cannot be read is left out, with its reason.
    Example: `schoolgate phrases compile`
    """
    import time

    from blocklists import phrase_lists
    from deploy import config, state_lock

    settings = config.load(file)
    with state_lock.held(settings.files):
        folders = phrase_lists.FOLDER, settings.folder / FOLDER
        lists = phrase_lists.read(phrase_lists.files(*folders))
        scanner = phrase_lists.scanner(*folders)
        scanner.save(settings.files.phrases, written_ns=time.time_ns())
    left = [(str(path), one.line, one.why) for path, read in lists.items() for one in read.left]
    if as_json:
        said = [{"file": name, "line": line, "why": why} for name, line, why in left]
        click.echo(json.dumps({"phrases": len(scanner.phrases), "left_out": said}, indent=2))
        return
    for name, line, why in left:
        click.echo(f"{name}, line {line}: left out: {why}", err=True)
    click.echo(f"{len(scanner.phrases)} phrases are in force.")


@group.command(name="score")
@click.argument("page", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@options.config
@options.as_json
@options.refusals
def phrases_score(page: Path, file: Path | None, as_json: bool) -> None:
    """Say what the text or the saved page in the file PAGE ("-" for standard input) scores, and for which phrases.

    The phrases in force, or the shipped ones where none were compiled. Example: `schoolgate phrases score page.html`
    """
    from blocklists import phrase_lists, phrase_scan
    from deploy import config
    from proxy_addons import page_text

    files = config.load(file).files
    scanner = phrase_scan.load(files.phrases) if files.phrases.exists() else phrase_lists.shipped()
    body = sys.stdin.buffer.read() if str(page) == "-" else page.read_bytes()
    score = scanner.score(page_text.words_of(page_text.sniffed(body), page_text.decoded(body, "")))
    if as_json:
        evidence = [{"phrase": phrase, "weight": weight} for phrase, weight in score.evidence]
        click.echo(json.dumps({"score": score.score, "category": score.category, "evidence": evidence}, indent=2))
        return
    about = f" ({score.category}): {score.words(most=100)}" if score.category else ""
    click.echo(f"{score.score}{about}")
