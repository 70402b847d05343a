"""Response policy zones (draft-vixie-dnsop-dns-rpz): a zone file whose owner names are what is asked for.

NXDOMAIN, NODATA, DROP and local data list a name, PASSTHRU takes it off. A trigger is the name alone and "*.x" what is
under it; a block of "x" lists what is under it as well, as every list does here. Triggers on addresses and name
servers are counted and left out: nobody asks for those.
"""

import re
from collections.abc import Iterable, Iterator

from blocklists.formats import plain
from blocklists.formats.kind import Ahead, Reader, Unread
from blocklists.rule import Effect, NameRule

MAX_OPEN = 20
"""Lines in brackets; an SOA has seven at most."""

OTHER_TRIGGERS = {
    "rpz-ip": "an IP trigger is not supported",
    "rpz-client-ip": "a client IP trigger is not supported",
    "rpz-nsip": "an NSIP trigger is not supported",
    "rpz-nsdname": "an NSDNAME trigger is not supported",
}
LISTING_TARGETS = frozenset({".", "*.", "rpz-drop", "rpz-drop."})
PASSING_TARGETS = frozenset({"rpz-passthru", "rpz-passthru."})
OF_THE_ZONE = frozenset({"SOA", "NS", "DNSKEY", "RRSIG", "NSEC", "NSEC3", "NSEC3PARAM", "ZONEMD"})
"""Records that a zone has for itself: they say nothing of a name."""
OF_A_NAME = frozenset({"A", "AAAA", "CAA", "CNAME", "HTTPS", "MX", "NAPTR", "PTR", "SRV", "SVCB", "TXT"})
"""Records that answer for a name: a CNAME says by its target how, any other is local data."""

_CONTENT = re.compile(r"""(?:[^;"]++|"[^"]*"|")*+""")
_TTL = re.compile(r"(?ai)(?:[0-9]++[smhdw]?)++")
_PASSES_WILDCARD = re.compile(rb"(?im)^(?:\*\.|[ \t])[^\n;]*\brpz-passthru\b")
_UNCLOSED = "("


def reader(ahead: Ahead) -> Reader:
    """A reader of one zone: it remembers the origin and the owner of the line before."""
    zone = Zone(excepts_wildcards=ahead.excepts_wildcards)
    return Reader(said=zone.said, rules=zone.rules)


def look_ahead(blocks: Iterable[bytes]) -> Ahead:
    """Find out whether *blocks* of whole lines let pass what is under some name."""
    return Ahead(excepts_wildcards=any(_PASSES_WILDCARD.search(block) for block in blocks))


class Zone:
    """One zone file, line by line."""

    def __init__(self, *, excepts_wildcards: bool) -> None:
        self._excepts_wildcards = excepts_wildcards
        self._origin: str | None = None
        self._apex = ""
        self._owner = "@"
        self._open = 0

    def said(self, text: str) -> str:
        """The record of the line *text* as "trigger TYPE data"; "" for a comment and for what a zone has for itself."""
        match = _CONTENT.match(text)
        content = match[0].rstrip() if match else ""
        if self._open:
            return self._continued(content)
        if not content.strip():
            return ""
        return self._directive(content) if content.startswith("$") else self._record(content)

    def _continued(self, content: str) -> str:
        self._open = 0 if ")" in content else self._open + 1
        if self._open > MAX_OPEN:
            self._open = 0
            return _UNCLOSED
        return ""

    def _directive(self, content: str) -> str:
        word, *values = content.split()
        if word.upper() not in {"$ORIGIN", "$TTL"} or not values:
            return content
        if word.upper() == "$ORIGIN":
            self._origin = self._absolute(values[0]).lower()
            self._apex = self._apex or self._origin
        return ""

    def _record(self, content: str) -> str:
        fields = content.split()
        if not content[0].isspace():
            self._owner = fields.pop(0)
        self._open = int("(" in content and ")" not in content.partition("(")[2])
        start = next((i for i, one in enumerate(fields) if not _is_ttl_or_class(one)), len(fields))
        kind, *data = fields[start:] or [""]
        if kind.upper() == "SOA":
            self._begin()
        if kind.upper() in OF_THE_ZONE:
            return ""
        return " ".join([self._trigger(), kind.upper(), *data])

    def _begin(self) -> None:
        """Take the owner of the SOA for the zone's name; without $ORIGIN what follows is relative to it too."""
        if self._origin is not None or self._owner.endswith("."):
            self._apex = self._absolute(self._owner).lower()
            self._origin = self._apex if self._origin is None else self._origin

    def _absolute(self, name: str) -> str:
        """*name* in full, without the trailing dot."""
        if name.endswith("."):
            return name.removesuffix(".")
        parts = ("" if name == "@" else name, self._origin or "")
        return ".".join(part for part in parts if part)

    def _trigger(self) -> str:
        """What the owner is a trigger for: "@" is the zone's own name, a name with its dot is one outside the zone."""
        full = self._absolute(self._owner).lower()
        if not self._apex:
            return full or "@"
        if full == self._apex:
            return "@"
        within = full.endswith(f".{self._apex}")
        return full.removesuffix(f".{self._apex}") if within else f"{full}."

    def rules(self, said: str) -> Iterator[NameRule | Unread]:
        """The rules of the record *said*."""
        trigger, kind, data = said.split(" ", 2) if said.count(" ") > 1 else (said, "", "")
        if (reason := _unread(trigger, kind)) is not None:
            yield Unread(reason)
            return
        effect = _effect(trigger, kind, data.lower())
        wild = trigger.startswith("*.")
        found = plain.dotted(trigger.removeprefix("*."))
        if isinstance(effect, Unread) or isinstance(found, Unread):
            yield effect if isinstance(effect, Unread) else found
        elif effect is Effect.EXCEPTED:
            yield NameRule(found.name, effect, exact=not wild)
        else:
            yield found
            if self._excepts_wildcards and not wild:
                yield NameRule(found.name, exact=True)


def _is_ttl_or_class(field: str) -> bool:
    return field.upper() in {"IN", "CH", "HS"} or _TTL.fullmatch(field) is not None


def _unread(trigger: str, kind: str) -> str | None:
    """Why a record cannot be read, whatever it says."""
    if trigger == _UNCLOSED:
        return f"brackets that are not closed within {MAX_OPEN} lines"
    if trigger.startswith("$"):
        return "another directive of zone files"
    if kind not in OF_A_NAME:
        return "not a record that lists a name"
    if trigger in {"@", "*"}:
        return "names every site" if trigger == "*" else "a record of the zone's own name"
    if trigger.endswith("."):
        return "a name outside the zone"
    return OTHER_TRIGGERS.get(trigger.rpartition(".")[2])


def _effect(trigger: str, kind: str, target: str) -> Effect | Unread:
    """What a record with *target* does to what *trigger* stands for; a name that leads to itself passes."""
    if kind != "CNAME" or target in LISTING_TARGETS:
        return Effect.LISTED
    if target in PASSING_TARGETS or target == f"{trigger}.":
        return Effect.EXCEPTED
    return Unread("an action that is not supported") if target.startswith("rpz-") else Effect.LISTED
