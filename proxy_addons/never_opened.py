"""Whose connections nobody opens, whatever else the policy says: helplines, banks, health, essential services (G19).

This file reads no clock and opens nothing: the signer asks it before it signs.
"""

from blocklists.question import Policy
from blocklists.rulebook import NEVER_OPENED, ListUse, Role


def is_never_opened(policy: Policy, host: str) -> bool:
    """Whether a list of *policy* says of the canonical *host* that nobody opens its connections."""
    uses = policy.rulebook.lists
    names = (name for listing in policy.index.listed(host) for name in listing.lists)
    return any(_forbids(uses[name]) for name in names if name in uses)


def _forbids(use: ListUse) -> bool:
    return use.role is Role.ALWAYS_OPEN or use.category in NEVER_OPENED
