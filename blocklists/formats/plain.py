"""A name a line."""

from collections.abc import Iterator

from blocklists import domain
from blocklists.formats.kind import Unread
from blocklists.rule import NameRule


def rules(text: str) -> Iterator[NameRule | Unread]:
    """The rule of the line *text*."""
    if len(text.split()) > 1:
        yield Unread("more than one word on a line")
        return
    yield name(text)


def name(text: str) -> NameRule | Unread:
    """The rule for the name *text*."""
    found = domain.canonical(text)
    return Unread("not the name of a host") if found is None else NameRule(found)
