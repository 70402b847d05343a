"""Names to measure with: the real lists at hand, filled up with made-up ones of the same labels and lengths.

`LISTS` names the folder of real lists; without it every name is made up. The same seed gives the same names.
"""

import gzip
import os
import random
from collections.abc import Iterator
from pathlib import Path

from blocklists import domain

LISTS = Path(os.environ.get("LISTS", "../shared/lists"))
SEED = 1
LISTS_OF_NAMES = 8
PAGES = 100_000
"""URLs in the list of pages: a good deal more than all of UT1's together."""
IN_TWO_LISTS = 50
"""One name of so many stands on a second list."""


def text_of(path: Path) -> str:
    """The text of a list, packed or not."""
    raw = path.read_bytes()
    return (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8", "replace")


def real() -> Iterator[str]:
    """Every name of the real lists, as often as it is there."""
    for path in [*sorted(LISTS.glob("ut1/*/domains.gz")), *sorted(LISTS.glob("formats/*.hosts.gz"))]:
        for line in text_of(path).splitlines():
            yield line.rpartition(" ")[2].strip()
    plain = LISTS / "formats/stevenblack.domains.txt.gz"
    if plain.exists():
        yield from text_of(plain).split()


def names(count: int) -> list[str]:
    """*count* different names, in no order; the real ones first in line, canonical and no addresses."""
    found = {n for n in real() if domain.canonical(n) == n and "." in n and not domain.as_address(n)}
    found = set(sorted(found)[:count])
    patterns = [n.split(".") for n in sorted(found)] or [["www", "example", "test"], ["shop", "co", "uk"]]
    labels = [p[0] for p in patterns if len(p[0]) > 2]
    chance = random.Random(SEED)
    while len(found) < count:
        front, back, (_, *parents) = chance.choice(labels), chance.choice(labels), chance.choice(patterns)
        number = "" if LISTS.exists() else str(len(found))
        label = (front[: (len(front) + 1) // 2] + back[len(back) // 2 :] + number).strip("-")[: domain.MAX_LABEL]
        found.add(".".join([label or "x", *parents]))
    shuffled = sorted(found)
    chance.shuffle(shuffled)
    return shuffled


def write_lists(every: list[str], folder: Path) -> dict[str, Path]:
    """*every* name spread over some plain lists in *folder*; returns their files by list name."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {f"list{number}": folder / f"list{number}.txt" for number in range(LISTS_OF_NAMES)}
    for number, path in enumerate(files.values()):
        own = every[number::LISTS_OF_NAMES]
        others = every[(number + 1) % LISTS_OF_NAMES :: LISTS_OF_NAMES * IN_TWO_LISTS]
        path.write_text("\n".join([*own, *others]) + "\n", encoding="ascii")
    return files


def pages(every: list[str]) -> list[str]:
    """URLs, a page or a folder each, on hosts of their own."""
    hosts = [f"pages.{name}" for name in every[:PAGES]]
    return [f"{host}/a/{number}{'/' if number % 2 else '.html'}" for number, host in enumerate(hosts)]
