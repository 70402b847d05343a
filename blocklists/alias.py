"""Which blocks reach a name through its aliases (CNAME): DNS and proxy ask the same question of each name in a chain.

This file does no I/O and decides no name: the order is `blocklists.policy`'s.
"""

from blocklists.profile import Code
from blocklists.verdict import CARRIED, Reason, Verdict

_RANK = {
    Reason.SEALED: 1,
    Reason.ALWAYS_OPEN: 2,
    Reason.EMERGENCY: 3,
    Reason.PASS: 4,
    Reason.PROFILE_RULE: 5,
    Reason.SEARCH: 5,
    Reason.APPROVED: 6,
    Reason.EDUCATION: 7,
    Reason.CATEGORY: 8,
    Reason.UNKNOWN: 9,
    Reason.OPEN: 10,
    Reason.PART: 10,
    Reason.FAILURE: 0,
}
"""Where a reason stands in the order of `blocklists.policy`, for names that an alias leads to."""
_NOT_FOR_ALIASES = CARRIED | {Reason.NOT_APPROVED, Reason.UNKNOWN, Reason.SEARCH}
"""An approved site may live on servers that nobody approved, or beside a search engine: only what is listed against an
alias counts."""


def outranks(alias: Verdict, asked: Verdict) -> bool:
    """Whether *alias*, the block of a name that an alias leads to, closes a name of which *asked* says that it is open.

    Of two categories the closed one wins, a pass opens no locked category, and the education list none that is harm;
    otherwise what opened the name by itself wins a tie, as in the order.
    """
    reason = _listed_reason(alias)
    if reason in _NOT_FOR_ALIASES:
        return False
    if reason is Reason.CATEGORY and _is_beyond(alias, asked.reason):
        return True
    return _RANK[reason] < _RANK[asked.reason]


def _listed_reason(alias: Verdict) -> Reason:
    """Why *alias* is closed; what is locked is closed by that, though a profile of approved sites asks nothing more."""
    locked = alias.reason is Reason.NOT_APPROVED and alias.code == Code.LOCKED
    return Reason.CATEGORY if locked else alias.reason


def _is_beyond(alias: Verdict, asked: Reason) -> bool:
    """Whether the closed category of *alias* is one that *asked* would not open."""
    match asked:
        case Reason.CATEGORY:
            return True
        case Reason.PASS:
            return alias.code == Code.LOCKED
        case Reason.EDUCATION:
            return alias.grave
        case _:
            return False
