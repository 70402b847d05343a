"""Whose a page is: the site that it speaks for, where it can speak for one.

A few hosts hold the pages of people who have nothing to do with each other; what one of them writes says nothing of
the others, so such a host is never known by its pages (POLICY.md, "What is known").
"""

from functools import cache

from blocklists import defaults, domain, suffix


def site_of(host: str) -> str:
    """The registrable name of the canonical *host*, or "" if it stands for many people, or is an address."""
    if domain.as_address(host) or any(domain.is_within(host, shared) for shared in _shared()):
        return ""
    site = suffix.registrable(host) or ""
    return "" if site in _shared() else site


@cache
def _shared() -> frozenset[str]:
    return frozenset(row["host"] for row in defaults.table("shared_hosts"))
