"""Whether the answer section of a message speaks of the name that was asked, and of nothing else.

A resolver gives the records of the name, or of the names that its aliases lead to. One that gives another name's is
broken or forged, and nothing of such a message is used. This file does no I/O and raises nothing.
"""

from dns_filter import wire
from dns_filter.wire import Record

_THE_QUESTION = b"\xc0\x0c"
"""A pointer to the question's name."""
_LONGEST_CHAIN = 32
"""Aliases that are followed; resolvers give up after 8 to 16."""


def speaks_of(message: bytes, question: bytes) -> bool:
    """Whether each answer in *message* is for *question* (wire name, type, class; lower case).

    A message with broken records passes: who reads the records says so of them (`dns_filter.answer`).
    """
    place = wire.HEADER + len(question)
    answers = int.from_bytes(message[6:8])
    if answers == 0 or (answers == 1 and message[place : place + 2] == _THE_QUESTION):
        return True  # most answers, without a look at their records
    records = wire.records(message, place)
    if records is None:
        return True
    return _one_chain(message, [record for record in records if record.section == 0], question[:-4])


def _one_chain(message: bytes, answers: list[Record], asked: bytes) -> bool:
    owners = [wire.expanded(message, record.start) for record in answers]
    aliases = {
        owner: wire.expanded(message[: record.end], record.data)
        for owner, record in zip(owners, answers, strict=True)
        if record.kind == wire.CNAME
    }
    chain: list[bytes] = []
    name: bytes | None = asked
    while name is not None and name not in chain and len(chain) < _LONGEST_CHAIN:
        chain.append(name)
        name = aliases.get(name)
    renamed = {owner for owner, r in zip(owners, answers, strict=True) if r.kind == wire.DNAME and _above(owner, chain)}
    return all(owner in chain or owner in renamed for owner in owners)


def _above(owner: bytes | None, chain: list[bytes]) -> bool:
    """Whether a name of *chain* lies below *owner*, so that a DNAME there renames it (RFC 6672, 2.3)."""
    return owner is not None and any(name.endswith(owner) for name in chain)
