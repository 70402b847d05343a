"""Sentences as pupils type them, with the theme that each is of, or none: what the theme phrases are measured by."""

import csv
from pathlib import Path
from typing import NamedTuple

from blocklists.themes import Themes

FOLDER = Path(__file__).parents[1] / "corpus"


class Sentence(NamedTuple):
    """*theme* is "" for what must raise none; *kind* says of what sort that is; *split* when it was written."""

    text: str
    theme: str
    kind: str
    language: str
    split: str


def sentences() -> list[Sentence]:
    """The whole corpus."""
    found = []
    for path in sorted(FOLDER.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            found += [
                Sentence(r["sentence"], r["theme"], r["kind"], r["language"], r["split"]) for r in csv.DictReader(file)
            ]
    return found


def went_wrong(themes: Themes, one: Sentence) -> bool:
    """Whether the theme of *one* was not found, or any in what has none."""
    found = {hit.theme for hit in themes.hits(one.text)}
    return one.theme not in found if one.theme else bool(found)
