"""Which blocks reach a name through its aliases (CNAME): DNS and proxy ask the same question of each name in a chain.

This file does no I/O and decides no name: the order is `blocklists.policy`'s.
"""

from blocklists.verdict import Reason

_RANK = {
    Reason.SEALED: 1,
    Reason.ALWAYS_OPEN: 2,
    Reason.EMERGENCY: 3,
    Reason.PASS: 4,
    Reason.PROFILE_RULE: 5,
    Reason.APPROVED: 6,
    Reason.EDUCATION: 7,
    Reason.CATEGORY: 8,
    Reason.UNKNOWN: 9,
    Reason.OPEN: 10,
    Reason.FAILURE: 0,
}
"""Where a reason stands in the order of `blocklists.policy`, for names that an alias leads to."""
_NOT_FOR_ALIASES = frozenset({Reason.NOT_APPROVED, Reason.UNKNOWN})
"""An approved site may live on servers that nobody approved: only what is listed against an alias counts."""


def outranks(alias: Reason, asked: Reason) -> bool:
    """Whether a block of an alias, for the reason *alias*, closes a name that is open for the reason *asked*.

    Of two categories the closed one wins; otherwise what opened the name by itself wins a tie, as in the order.
    """
    if alias in _NOT_FOR_ALIASES:
        return False
    return alias is asked is Reason.CATEGORY or _RANK[alias] < _RANK[asked]
