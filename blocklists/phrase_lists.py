"""The phrase lists that are shipped, and a school's own, read from their files."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from blocklists import defaults, phrases
from blocklists.phrase_scan import Scanner

FOLDER = defaults.DATA / "phrases"


def files(*folders: Path) -> Iterator[Path]:
    """The tables of phrases in *folders*, in order; a folder that is not there has none."""
    for folder in folders:
        yield from sorted(folder.glob("*.csv"))


def read(paths: Iterable[Path]) -> dict[Path, phrases.Read]:
    """What each of *paths* holds; OSError if one cannot be read."""
    found = {}
    for path in paths:
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            found[path] = phrases.read_csv(file)
    return found


def languages() -> dict[str, tuple[str, ...]]:
    """The little words that show in which language a page is."""
    return {row["language"]: tuple(row["words"].split()) for row in defaults.table("languages")}


def scanner(*folders: Path) -> Scanner:
    """The phrases of all tables in *folders*, compiled (a second for 20,000)."""
    lists = read(files(*folders)).values()
    return Scanner((phrase for one in lists for phrase in one.phrases), languages())


def shipped() -> Scanner:
    """The shipped phrases, compiled."""
    return scanner(FOLDER)
