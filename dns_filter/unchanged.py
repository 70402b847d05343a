"""Which finished answers a change of the policy leaves as they are, so that they need not be made again.

A finished answer hangs on the verdicts on its name and on those that it leads through, and on nothing else where it
says so (`dns_filter.cache.Ready.names`). This file reads no clock.
"""

from blocklists.changes import Changes
from dns_filter import wire
from dns_filter.cache import Ready, Stop
from dns_filter.doors import NEVER
from dns_filter.school_door import SchoolDoor
from dns_filter.seats import View

_NAME = wire.HEADER - 2
"""Where the name of a question begins in a packet without its number."""


class Unchanged:
    """What stays between two doors, of which the second has another policy."""

    def __init__(self, old: SchoolDoor, new: SchoolDoor) -> None:
        """Compare what the doors decide by."""
        both = old.policy is not None and new.policy is not None and old.clock_ok is new.clock_ok
        self._changes = Changes(old.policy, new.policy) if both else None  # type: ignore[arg-type]
        self._clients = None if old.clients is new.clients else (old.clients, new.clients)

    def stays(self, address: str, view: View, key: bytes, before: Ready | Stop) -> bool:
        """Whether *before*, at hand for the packet *key* of *address*, is what it would get in *view* of the new."""
        if self._changes is None or not self._is_same_client(address):
            return False
        names = hanging_on(key, before)
        return names is not None and not any(self._changes.may_differ(view.profile, name) for name in names)

    def _is_same_client(self, address: str) -> bool:
        if self._clients is None:
            return True
        old, new = self._clients
        return old is not None and new is not None and old.of(address) == new.of(address)


def hanging_on(key: bytes, finished: Ready | Stop) -> tuple[str, ...] | None:
    """The names whose verdicts made the answer to the packet *key* what it is; None if something else did, or ends."""
    behind = () if finished.blocks and finished.until == NEVER else None if finished.blocks else finished.names
    end = wire.end_of_plain_name(key, _NAME)
    if behind is None or end is None:
        return None
    host = wire.host(key[_NAME:end].lower())
    return (host, *behind) if host else None
