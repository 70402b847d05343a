"""What lists say of a host or a page, for a person who asks. Sealed lists are never looked up (G23)."""

import msgspec

from blocklists import domain, index, url
from blocklists.index import Listing
from blocklists.live import Files
from deploy.toml_file import RefusedError


class Lookup(msgspec.Struct, frozen=True):
    """The *listings* of what was *asked*, in canonical form, and the lists that name pages of the host."""

    asked: str
    listings: tuple[Listing, ...]
    with_pages: tuple[str, ...]


def of(files: Files, text: str) -> Lookup:
    """Look the host or URL *text* up in the index in force; RefusedError if it is neither, or the index damaged."""
    parsed = url.canonical(text) if "/" in text else None
    host = parsed.host if parsed else domain.canonical(text)
    if host is None:
        raise RefusedError([f"{text!r} is not the name of a host"])
    current = files.index / index.CURRENT
    try:
        opened = index.Index(current)
    except index.DamagedIndexError as error:
        raise RefusedError([f"{current}: {error}; run: schoolgate lists compile"]) from None
    if parsed is None:
        return Lookup(host, opened.listed(host), opened.lists_with_pages(host))
    return Lookup(str(parsed), (*opened.listed_pages(host, parsed.path_and_query), *opened.listed(host)), ())
