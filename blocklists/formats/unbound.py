"""unbound's configuration: `local-zone` and the `local-data` that goes with it.

A zone that is answered for is listed, one that is looked up as usual is off the list. Local data lists a name if it
leads nowhere; within a zone that is listed already it adds nothing, whatever it says.
"""

import re
from collections.abc import Iterator
from ipaddress import ip_address

from blocklists import domain
from blocklists.formats import comments, plain
from blocklists.formats.kind import Ahead, Reader, Unread
from blocklists.rule import Effect, NameRule

LISTED = frozenset({
    "always_deny", "always_nodata", "always_null", "always_nxdomain", "always_refuse", "deny", "inform_deny",
    "inform_redirect", "redirect", "refuse", "static",
})  # fmt: skip
EXCEPTED = frozenset({"always_transparent", "inform", "nodefault", "transparent", "typetransparent"})

_CLAUSE = re.compile(r"[a-z-]+:")
_OPTION = re.compile(r"(?:server:\s+)?([a-z-]+):\s*(.*)")
_ZONE = re.compile(r"""["']?([^"'\s]+)["']?\s+["']?([a-z_]+)["']?""")
_DATA = re.compile(r"""(?ai)["']?([^"'\s]+)\s+(?:[0-9]+\s+)?(?:IN\s+)?([A-Z]+)\s+([^"'\s]+).*""")


def reader(_: Ahead) -> Reader:
    """A reader of options; it remembers the zone that local data stands in."""
    return Reader(said=said, rules=Zones().rules)


def said(text: str) -> str:
    """What the line *text* says: "" for a comment and for the heading of a clause ("server:")."""
    kept = comments.before_blank_and_hash(text)
    return "" if _CLAUSE.fullmatch(kept) else kept


class Zones:
    """The options of one file, line by line."""

    def __init__(self) -> None:
        self._zone = NameRule("")

    def rules(self, text: str) -> Iterator[NameRule | Unread]:
        """The rules of the line *text*."""
        match = _OPTION.fullmatch(text)
        option, value = match.groups() if match else ("", "")
        if option == "local-zone":
            yield self._of_zone(value)
        elif option == "local-data":
            yield from self._of_data(value)
        else:
            yield Unread("another setting of unbound")

    def _of_zone(self, value: str) -> NameRule | Unread:
        match = _ZONE.fullmatch(value)
        if match is None:
            return Unread("a local-zone without name and type")
        name, kind = match.groups()
        found = Unread("names every site") if name == "." else plain.dotted(name)
        if isinstance(found, Unread):
            return found
        if kind not in LISTED | EXCEPTED:
            return Unread("a local-zone of another type")
        self._zone = NameRule(found.name, Effect.LISTED if kind in LISTED else Effect.EXCEPTED)
        return self._zone

    def _of_data(self, value: str) -> Iterator[NameRule | Unread]:
        match = _DATA.fullmatch(value)
        found = plain.dotted(match[1]) if match else Unread("a local-data without name, type and value")
        if match is None or isinstance(found, Unread):
            yield found
            return
        within = domain.is_within(found.name, self._zone.name)
        if within and self._zone.effect is Effect.LISTED:
            return
        yield NameRule(found.name, exact=within) if _leads_nowhere(match[2], match[3]) else Unread("data of its own")


def _leads_nowhere(kind: str, value: str) -> bool:
    address = domain.as_address(value) if kind.upper() in {"A", "AAAA"} else None
    return address is not None and (ip_address(address).is_unspecified or ip_address(address).is_loopback)
