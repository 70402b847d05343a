"""Lists put together from others: names, hosts lines, wildcards and URLs, each line read as what it is."""

from collections.abc import Iterator

from blocklists.formats import comments, hosts, plain, urls, wildcard
from blocklists.formats.kind import Ahead, Format, Reader, Unread
from blocklists.rule import Rule


def reader(_: Ahead) -> Reader:
    """A reader that looks at each line anew."""
    return Reader(said=said, rules=rules, shapes=(*plain.SHAPES, *hosts.SHAPES, *wildcard.SHAPES))


def said(text: str) -> str:
    """What the line *text* says without its comment: in a URL, a "#" may be a part."""
    head = comments.before_hash(text)
    return urls.said(text) if "/" in head else head


def kind(text: str) -> Format:
    """The format of the line *text*."""
    if hosts.is_line(text):
        return Format.HOSTS
    if text.startswith(("*.", ".")):
        return Format.WILDCARD
    return Format.URLS if {"/", "?"} & set(text) else Format.PLAIN


def rules(text: str) -> Iterator[Rule | Unread]:
    """The rules of the line *text*."""
    match kind(text):
        case Format.HOSTS:
            yield from hosts.rules(text)
        case Format.WILDCARD:
            yield from wildcard.rules(text)
        case Format.URLS:
            yield from urls.rules(text)
        case _:
            yield from plain.rules(text)
