"""Where a server may send us on to: not in circles, not out of TLS, and not into the school's own network.

This file opens no socket and asks no nameserver.
"""

import ipaddress
from collections.abc import Sequence
from urllib.parse import SplitResult, urljoin, urlsplit

from blocklists import address, domain

MOST = 5
"""Redirects in a row; authors of lists use one or two (to a mirror, to a release's file)."""


class RedirectError(ValueError):
    """A redirect that is not followed; the message is a sentence without its full stop."""


def next_url(seen: Sequence[str], location: str) -> str:
    """The URL that *location*, the answer for the last of the URLs *seen*, leads to; RedirectError if it may not."""
    if len(seen) > MOST:
        raise RedirectError(f"the server redirects more than {MOST} times")
    try:
        found = urlsplit(urljoin(seen[-1], location))
        first, last = urlsplit(seen[0]), urlsplit(seen[-1])
        _ = found.port
    except ValueError:
        raise RedirectError("the server redirects to what is no web address") from None
    if found.scheme not in {"http", "https"} or not found.hostname:
        raise RedirectError("the server redirects to what is no web address")
    if last.scheme == "https" and found.scheme == "http":
        raise RedirectError("the server redirects from https to http, where anybody on the way could change the list")
    if found.hostname != first.hostname and _is_inside(found):
        raise RedirectError("the server redirects to an address of this machine or of a private network")
    return found._replace(fragment="").geturl()


def _is_inside(url: SplitResult) -> bool:
    host = domain.canonical(url.hostname or "") or ""
    if written := domain.as_address(host):
        return not address.is_public(address.innermost(ipaddress.ip_address(written)))
    return domain.is_within(host, "localhost") or "." not in host
