"""Sites that our own scan found clean: known is one of which three different pages were, within fourteen days.

Once a site is known its pages are not scanned, so after fourteen days it is asked about again. Values only;
`reporting.known_sites` writes them.
"""

import msgspec

PAGES = 3
"""Different clean pages that make a site known (POLICY.md, "What is known")."""
DAYS = 14
_DAY = 86_400_000_000_000


class Known(msgspec.Struct):
    """The body of the snapshot `known`: each site's clean pages, by a digest of each, and when (UTC nanoseconds)."""

    pages: dict[str, dict[bytes, int]] = {}


def sites(known: Known) -> frozenset[str]:
    """The sites that are known."""
    return frozenset(site for site, pages in known.pages.items() if len(pages) >= PAGES)


def without_old(known: Known, now_ns: int) -> Known:
    """*known* without what was seen more than `DAYS` before *now_ns*."""
    since = now_ns - DAYS * _DAY
    kept = {site: {page: at for page, at in pages.items() if at >= since} for site, pages in known.pages.items()}
    return Known({site: pages for site, pages in kept.items() if pages})
