"""Phrases in a search that ask for help: what the help panel answers (G3), and what names a help service (G2, G12).

The phrases are `data/help_phrases.csv`. Its roles: "risk" is somebody's own danger and URGENT, "topic" a word that may
be homework and may not, CONCERN; "help" is a service's name, beside which a topic says nothing and a risk all the same;
"other" is what holds a topic's word and means something else. This file knows words and nothing of who types them.
"""

import functools
import re
import unicodedata
from collections.abc import Iterable, Mapping

from blocklists import defaults
from blocklists.rulebook import Severity
from blocklists.verdict import Hit

_SEVERITIES = {"risk": Severity.URGENT, "topic": Severity.CONCERN}
_ROLES = frozenset({*_SEVERITIES, "help", "other"})
_JOINED = re.compile(r"[\u0300-\u036f'\u2019\u00ad\u200b-\u200d]")
"""What stands inside a word: accents, apostrophes, soft and empty hyphens."""
_BETWEEN = re.compile(r"[\W_]+")


class HelpPhrases:
    """The phrases, ready to be looked for."""

    def __init__(self, rows: Iterable[Mapping[str, str]]) -> None:
        """Take *rows* of the table; ValueError for one that cannot be read."""
        self._phrases = {words(row["phrase"]): (row["theme"], row["role"]) for row in rows}
        for phrase, (theme, role) in self._phrases.items():
            if not phrase.strip() or role not in _ROLES or bool(theme) is (role == "help"):
                raise ValueError(f"help_phrases.csv: {phrase.strip()!r} ({theme}, {role})")
        escaped = sorted((re.escape(phrase.strip()) for phrase in self._phrases), key=len, reverse=True)
        self._any = re.compile(rf"(?<= )(?:{'|'.join(escaped)})(?= )") if escaped else re.compile(r"(?!)")

    def hits(self, text: str) -> tuple[Hit, ...]:
        """The themes of *text*, the gravest of each; none where a help service is named and nobody is in danger."""
        found = [(phrase, *self._phrases[f" {phrase} "]) for phrase in self._any.findall(words(text))]
        named = any(role == "help" for _, _, role in found)
        gravest: dict[str, Hit] = {}
        for phrase, theme, role in found:
            severity = _SEVERITIES.get(role)
            if severity is None or (named and role == "topic"):
                continue
            if theme not in gravest or gravest[theme].severity < severity:
                gravest[theme] = Hit(theme, severity, phrase)
        return tuple(gravest.values())


@functools.cache
def shipped() -> HelpPhrases:
    """The phrases that we ship."""
    return HelpPhrases(defaults.table("help_phrases"))


def words(text: str) -> str:
    """*text* as words: lower case, without accents and apostrophes, a blank before, between and after them."""
    bare = _JOINED.sub("", unicodedata.normalize("NFKD", text.casefold()))
    return f" {_BETWEEN.sub(' ', bare).strip()} "
