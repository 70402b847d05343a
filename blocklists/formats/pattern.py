"""Patterns for names and pages: regular expressions as they come, and those of Adblock's own signs.

Only their shape is looked at here. Python's `re` never runs one: it comes from outside, and may never end.
"""

import re

from blocklists.formats.kind import Unread
from blocklists.rule import Effect, PatternRule, Subject

MAX_PATTERN = 1000
"""Bytes of a pattern; the longest in lists of our day are a third of that."""

MAX_REPEATS = 100
"""Of a counted repeat: three of 5,000 in one pattern take hyperscan ten seconds, and no honest one needs as many."""

_REPEAT = re.compile(r"\{([0-9]*(?:,[0-9]*)?)\}")
_PRINTABLE = re.compile(r"[ -~]*")
_SAYS_NOTHING = re.compile(r"\\[A-Za-z]|\{[0-9,]*\}|\(\?[A-Za-z]+\)|[^A-Za-z0-9]")
_SEPARATOR = "([^A-Za-z0-9_.%-]|$)"
"""Adblock's "^" in a URL: no letter, no digit, none of "_-.%", or the end."""
_STARS = re.compile(r"\*+")

ANYWHERE, START, LABEL = "", "|", "||"
"""Where a pattern of Adblock's signs begins: anywhere, where its subject does, or there and after a dot of a host."""

_OPENS = {
    Subject.HOST: {ANYWHERE: "", START: "^", LABEL: r"(^|\.)"},
    Subject.URL: {ANYWHERE: "", START: "^", LABEL: r"^([^/]*\.)?"},
}


def rule(text: str, subject: Subject, effect: Effect = Effect.LISTED) -> PatternRule | Unread:
    """The rule for the regular expression *text*, if it is of a shape that can be used and does not match everything.

    One without a letter or a digit of its own matches everything, or as good as everything.
    """
    if len(text) > MAX_PATTERN:
        return Unread(f"a pattern of more than {MAX_PATTERN} bytes")
    if not _PRINTABLE.fullmatch(text):
        return Unread("a pattern with other letters than ASCII")
    if not _SAYS_NOTHING.sub("", text):
        return Unread("matches every site")
    if any(int(count) > MAX_REPEATS for repeat in _REPEAT.findall(text) for count in repeat.split(",") if count):
        return Unread(f"a pattern with more than {MAX_REPEATS} repeats")
    return PatternRule(text, subject, effect)


def of_signs(text: str, subject: Subject, opens: str, *, closes: bool, effect: Effect) -> PatternRule | Unread:
    """The rule for *text* with Adblock's "*" and "^", that begins at *opens* and, if it *closes*, ends at the end."""
    if not _SAYS_NOTHING.sub("", text):
        return Unread("matches every site")
    parts = _STARS.split(text)
    escaped = ".*".join(_escaped(part) for part in parts)
    return rule(_OPENS[subject][opens] + escaped + ("$" if closes else ""), subject, effect)


def _escaped(text: str) -> str:
    return _SEPARATOR.join(re.escape(part) for part in text.split("^"))
