"""URL lists: a page, a folder or a whole host a line, with or without a scheme.

A path that ends in "/" or "/*" is a folder with everything under it; any other is that page, with every query if it
names none. Ports say nothing: a list names the page, whatever door it is served through. What stands after "#" never
reaches a server: such a URL is the page that it belongs to, and never a whole host.
"""

import re
from collections.abc import Iterator
from ipaddress import ip_network

from blocklists import domain, url
from blocklists.formats import comments, plain
from blocklists.formats.kind import Ahead, Reader, Unread
from blocklists.rule import NameRule, PageRule

_AUTHORITY = re.compile(r"(?ai)([a-z][a-z0-9+.-]*://)?/*([^/?#\\]*)")


def reader(_: Ahead) -> Reader:
    """A reader of URLs."""
    return Reader(said=said, rules=rules)


def said(text: str) -> str:
    """What the line *text* says without its comment."""
    kept = comments.before_blank_and_hash(text)
    return "" if kept.startswith(("!", ";", "// ")) else kept


def rules(text: str) -> Iterator[NameRule | PageRule | Unread]:
    """The rule of the line *text*."""
    text = text.removesuffix("*") if text.endswith("/*") and not {"?", "#"} & set(text) else text
    parsed = parse(text)
    if isinstance(parsed, Unread):
        yield parsed
    elif _is_wild(text):
        yield Unread("a wildcard in a page's path")
    elif is_host(text, parsed):
        yield plain.dotted(parsed.host)
    else:
        folder = parsed.query is None and parsed.path.endswith("/") and "#" not in text
        yield PageRule(parsed.host, parsed.path_and_query, folder=folder)


def _is_wild(text: str) -> bool:
    """Whether *text* names pages by a star, which no rule for a page says; inside a query it is a mere sign."""
    page, _, query = text.partition("#")[0].partition("?")
    return "*" in page or query.endswith("*")


def is_host(text: str, parsed: url.Url) -> bool:
    """Whether the line *text*, which is *parsed*, stands for a whole host."""
    return parsed.path == "/" and parsed.query is None and "#" not in text


def parse(text: str) -> url.Url | Unread:
    """The canonical URL of the line *text*."""
    if len(text.split()) > 1:
        return Unread("more than one word on a line")
    if _is_network(text):
        return Unread("a network, not a page")
    if not _is_honest(text):
        return Unread("not a URL")
    return url.canonical(text) or Unread("not a URL")


def _is_network(text: str) -> bool:
    """Whether *text* is a block of addresses, which is no page of the address that it is written with."""
    try:
        return "/" in text and ip_network(text, strict=False).num_addresses > 1
    except ValueError:
        return False


def _is_honest(text: str) -> bool:
    """Whether *text* names a host like a URL, not a mail address, and no host that takes long to make sense of."""
    match = _AUTHORITY.match(text)
    scheme, authority = match.groups() if match else ("", "")
    host = authority.rpartition("@")[2]
    return (scheme or host == authority) and plain.is_short(host) and not ("%" in host and len(host) > domain.MAX_NAME)
