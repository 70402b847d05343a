"""Which records of an answer belong to its question: the name asked for, what its aliases lead to, and nothing else.

A server that is asked for one name may put any other beside it, and whoever believes that is poisoned (RFC 5452, 6). So
records count only by their owner: the name of the question, or the one that the aliases before have led to. An alias of
a whole zone (DNAME, RFC 6672) must stand above the name, and the CNAME made of it must be what it says. This file does
no I/O and changes no record.
"""

import msgspec

from dns_filter import wire
from dns_filter.wire import Record

LONGEST = 16
"""Aliases in a row; content networks use two to five, and resolvers give up after 8 to 16."""
RRSIG, NSEC, NSEC3 = 46, 47, 50
_POINTER = 0xC000 | wire.HEADER
_QUESTION = _POINTER.to_bytes(2)
_INTERNET = wire.IN.to_bytes(2)


class Chain(msgspec.Struct):
    """The *kept* records of the answer section in the order of the aliases, and the *names* that these lead to.

    *last* is the name that all aliases end at, *dropped* whether there was something that does not belong here.
    """

    kept: list[Record]
    names: list[bytes]
    last: bytes
    dropped: bool


def follow(message: bytes, name: bytes, kind: int, records: list[Record]) -> Chain | None:
    """The answers among *records* of *message* to a question for *name* and *kind*.

    None if the aliases run in a circle, are more than `LONGEST`, or cannot be read.
    """
    if all(record.kind == kind and _is_of_the_question(message, record) for record in records) and kind not in _ALIASES:
        return Chain(records, [], name, dropped=False)  # nearly every answer: a few addresses of the name itself
    walk = _Walk(message, name, kind)
    waiting = records
    while waiting:
        try:
            later = [record for record in waiting if not walk.takes(record)]
        except ValueError:
            return None
        if len(later) == len(waiting):
            break
        waiting = later  # an alias may stand behind what it leads to: the order of records is nobody's promise
    return Chain(walk.kept, walk.names, walk.at, bool(waiting))


def _is_of_the_question(message: bytes, record: Record) -> bool:
    """Whether the record's name is a pointer to the question's, and its class the internet's."""
    ttl = record.ttl
    return ttl == record.start + _AFTER_POINTER and message[ttl - 6 : ttl - 4] + message[ttl - 2 : ttl] == _PLAINLY


_ALIASES = frozenset({wire.CNAME, wire.DNAME})
_AFTER_POINTER = 6
"""Bytes from a record's start to its TTL where its name is a pointer."""
_PLAINLY = _QUESTION + _INTERNET


class _Walk:
    """A walk along the aliases: *at* is where it is, *due* where the alias of a zone says that it must go next."""

    def __init__(self, message: bytes, name: bytes, kind: int) -> None:
        self.at, self.names, self.kept = name, [], []  # type: bytes, list[bytes], list[Record]
        self._message, self._name, self._kind = message, name, kind
        self._due = b""
        self._owners: dict[int, bytes] = {}
        self._been = {name}
        self._seen: set[tuple[bytes, int]] = set()

    def takes(self, record: Record) -> bool:
        """Whether *record* belongs here now; ValueError if it leads in a circle, too far, or nowhere."""
        owner = self._owner(record)
        if self._message[record.ttl - 2 : record.ttl] != _INTERNET or not self._belongs(record, owner):
            return False
        self._seen.add((owner, record.kind))
        self.kept.append(record)
        return True

    def _owner(self, record: Record) -> bytes:
        """The record's name, read once however often the walk comes by: 17 times 500 took half a second."""
        owner = self._owners.get(record.start)
        if owner is None:
            plain = self._message[record.start : record.start + 2] == _QUESTION
            owner = self._name if plain else wire.expanded(self._message, record.start)
            if owner is None:
                raise ValueError("an owner that cannot be read")
            self._owners[record.start] = owner
        return owner

    def _belongs(self, record: Record, owner: bytes) -> bool:
        if record.kind == RRSIG and self._kind != RRSIG:
            return (owner, int.from_bytes(self._message[record.data : record.data + 2])) in self._seen
        if record.kind == wire.DNAME and owner != self.at:
            return self._turns(record, owner)
        if owner == self._due:
            self._go(owner)
        if owner != self.at:
            return False
        if record.kind == wire.CNAME and self._kind != wire.CNAME:
            return self._goes_on(record)
        if record.kind == self._kind in _ALIASES:
            self.names.append(_target(self._message, record))
        return record.kind == self._kind

    def _turns(self, record: Record, owner: bytes) -> bool:
        """The alias of a zone: the name goes on below the zone's target."""
        if self._due or not _is_below(self.at, owner):
            return False
        self._due = self.at[: -len(owner)] + _target(self._message, record)
        if len(self._due) > wire.MAX_NAME:
            raise ValueError("a name that would be too long")
        self.names.append(self._due)
        return True

    def _goes_on(self, record: Record) -> bool:
        """The alias of a name; where the alias of a zone stands above, it is no other than that says."""
        found = _target(self._message, record)
        if self._due and found != self._due:
            raise ValueError("an alias that its zone's alias does not make")
        self.names.append(found)
        self._go(found)
        return True

    def _go(self, name: bytes) -> None:
        self.at, self._due = name, b""
        if name in self._been or len(self._been) > LONGEST:
            raise ValueError("aliases without an end")
        self._been.add(name)


def _target(message: bytes, record: Record) -> bytes:
    """The wire name that the record's data begins with; ValueError if it cannot be read, or leads out of the record."""
    name = wire.expanded(message[: record.end], record.data)
    if name is None:
        raise ValueError("a target that cannot be read")
    return name


def _is_below(name: bytes, zone: bytes) -> bool:
    """Whether the wire name *name* ends in *zone*, at the beginning of one of its labels, and is longer."""
    place = 0
    while name[place]:
        place += 1 + name[place]
        if name[place:] == zone:
            return True
    return False
