"""Hosts that must be opened for a profile though no rule names a page of theirs.

A header can be added, and a picture hidden, only where the request is seen: services that are held to the school's own
accounts, YouTube's restricted mode, and search engines' small pictures where these are hidden.
"""

from blocklists import tenants, thumbnails
from blocklists.profile import Profile
from blocklists.rulebook import Rulebook


def hosts(book: Rulebook, profile: Profile) -> frozenset[str]:
    """The hosts, each with every name under it; none for a profile without the certificate."""
    if not profile.certificate:
        return frozenset()
    hidden = frozenset() if profile.thumbnails else thumbnails.shipped().hosts
    return hidden | tenants.Restrictions(tenants.shipped(), book.tenants, profile).opened
