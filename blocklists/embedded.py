"""Parts of a permitted page that live on other hosts: which page may load parts from which host.

A site that a child may open is often useless without the pictures and scripts that it keeps elsewhere, and elsewhere is
on no approved list. `data/embedded.csv` and the policy's `embedded` say which page's host may load from which. What is
opened by this is a part and never a page: whoever forges what a browser says of itself gains a picture or a script of a
host that the school has named for that, and no document.
"""

from collections.abc import Iterable, Iterator, Mapping

from blocklists import domain
from blocklists.profile import Code
from blocklists.verdict import Reason, Verdict

_TYPES = {
    "audio": ("audio/", "application/ogg"),
    "font": ("font/", "application/font", "application/x-font", "application/vnd.ms-fontobject"),
    "image": ("image/",),
    "script": ("text/javascript", "application/javascript", "application/x-javascript", "application/json"),
    "style": ("text/css",),
    "track": ("text/vtt",),
    "video": ("video/", "application/vnd.apple.mpegurl"),
}
"""How the Content-Type of an answer begins, by the Sec-Fetch-Dest (Fetch Metadata, 2.1) of what is a part of a page."""

_SOFT = frozenset({Reason.NOT_APPROVED, Reason.UNKNOWN})
"""What nobody has closed: it is only on no list."""
_OPEN_TO_PARTS = frozenset({Code.APPROVED, Code.PASS, Code.BREAKS, Code.TERM_TIME})
"""Codes that a teacher or the time opens; what is closed, locked or quiet stays so."""
_CLOSED_BY_NOBODY = frozenset({"", Code.OPEN, Code.SCAN})


def permits(embedded: Mapping[str, Iterable[str]], page: str, part: str) -> bool:
    """Whether pages of the canonical host *page* may load parts from the canonical host *part*."""
    return any(domain.is_within(part, parent) for name in domain.suffixes(page) for parent in embedded.get(name, ()))


def can_open(refused: Verdict) -> bool:
    """Whether the refusal *refused* is one that a part may pass: never harm, locked, sealed or by hand."""
    if refused.grave or refused.theme:
        return False
    if refused.code in _OPEN_TO_PARTS:
        return refused.reason in _SOFT or refused.reason is Reason.CATEGORY
    return refused.reason in _SOFT and refused.code in _CLOSED_BY_NOBODY


def is_part(method: str, destination: str, site: str) -> bool:
    """Whether a request with this method, Sec-Fetch-Dest and Sec-Fetch-Site loads a part of somebody else's page."""
    return method in {"GET", "HEAD"} and destination in _TYPES and site in {"cross-site", "same-site"}


def is_such_a_part(destination: str, content_type: str) -> bool:
    """Whether an answer of *content_type* is what a request with that Sec-Fetch-Dest is for."""
    return content_type.strip().lower().startswith(_TYPES[destination])


def problems(embedded: Mapping[str, Iterable[str]]) -> Iterator[str]:
    """What a technician should mend in the policy's table `embedded`, one sentence each."""
    for page, parts in embedded.items():
        for name in (page, *parts):
            if domain.canonical(name) != name or "." not in name:
                yield f'embedded.{page}: {name!r} names no host; write for example "bbc.co.uk" = ["bbci.co.uk"]'


def read(rows: Iterable[Mapping[str, str]]) -> dict[str, tuple[str, ...]]:
    """The parts' hosts by the page's that *rows* say; ValueError for a host that cannot be read or stands twice."""
    found: dict[str, tuple[str, ...]] = {}
    for row in rows:
        page, parts = row["page"], tuple(row["parts"].split())
        if page in found or not parts or list(problems({page: parts})):
            raise ValueError(f"embedded.csv: {row}")
        found[page] = parts
    return found
