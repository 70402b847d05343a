"""Lines of lists, read for tests."""

from collections.abc import Iterable

from blocklists.formats import Format
from blocklists.parse import parse_lines
from blocklists.rule import NameRule, Rule


def rules(fmt: Format, *lines: str) -> list[Rule | str]:
    """The rules of *lines*, names that are on the list first, and then the reasons for what was left out."""
    read = parse_lines([line.encode() for line in lines], fmt)
    return [*(NameRule(name) for name in sorted(read.names)), *read.rules, *read.tally.reasons]


def listed(names: Iterable[str]) -> list[Rule | str]:
    """The rules that list *names*."""
    return [NameRule(name) for name in sorted(names)]
