"""What a new policy may decide otherwise than the one before it: what it surely does not can stay as it is.

Thousands of names were decided when a pass opens for one of them, and each costs 20 us to decide anew. This file reads
no clock and decides nothing; where it cannot tell, it says that a verdict may differ. It speaks of names and of
verdicts without an end, for one client whose profile and number are the same before and after.
"""

import msgspec

from blocklists import entry
from blocklists.profile import Profile
from blocklists.question import Policy
from blocklists.rulebook import Rulebook

EVERYBODY = ""
"""In place of a profile: what concerns every one of them."""


class Changes:
    """What differs between two policies, as far as a name's verdict can tell."""

    def __init__(self, old: Policy, new: Policy) -> None:
        """Compare them once; some 100 us, and as long as both rulebooks are, where they differ."""
        self._all = old.sealed is not new.sealed or old.approved_columns != new.approved_columns
        self._profiles: set[str] = set()
        self._hosts: dict[str, set[str]] = {EVERYBODY: set(old.known ^ new.known)}
        self._before, self._index = old.index, new.index
        self._lists: frozenset[str] = frozenset()
        self._compare_permits(old, new)
        if old.rulebook is not new.rulebook:
            self._compare_books(old.rulebook, new.rulebook)

    def may_differ(self, profile: str, host: str) -> bool:
        """Whether the verdict on the name *host* for *profile* may be another than before."""
        if self._all or profile in self._profiles:
            return True
        if is_covered(host, self._hosts[EVERYBODY]) or is_covered(host, self._hosts.get(profile, ())):
            return True
        return self._is_listed_otherwise(host) or self._is_on_changed_list(host)

    def _compare_permits(self, old: Policy, new: Policy) -> None:
        """Every host of a permit that only one of the two has, or that the other has in another form."""
        before, after = ({permit for permit, _ in policy.permits} for policy in (old, new))
        for permit, entries in (*old.permits, *new.permits):
            if permit not in before or permit not in after:
                self._hosts[EVERYBODY] |= {found.host for found in entries}

    def _compare_books(self, old: Rulebook, new: Rulebook) -> None:
        """Tell categories and profiles from the rest of the rulebook, which may change whatever it likes."""
        if _rest(old) != _rest(new):
            self._all = True
            return
        keys = old.categories.keys() | new.categories.keys()
        changed = {key for key in keys if old.categories.get(key) != new.categories.get(key)}
        self._lists = frozenset(name for name, use in new.lists.items() if use.category in changed)
        for name in old.profiles.keys() | new.profiles.keys():
            self._compare_profiles(name, old.profiles.get(name), new.profiles.get(name))

    def _compare_profiles(self, name: str, old: Profile | None, new: Profile | None) -> None:
        if old is None or new is None or _without_rules(old) != _without_rules(new):
            self._profiles.add(name)
            return
        texts = _rules(old) ^ _rules(new)
        self._hosts[name] = {found.host for found in entry.parse_all(tuple(text for _, text in texts))}

    def _is_listed_otherwise(self, host: str) -> bool:
        old, new = self._before, self._index
        if old is new:
            return False
        return old.listed(host) != new.listed(host) or old.lists_with_pages(host) != new.lists_with_pages(host)

    def _is_on_changed_list(self, host: str) -> bool:
        if not self._lists:
            return False
        on = [name for listing in self._index.listed(host) for name in listing.lists]
        return not self._lists.isdisjoint((*on, *self._index.lists_with_pages(host)))


def is_covered(host: str, parents: set[str] | tuple[()]) -> bool:
    """Whether *host* or a name above it is in *parents*; of an address too, which has none."""
    if not parents:
        return False
    while host not in parents:
        dot = host.find(".")
        if dot < 0:
            return False
        host = host[dot + 1 :]
    return True


def _rest(book: Rulebook) -> Rulebook:
    return msgspec.structs.replace(book, categories={}, profiles={})


def _without_rules(profile: Profile) -> Profile:
    return msgspec.structs.replace(profile, allow=(), block=(), scan=(), beside_sealed=())


def _rules(profile: Profile) -> set[tuple[str, str]]:
    """(kind, entry) of each entry of a profile's own."""
    kinds = ("allow", "block", "scan", "beside_sealed")
    return {(kind, text) for kind in kinds for text in getattr(profile, kind)}
