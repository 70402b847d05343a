"""Answers of search engines and video sites, rewritten to the strict form that they publish (`blocklists.safe_search`).

The engine's name becomes an alias of its strict one, with that one's addresses. Every other type has no data, HTTPS
records above all, whose hints would lead back to the engine itself. What cannot be had fails: an engine that shows what
it likes is no answer. This file does no I/O.
"""

from blocklists import safe_search
from blocklists.profile import Profile
from dns_filter import answer, reply, wire
from dns_filter.answer import Answer
from dns_filter.wire import Question

KINDS = frozenset({wire.A, wire.AAAA})
"""Types that have an answer; there is no data of any other."""
_TARGETS = safe_search.shipped()
"""Read when the process starts (some milliseconds), and not while somebody waits."""
_FIXED = 12
"""Bytes before the data of a record whose name is a pointer."""


def target(profile: Profile | None, host: str) -> str | None:
    """The name that answers in place of *host* for *profile*; None where nobody in the school asks."""
    return None if profile is None else safe_search.target(_TARGETS, host, profile)


def rewritten(found: Answer, question: Question, target: str) -> Answer:
    """*found*, which is the answer for *target*, as the answer to *question* about the name that it stands for.

    The question is for one of `KINDS`. *target* is one of the names that the answer leads to, and judged with them.
    """
    if found.body.code != reply.NOERROR:
        return answer.failure(reply.NO_AUTHORITY, "the strict form of this site cannot be found")
    names = (target, *found.names)
    version = 4 if question.kind == wire.A else 6
    addresses = tuple(address for address in found.addresses if address.version == version)
    if not addresses:
        body = reply.no_data(min(reply.FILTERED_TTL, found.life))
        return Answer(body, found.life, offsets=(reply.OF_TTL,), ttls=(found.life,), names=names, note=found.note)
    name, ttl = wire.name_of(target), min(found.ttls, default=0)
    packed = [address.packed for address in addresses]
    addresses_at = _FIXED + len(name)
    size = _FIXED + len(packed[0])
    offsets = (reply.OF_TTL, *(addresses_at + number * size + reply.OF_TTL for number in range(len(packed))))
    body = reply.aliased(question, name, packed, ttl)
    return Answer(body, found.life, offsets, (ttl,) * len(offsets), names, addresses, found.note)
