"""A name a line. It may come in any script, with a trailing dot, a port, a scheme or a closing slash."""

import re
from collections.abc import Iterator

from blocklists import domain
from blocklists.formats import comments, glance
from blocklists.formats.kind import Ahead, Reader, Unread
from blocklists.rule import NameRule

_DRESSED = re.compile(r"(?ai)(?:[a-z][a-z0-9+.-]*://)?(\[[^\]@/]*\]|[^@:/\[\]?#\\]*)(?::[0-9]{1,5})?/?")
_LONG_LABEL = re.compile(rf"[^.\u3002\uff0e\uff61]{{{domain.MAX_LABEL + 1}}}")
"""No name of another script is this long either: its A-label has at least as many letters. Asking `domain` what it
would be takes 160 ms for a label of a thousand letters, and a list may have a million of them."""

SHAPES = (glance.shape(single=True),)


def reader(_: Ahead) -> Reader:
    """A reader of names."""
    return Reader(said=comments.before_hash, rules=rules, shapes=SHAPES)


def rules(text: str) -> Iterator[NameRule | Unread]:
    """The rule of the line *text*."""
    yield Unread("more than one word on a line") if len(text.split()) > 1 else dressed(text)


def dressed(text: str) -> NameRule | Unread:
    """The rule for the name *text*, whatever scheme, port or closing slash it wears."""
    found = name(text)
    if isinstance(found, NameRule):
        return found
    if match := _DRESSED.fullmatch(text):
        return name(match[1])
    return Unread("a page, in a list of names") if "/" in text else found


def name(text: str) -> NameRule | Unread:
    """The rule for the name *text*."""
    found = domain.canonical(text) if is_short(text) else None
    return Unread("not the name of a host") if found is None else NameRule(found)


def is_short(text: str) -> bool:
    """Whether no label of *text* is in another script and longer than any label can be."""
    return text.isascii() or not _LONG_LABEL.search(text)


def dotted(text: str) -> NameRule | Unread:
    """The rule for the name *text* of at least two labels: one alone would stand for all that ends in it."""
    found = name(text)
    if isinstance(found, NameRule) and not {".", ":"} & set(found.name):
        return Unread("a name with one label")
    return found
