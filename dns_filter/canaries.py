"""Names that devices and browsers ask for to learn whether a network wants to be the one that is asked.

They do not exist here: so Firefox keeps to the school's resolver, and Apple's devices go on without the relay and say
so. Whoever seeks encrypted resolvers ("_dns.resolver.arpa" and "_dns" below any name, RFC 9462: Windows and Apple's
devices do) finds that there are none. That is no breach, as no person asked. A school that opens one by an entry or a
pass, or closes it for everybody in an emergency, is obeyed.

Chrome and Edge have no name to ask for: they look at which resolver they were given, and keep to one that is no public
resolver's. Names by which devices try a network are no canaries: they must stay open (`data/lists/essential.txt`).
"""

import re

from blocklists.verdict import Action, Reason, Verdict

NAMES = frozenset(
    {
        "canary.mask.apple-dns.net",
        "mask-api.icloud.com",
        "mask-canary.icloud.com",
        "mask-h.icloud.com",
        "mask-h2.icloud.com",
        "mask.apple-dns.net",
        "mask.icloud.com",
        "use-application-dns.net",
    }
)
"""Apple, "Prepare your network for iCloud Private Relay" (mask and mask-h2), and the others under which its devices are
seen to ask for the relay; Mozilla, "Canary domain - use-application-dns.net"."""

_DISCOVERY = re.compile(r"(_[0-9]+\.)?_dns\.")
"""The first labels under which encrypted resolvers are sought, with a port or without (RFC 9461, 3)."""

_OURS_ALONE = frozenset({Reason.UNKNOWN, Reason.OPEN, Reason.CATEGORY, Reason.EDUCATION, Reason.NOT_APPROVED})


def is_canary(host: str) -> bool:
    """Whether programs ask for *host* by themselves, to learn what the network wants."""
    return host in NAMES or is_discovery(host)


def is_discovery(host: str) -> bool:
    """Whether *host* is where encrypted resolvers are sought: it has no records, and is not missing (RFC 9462, 4)."""
    return _DISCOVERY.match(host) is not None


def judged(host: str, verdict: Verdict) -> Verdict:
    """*verdict*, or for a canary a quiet block, unless somebody in the school decided about it."""
    if not is_canary(host) or verdict.reason not in _OURS_ALONE:
        return verdict
    return Verdict(Action.BLOCK, Reason.CATEGORY, category="bypass", rule=host, quiet=True)
