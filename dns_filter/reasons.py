"""Why a name is closed: what a client is told of it.

This file does no I/O and decides nothing: the order is `blocklists.policy`'s. The codes have RFC 8914's meaning: 15 is
the policy of whoever runs the server, so every rule, category and list of the school; 16 is an order from outside, so
the sealed lists; 17 is what the client would rather be spared, so adverts and trackers.
"""

from blocklists.policy import Reason, Verdict
from blocklists.profile import Code
from dns_filter import reply, structured
from dns_filter.reply import Note

_MALWARE = "malware"


class Words:
    """What this school says of a closed name: who filters, and whom to ask (URIs)."""

    def __init__(self, organisation: str = "", contact: tuple[str, ...] = ()) -> None:
        """Say nothing of *organisation* and *contact* where they are empty."""
        self._organisation, self._contact = organisation, contact

    def told(self, verdict: Verdict, profile: str) -> Note:
        """The extended error: category and profile, and for a sealed host no more than that it is closed (G6)."""
        if verdict.reason is Reason.SEALED:
            return self._note(reply.CENSORED, "blocked")
        if verdict.reason is Reason.FAILURE:
            return self._note(reply.OTHER, "blocked: no decision could be made")
        what = verdict.category or str(verdict.reason)
        why = f"blocked: {what.replace('_', ' ')} ({profile})"
        if verdict.reason is Reason.CATEGORY and verdict.code == Code.QUIET:
            return self._note(reply.FILTERED, why)
        sub = structured.MALWARE if what == _MALWARE else structured.NETWORK_POLICY
        return self._note(reply.BLOCKED, why, sub)

    def _note(self, code: int, why: str, sub: int = 0) -> Note:
        text = structured.written(why, contact=self._contact, organisation=self._organisation, sub=sub)
        return Note(code, text)
