"""What a program asked for by itself, told apart from what a person did, by what the request says of itself.

A browser says for each request what it is for (Fetch Metadata, W3C) and whether it only fetches ahead (Sec-Purpose).
Where it says nothing, as over plain HTTP, what it accepts and the page that it comes from speak. In doubt it was a
person: an alert too many can be closed, one too few cannot be opened. This file knows headers and nothing of mitmproxy.
"""

from collections.abc import Mapping

from blocklists import suffix, url

_A_PAGE = frozenset({"document"})
"""Sec-Fetch-Dest of what fills a window: somebody went there, or was led there."""

_AHEAD = ("prefetch", "prerender")

_PARTS = ("image/", "text/css", "audio/", "video/", "font/", "application/font")
"""How what a page is made of is accepted; a page itself is accepted as text/html."""


def is_background(host: str, headers: Mapping[str, str]) -> bool:
    """Whether a program asked for *host* by itself; names of *headers* are found whatever their case."""
    if _fetched_ahead(headers):
        return True
    aim = headers.get("sec-fetch-dest", "").strip().lower()
    if aim:
        return aim not in _A_PAGE and headers.get("sec-fetch-site", "").strip().lower() == "cross-site"
    accepts = headers.get("accept", "").strip().lower()
    is_part = accepts.startswith(_PARTS) or (accepts == "*/*" and "referer" in headers)
    return is_part and _comes_from_elsewhere(host, headers.get("referer", ""))


def _fetched_ahead(headers: Mapping[str, str]) -> bool:
    says = " ".join(headers.get(name, "") for name in ("sec-purpose", "purpose", "x-moz", "x-purpose")).lower()
    return any(word in says for word in _AHEAD)


def _comes_from_elsewhere(host: str, referer: str) -> bool:
    """Whether *referer* is a page of another site than *host*'s; false where it cannot be told."""
    found = url.canonical(referer) if referer else None
    return found is not None and _site(found.host) != _site(host)


def _site(host: str) -> str:
    return suffix.registrable(host) or host
