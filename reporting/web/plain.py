"""Text from outside, made safe to look at: the one boundary of the staff pages (G28).

Every value that a template prints and every string of a JSON answer goes through `plain`, links that we made apart:
what is cut leads nowhere. Escaping HTML is the template engine's work and comes after; here nothing is escaped, only
taken out or cut.
"""

import unicodedata
from collections.abc import Mapping

from markupsafe import Markup

LONGEST = 300
"""Characters of one value: longer than any host name (253), and short enough for a cell of a table."""

UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that show nothing or move what stands beside them: controls, bidi marks, lone surrogates."""

STANDS_FOR_UNSEEN = "\N{REPLACEMENT CHARACTER}"


def plain(text: str, longest: int = LONGEST) -> str:
    """*text* on one line, without control, bidi or unassigned characters, cut to *longest* characters.

    A run of such characters becomes one replacement character, so that a reader sees that something stood there.
    """
    shown: list[str] = []
    for character in text[: longest + 1]:
        seen = unicodedata.category(character) not in UNSEEN
        if seen:
            shown.append(character)
        elif not shown or shown[-1] != STANDS_FOR_UNSEEN:
            shown.append(STANDS_FOR_UNSEEN)
    return "".join(shown[:longest]) + ("…" if len(text) > longest else "")


def printed(value: object) -> object:
    """What a template prints for *value*: text is made plain, our own markup and numbers stay as they are."""
    return plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def plain_json(value: object) -> object:
    """*value* with every text in it made plain; mappings and lists are walked, nothing is changed in place."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, Mapping):
        return {str(key): plain_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_json(item) for item in value]
    return value
