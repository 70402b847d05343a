"""Which breaches are worth a person's time: a table that a DSL can read (`data/alert_rules.csv`), apart from blocking.

A rule asks for an alert when one person (or address) has met a theme a number of times within a day or a week. Times
are occasions, not requests: a page of 300 closed parts is one. What nobody is watched for raises nothing, whatever the
table says: help services, and what stands for health, belief or identity (G8, G9, G12). This file reads no clock and
no file; times are UTC nanoseconds.
"""

import bisect
import csv
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from blocklists.profile import STAFF_THEMES
from blocklists.rulebook import NEVER_VISITED, Severity
from blocklists.verdict import Reason

MINUTE = 60 * 1_000_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR

ANY = "*"
KINDS = frozenset({ANY, "stopped", "got_through", "concern"})
WINDOWS: Mapping[str, int] = {"": 0, "hour": HOUR, "day": DAY, "week": 7 * DAY}

OCCASION = 5 * MINUTE
"""What one person meets within this time is one occasion: a page with its parts, a retry, a search put in other words;
who goes on for a quarter of an hour has three."""

TECHNICIANS_THEME = "malware"
"""Harmful software is the technician's business (POLICY.md), and no safeguarding alert."""

_COLUMNS = ("theme", "kind", "severity", "times", "within", "raised_to", "note")


class RuleError(ValueError):
    """A table of rules that cannot be used; the message names the line and says what to write."""


class Rule(msgspec.Struct, frozen=True):
    """*times* occasions of *theme* and *kind*, of at least *severity*, *within* nanoseconds ask for *raised_to*."""

    theme: str
    kind: str
    severity: Severity
    times: int
    within: int
    raised_to: Severity

    def is_about(self, breach: Mapping[str, Any]) -> bool:
        """Whether *breach* counts towards this rule."""
        fits = self.theme in (ANY, breach["theme"]) and self.kind in (ANY, breach["kind"])
        return fits and breach["severity"] >= self.severity

    @property
    def is_pattern(self) -> bool:
        """Whether one occasion is not enough."""
        return self.times > 1


class Rules(msgspec.Struct, frozen=True):
    """A whole table, in the order of its lines."""

    rules: tuple[Rule, ...]

    def at_once(self, breach: Mapping[str, Any], column: str) -> Severity:
        """How grave an alert *breach* asks for by itself; NONE if for none. *column* is of its profile, "" unknown."""
        if not may_alert(breach, column):
            return Severity.NONE
        asked = (r.raised_to for r in self.rules if not r.is_pattern and r.is_about(breach))
        return max(asked, default=Severity.NONE)

    def may_ask[Row: Mapping[str, Any]](self, breaches: Iterable[Row]) -> Iterator[Row]:
        """Those of *breaches* that any rule is about.

        Most are none of an alert's business, and many have the same theme, kind and severity: those are asked once.
        """
        known: dict[tuple[str, str, int], bool] = {}
        for breach in breaches:
            key = breach["theme"], breach["kind"], breach["severity"]
            if key not in known:
                known[key] = any(rule.is_about(breach) for rule in self.rules)
            if known[key]:
                yield breach

    def patterns(self, breach: Mapping[str, Any], column: str) -> tuple[Rule, ...]:
        """The rules that *breach* may complete, those that ask for most first."""
        if not may_alert(breach, column):
            return ()
        found = (rule for rule in self.rules if rule.is_pattern and rule.is_about(breach))
        return tuple(sorted(found, key=lambda rule: -rule.raised_to))


def may_alert(breach: Mapping[str, Any], column: str) -> bool:
    """Whether *breach* may open an alert at all.

    What is illegal always does, whoever asked. Nothing else does that a program did by itself, that is a help service's
    or nobody's business, or that staff are not watched for.
    """
    if breach["severity"] >= Severity.ILLEGAL:
        return True
    if breach["background"] or breach["reason"] == Reason.ALWAYS_OPEN or breach["category"] in NEVER_VISITED:
        return False
    if breach["theme"] == TECHNICIANS_THEME:
        return False
    return column != "staff" or not breach["theme"] or breach["theme"] in STAFF_THEMES


def occasions(times: Iterable[int], within: int) -> int:
    """How many occasions of *times* (UTC nanoseconds, in any order) are *within* so many nanoseconds, at most."""
    begun: list[int] = []
    for at in sorted(times):
        if not begun or at >= begun[-1] + OCCASION:
            begun.append(at)
    return max((bisect.bisect_right(begun, at + within) - place for place, at in enumerate(begun)), default=0)


def read(lines: Iterable[str], themes: Collection[str]) -> Rules:
    """The rules in the CSV *lines*; RuleError for the first that cannot be meant. *themes* are those that exist."""
    table = csv.DictReader(lines)
    if tuple(table.fieldnames or ()) != _COLUMNS:
        raise RuleError(f"the first line must be {','.join(_COLUMNS)}")
    rules = []
    for row in table:
        if problem := next(_problems(row, themes), ""):
            raise RuleError(f"line {table.line_num}: {problem}")
        rules.append(
            Rule(
                theme=row["theme"],
                kind=row["kind"],
                severity=Severity[row["severity"]],
                times=int(row["times"]),
                within=WINDOWS[row["within"]],
                raised_to=Severity[row["raised_to"]],
            )
        )
    return _whole(Rules(tuple(rules)))


def _problems(row: Mapping[str, str], themes: Collection[str]) -> Iterator[str]:
    if row["theme"] != ANY and row["theme"] not in themes:
        yield f"there is no theme {row['theme']!r}; the themes are {', '.join(sorted(themes))}, or * for any"
    if row["kind"] not in KINDS:
        yield f"{row['kind']!r} is no kind; write stopped, got_through, concern, or * for any"
    for name in ("severity", "raised_to"):
        if row[name] not in Severity.__members__:
            yield f"{row[name]!r} is no severity; write ILLEGAL, URGENT, CONCERN, NOTE or NONE"
    if not (row["times"] or "").isdecimal() or not 0 < int(row["times"]) < 1_000:
        yield f"{row['times']!r} is no number of times; write 1, or more with a window"
    elif row["within"] not in WINDOWS or (int(row["times"]) > 1) != bool(row["within"]):
        yield "several times need a window (hour, day or week), and once needs none"


def _whole(rules: Rules) -> Rules:
    """*rules*, if the gravest alert by themselves: no school can leave that out."""
    for severity in (Severity.ILLEGAL, Severity.URGENT):
        one = {"theme": "", "kind": "stopped", "severity": severity, "background": False, "reason": "", "category": ""}
        if rules.at_once(one, "") < severity:
            raise RuleError(f"what is {severity.name} must alert at once: keep the line *,*,{severity.name},1,,...")
    return rules
