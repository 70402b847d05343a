"""Why a name is closed: what a client is told of it, and which reasons reach a name through its aliases.

This file does no I/O and decides nothing: the order is `blocklists.policy`'s.
"""

from blocklists.policy import Reason, Verdict
from dns_filter import reply
from dns_filter.reply import Note

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


def told(verdict: Verdict, profile: str) -> Note:
    """The extended error: category and profile, and for a sealed host no more than that it is closed (G6)."""
    if verdict.reason is Reason.SEALED:
        return Note(reply.CENSORED, "blocked")
    if verdict.reason is Reason.FAILURE:
        return Note(reply.OTHER, "blocked: no decision could be made")
    what = verdict.category or str(verdict.reason)
    return Note(reply.BLOCKED, f"blocked: {what.replace('_', ' ')} ({profile})")
