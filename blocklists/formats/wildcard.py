"""A name a line, written "*.x" or ".x": x and everything under it."""

from collections.abc import Iterator

from blocklists.formats import comments, glance, plain
from blocklists.formats.kind import Ahead, Reader, Unread
from blocklists.rule import NameRule

SHAPES = (glance.shape("*.", single=True), glance.shape(".", single=True))


def reader(_: Ahead) -> Reader:
    """A reader of names with or without a star."""
    return Reader(said=comments.before_hash, rules=rules, shapes=(*SHAPES, *plain.SHAPES))


def rules(text: str) -> Iterator[NameRule | Unread]:
    """The rule of the line *text*."""
    starred = text.startswith("*.")
    rest = text[2:] if starred else text.removeprefix(".")
    if text in {"*", "*.", "."}:
        yield Unread("names every site")
    elif "*" in rest:
        yield Unread("a star inside a name")
    elif rest == text:
        yield from plain.rules(text)
    else:
        yield plain.name(rest)
