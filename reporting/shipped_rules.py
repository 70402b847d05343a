"""The rules that ship with the program, and those of a school where it has a table of its own."""

import functools
from importlib import resources
from pathlib import Path

from blocklists import defaults
from reporting import alert_rules
from reporting.alert_rules import RuleError, Rules

NAME = "alert_rules.csv"
"""The table beside the program, and the file beside schoolgate.toml that takes its place."""


@functools.cache
def shipped() -> Rules:
    """The rules of `reporting/data/alert_rules.csv`."""
    text = resources.files("reporting").joinpath("data", NAME).read_text(encoding="utf-8")
    return alert_rules.read(text.splitlines(), themes())


@functools.cache
def themes() -> frozenset[str]:
    """Every theme that there is: of words, and of categories; none stands for whom somebody is (G9)."""
    of_words = resources.files("blocklists").joinpath("data", "themes.csv").read_text(encoding="utf-8").splitlines()
    words = {line.partition(",")[0] for line in of_words[1:]}
    return frozenset(words | {c.theme for c in defaults.rulebook("").categories.values() if c.theme})


def of_school(folder: Path | None) -> Rules:
    """The rules in *folder*, or those that ship; RuleError or OSError if a school's own cannot be used."""
    own = folder / NAME if folder else None
    if own is None or not own.is_file():
        return shipped()
    try:
        return alert_rules.read(own.read_text(encoding="utf-8").splitlines(), themes())
    except (RuleError, UnicodeDecodeError) as error:
        raise RuleError(f"{own}: {error}") from error
