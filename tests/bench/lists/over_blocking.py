"""What the default profiles would close of 10,000 popular names, and open up as unknown; and the plain mistakes.

Asked at ten o'clock on a Monday in term. Every closed name is written to build/bench/over-blocking.csv, by profile and
category; the table counts them.
"""

import csv
from collections import Counter
from pathlib import Path

from blocklists import compile as compiler
from blocklists import corpus, defaults, index
from blocklists.clients import Client
from blocklists.policy import Kind, Policy, Request, decide
from blocklists.verdict import Reason, Verdict
from tests.bench.lists import school_lists
from tests.bench.lists.names import LISTS
from tests.bench.lists.speed import AT
from tests.bench.report import Row, say

PROFILES = ("ks2", "ks3", "ks4", "ks5", "staff", "visitor")
"""The default profiles that are not closed but for an approved list."""
MISTAKES = (
    "web.archive.org",
    "translate.google.com",
    "mask.icloud.com",
    "ttrockstars.com",
    "phonicsplay.co.uk",
    "mathplayground.com",
    "ictgames.com",
    "education.minecraft.net",
)
"""What public lists are known to get wrong, each asked about for KS3."""
TARGET = Path("build/bench/over-blocking.csv")


def measure(folder: Path) -> list[Row]:
    """Compile the school's lists with and without our exceptions, and ask for every popular name."""
    popular_file = LISTS / "popular-10000.txt"
    if not popular_file.exists():
        say(f"Over-blocking is not measured: there is no {popular_file}.")
        return []
    policy = _policy(folder / "as-shipped", mistakes=False)
    popular = popular_file.read_text(encoding="utf-8").split()
    verdicts = {profile: {name: _asked(policy, name, profile) for name in popular} for profile in PROFILES}
    _write(verdicts)
    return [*_closed(verdicts), *_unknown(verdicts), *_mistakes(policy, folder), *_corpus(policy)]


def _policy(folder: Path, *, mistakes: bool) -> Policy:
    book = defaults.rulebook("Bench School")
    built = compiler.compile_lists(school_lists.sources(mistakes=mistakes), folder, built_ns=1)
    return Policy(book, index.Index(built.folder))


def _asked(policy: Policy, name: str, profile: str) -> Verdict:
    return decide(policy, Request(Kind.SNI, Client("", profile), name, AT))


def _closed(verdicts: dict[str, dict[str, Verdict]]) -> list[Row]:
    rows = []
    for profile, found in verdicts.items():
        closed = Counter(verdict.category or str(verdict.reason) for verdict in found.values() if verdict.blocked)
        rows.append(Row(f"{profile}: closed of {len(found):,} popular names", closed.total(), "names"))
        rows += [Row(f"{profile}: closed as {category}", count, "names") for category, count in closed.most_common()]
    return rows


def _unknown(verdicts: dict[str, dict[str, Verdict]]) -> list[Row]:
    rows = []
    for profile, found in verdicts.items():
        unknown = sum(v.reason is Reason.UNKNOWN and v.inspect for v in found.values())
        rows.append(Row(f"{profile}: opened up as unknown", 100 * unknown / len(found), "%"))
    return rows


def _mistakes(policy: Policy, folder: Path) -> list[Row]:
    as_written = _policy(folder / "as-written", mistakes=True)
    rows = []
    for name in MISTAKES:
        listed = sorted({x for listing in as_written.index.listed(name) for x in listing.lists})
        verdict = _asked(policy, name, "ks3")
        says = f"{name}: on {', '.join(listed) or 'none'} as written; for KS3 it is {verdict.action}, {verdict.reason}"
        rows.append(Row(says, float(verdict.blocked), "closed"))
        say(f"  {name}: {_reason(name)}")
    return rows


def _reason(name: str) -> str:
    """Why it is open although lists close it, in the words of our own file, or that the education list has it."""
    reasons = [row["reason"] for row in defaults.table("exceptions") if row["name"] == name]
    return " ".join(reasons) or "it is on the education list, which outranks every category that is not harm"


def _corpus(policy: Policy) -> list[Row]:
    asked = [(row.name, band) for row in corpus.rows() for band in row.bands]
    closed = [(name, band) for name, band in asked if _asked(policy, name, band).blocked]
    for name, band in closed:
        say(f"  closed, but needed: {name} for {band}")
    return [
        Row("curriculum and help sites asked about", len({name for name, _ in asked}), "names"),
        Row("of these closed where they should be open", len(closed), "times"),
    ]


def _write(verdicts: dict[str, dict[str, Verdict]]) -> None:
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    with TARGET.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["profile", "category", "list", "rule", "name"])
        for profile, found in verdicts.items():
            closed = [(v.category or str(v.reason), v.list, v.rule, name) for name, v in found.items() if v.blocked]
            rows.writerows((profile, *one) for one in sorted(closed))
