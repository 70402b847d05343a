"""Why a name is closed: what a client is told of it.

This file does no I/O and decides nothing: the order is `blocklists.policy`'s.
"""

from blocklists.policy import Reason, Verdict
from dns_filter import reply
from dns_filter.reply import Note


def told(verdict: Verdict, profile: str) -> Note:
    """The extended error: category and profile, and for a sealed host no more than that it is closed (G6)."""
    if verdict.reason is Reason.SEALED:
        return Note(reply.CENSORED, "blocked")
    if verdict.reason is Reason.FAILURE:
        return Note(reply.OTHER, "blocked: no decision could be made")
    what = verdict.category or str(verdict.reason)
    return Note(reply.BLOCKED, f"blocked: {what.replace('_', ' ')} ({profile})")
