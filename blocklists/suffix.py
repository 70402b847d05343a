"""The registrable name of a host: what somebody has to themselves, by the public suffix list with its private part.

A class at `maths.github.io` shares nothing with its neighbours there, as one at `co.uk` does not. This file knows names
and nothing else; the list comes with the package and is read when the first name is asked for.
"""

from functools import cache, lru_cache
from typing import TYPE_CHECKING

from blocklists import domain

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList


@lru_cache(maxsize=16384)
def registrable(host: str) -> str | None:
    """The public suffix of the canonical *host* with one label before it; None if there is no such label.

    An address is its own. A top-level domain that the list does not know counts as a suffix (its rule "*"). A name
    costs 2.4 us, and 0.1 when it is asked for again.
    """
    return host if domain.as_address(host) else _suffixes().privatesuffix(host)


def is_public(host: str) -> bool:
    """Whether the list names the canonical *host* as a suffix; no top-level domain that it does not know is one."""
    return _suffixes().publicsuffix(host, accept_unknown=False) == host


@cache
def _suffixes() -> "PublicSuffixList":
    """The list, 10,900 rules: 50 ms and 1.3 MB in the processes that ask, and nothing in the others."""
    from publicsuffixlist import PublicSuffixList  # noqa: PLC0415 - see above

    return PublicSuffixList()
