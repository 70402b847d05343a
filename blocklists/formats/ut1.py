"""UT1 and squidGuard: a folder of `domains`, `urls` and `expressions`, each a file of its own, gzipped or not.

A line of `domains` stands for the name and everything under it. A line of `urls` is a prefix that ends at a slash, as
squidGuard reads it: "x.test/a" is that page and everything under "/a/", and so is "x.test/a/"; with a query it is that
one page. A line of `expressions` is a regular expression for host and path, without port or regard to case; a scheme
that it opens with is left off.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from blocklists.formats import pattern, plain, urls, wildcard
from blocklists.formats.kind import Ahead, Reader, Unread
from blocklists.rule import NameRule, PageRule, PatternRule, Subject

DOMAINS = "domains"
_SCHEME = re.compile(r"(?ai)\A\^(?:https?\??|\((?:\?:)?[a-z]+s?\??(?:\|[a-z]+s?\??)*\)):\\?/\\?/(?![*+?{])")
"""A scheme at the start of an expression, which is held against a text that has none."""


def pieces(folder: Path) -> Iterator[tuple[Path, Reader]]:
    """The files of *folder* that are read, and their readers; FileNotFoundError if it has none."""
    found = False
    for piece in PIECES:
        for path in (folder / piece, folder / f"{piece}.gz"):
            if path.is_file():
                found = True
                yield path, reader_of(path)
                break
    if not found:
        raise FileNotFoundError(f"{folder} has no {', '.join(PIECES)}")


def reader_of(path: Path) -> Reader:
    """The reader for the file *path* of such a folder, by its name; that of `domains` for another name."""
    return PIECES.get(path.name.removesuffix(".gz"), PIECES[DOMAINS])(Ahead())


def _urls(_: Ahead) -> Reader:
    return Reader(said=urls.said, rules=page)


def page(text: str) -> Iterator[NameRule | PageRule | Unread]:
    """The rule of the line *text* of `urls`."""
    parsed = urls.parse(text)
    if isinstance(parsed, Unread):
        yield parsed
    elif urls.is_host(text, parsed):
        yield plain.dotted(parsed.host)
    elif parsed.query is not None or "#" in text:
        yield PageRule(parsed.host, parsed.path_and_query)
    else:
        yield PageRule(parsed.host, parsed.path.removesuffix("/"), folder=True)


def _expressions(_: Ahead) -> Reader:
    return Reader(said=_expression_said, rules=expression)


def _expression_said(text: str) -> str:
    return "" if text.lstrip().startswith("#") else text.strip()


def expression(text: str) -> Iterator[PatternRule | Unread]:
    """The rule of the line *text* of `expressions`."""
    yield pattern.rule(_SCHEME.sub("^", text), Subject.URL)


PIECES: dict[str, Callable[[Ahead], Reader]] = {
    DOMAINS: wildcard.reader,
    "urls": _urls,
    "expressions": _expressions,
}
