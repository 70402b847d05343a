"""Names that devices and browsers ask for to learn whether a network wants to be the one that is asked.

They do not exist here: so Firefox keeps to the school's resolver, and Apple's devices go on without the relay and say
so. That is no breach, as no person asked. A school that opens one by an entry or a pass, or closes it for everybody in
an emergency, is obeyed.
"""

from blocklists.verdict import Action, Reason, Verdict

NAMES = frozenset(
    {
        "mask-api.icloud.com",
        "mask-h.icloud.com",
        "mask-h2.icloud.com",
        "mask.icloud.com",
        "use-application-dns.net",
    }
)
"""Apple, "Prepare your network for iCloud Private Relay"; Mozilla, "Canary domain - use-application-dns.net"."""

_OURS_ALONE = frozenset({Reason.UNKNOWN, Reason.OPEN, Reason.CATEGORY, Reason.EDUCATION, Reason.NOT_APPROVED})


def judged(host: str, verdict: Verdict) -> Verdict:
    """*verdict*, or for a name of `NAMES` a quiet block, unless somebody in the school decided about it."""
    if host not in NAMES or verdict.reason not in _OURS_ALONE:
        return verdict
    return Verdict(Action.BLOCK, Reason.CATEGORY, category="bypass", rule=host, quiet=True)
