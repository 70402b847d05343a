"""Which share of each real list is understood, and whether one list in four formats gives one index."""

from pathlib import Path

from blocklists import compile as compiler
from blocklists import index, parse
from blocklists.gather import Source
from blocklists.parse import Format, Tally
from tests.bench.lists.names import LISTS
from tests.bench.report import Row, say

GOOD = 0.999
FORMATS = {
    "adblock": Format.ADBLOCK,
    "dnsmasq": Format.DNSMASQ,
    "wildcard": Format.WILDCARD,
    "domains": Format.PLAIN,
}


def measure(folder: Path) -> list[Row]:
    """Read every list of `LISTS`, with the format recognised; print the reasons where the share is below 99.9%."""
    rows = []
    for path in [*sorted(LISTS.glob("ut1/*")), *sorted(LISTS.glob("formats/*"))]:
        tally = Tally()
        for _ in parse.read(path, Format.AUTO, tally):
            pass
        rows.append(Row(f"{path.parent.name}/{path.name} as {tally.format}", 100 * tally.understood, "% understood"))
        if tally.understood < GOOD:
            say(f"  {path.name}: {tally.skipped_count} of {tally.said} lines: {_reasons(tally)}")
    return [*rows, *_one_list_in_four_formats(folder)]


def _reasons(tally: Tally) -> str:
    return "; ".join(f"{count} x {reason}" for reason, count in sorted(tally.reasons.items(), key=lambda x: -x[1]))


def _one_list_in_four_formats(folder: Path) -> list[Row]:
    """The formats that say "and everything under it" give the same files; the plain one what it says besides."""
    paths = {name: next(LISTS.glob(f"formats/stevenblack.{name}.txt.gz"), None) for name in FORMATS}
    if not all(paths.values()):
        return []
    built = {
        name: compiler.compile_lists({"one": (Source(path, FORMATS[name]),)}, folder / name, built_ns=1)
        for name, path in paths.items()
        if path
    }
    content = {name: [(one.folder / file).read_bytes() for file in index.FILES] for name, one in built.items()}
    same = sum(content[name] == content["adblock"] for name in ("adblock", "dnsmasq", "wildcard"))
    plain, others = (parse.parse_file(paths[name], FORMATS[name]).names for name in ("domains", "adblock"))  # type: ignore[arg-type]
    alone = sorted(name for name in plain if not built["adblock"].listed(name))
    for_www = [name for name in alone if name.startswith("www.")]
    lost = [name for name in others if not built["domains"].listed(name)]
    say(f"  in the plain form alone: {', '.join(alone)}")
    return [
        Row("stevenblack: formats of three that compile to the same index", same, "formats"),
        Row("stevenblack: names of the plain form that the others do not cover", len(alone), "names"),
        Row("of these `www.` names whose parent is not listed", len(for_www), "names"),
        Row("stevenblack: names of the others that the plain form does not cover", len(lost), "names"),
    ]
