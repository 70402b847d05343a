"""An upstream that answers at once: what resolvers say, and the same spoiled. All chance is an argument."""

import struct
from random import Random

from dns_filter import answer, reply, upstream_query, wire
from dns_filter.answer import Answer
from dns_filter.turns import Share
from dns_filter.upstream_query import Asking, Fit
from tests.fuzz.questions import spoiled, wire_name

_OWNER = b"\xc0\x0c"
_OPT = b"\0" + struct.pack(">HHIH", wire.OPT, 1232, 0, 0)
_SOA = wire_name(b"ns.test") + wire_name(b"nobody.invalid") + struct.pack(">IIIII", 1, 3600, 600, 86400, 30)


def record(kind: int, data: bytes, owner: bytes = _OWNER, ttl: int = 300) -> bytes:
    """One record of class IN."""
    return owner + struct.pack(">HHIH", kind, wire.IN, ttl, len(data)) + data


_SERVICE = b"\0\1\0" + struct.pack(">HH", 1, 6) + b"\2h2\2h3" + struct.pack(">HH", 4, 4) + b"\xc0\0\2\7"
ANSWERS: tuple[tuple[int, tuple[bytes, ...], tuple[bytes, ...]], ...] = (
    (0, (record(wire.A, b"\xc0\0\2\7"),), ()),
    (0, (record(wire.A, b"\xc0\0\2\7"), record(wire.A, b"\xc0\0\2\x08", ttl=0)), ()),
    (0, (record(wire.AAAA, bytes(15) + b"\7"),), ()),
    (0, (record(wire.A, b"\x0a\0\0\1"),), ()),
    (
        0,
        (
            record(wire.CNAME, wire_name(b"cdn.gambling.test")),
            record(wire.A, b"\xc0\0\2\7", wire_name(b"cdn.gambling.test")),
        ),
        (),
    ),
    (0, (record(wire.CNAME, b"\5other\xc0\x0c"), record(wire.A, b"\xc0\0\2\7", wire_name(b"x.test"))), ()),
    (0, (record(wire.CNAME, wire_name(b"0x7f.1")),), ()),
    (0, (record(wire.CNAME, wire_name(b"a printer.local")),), ()),
    (0, (record(wire.DNAME, wire_name(b"elsewhere.test")),), ()),
    (0, (record(wire.HTTPS, _SERVICE + struct.pack(">HH", 5, 6) + b"\0\4\xfe\x0d\0\0"),), ()),
    (0, (record(wire.HTTPS, b"\0\0" + wire_name(b"svc.test")),), ()),
    (0, (record(15, b"\0\x0a\4mail\xc0\x0c"), record(2, b"\2ns\xc0\x0c"), record(33, bytes(6) + b"\0")), ()),
    (0, (record(16, b"\4text\3and"), record(65280, b"whatever"), record(257, b"\0\5issueca.test")), ()),
    (0, tuple(record(16, b"\xff" + bytes([65 + n]) * 255) for n in range(20)), ()),
    (0, (record(wire.SOA, _SOA),), (record(2, wire_name(b"ns.test")),)),
    (0, (), (record(wire.SOA, _SOA, wire_name(b"test")),)),
    (0, (), ()),
    (3, (), (record(wire.SOA, _SOA, wire_name(b"test")),)),
    (2, (), ()),
    (5, (), ()),
)


LONG = 240
"""Bytes of a query whose name leaves no room for a longer one."""


def message(query: bytes, chance: Random) -> bytes:
    """A resolver's response to *query*."""
    code, answers, authorities = chance.choice(ANSWERS if len(query) < LONG else ANSWERS[:4])
    flags = wire.QR | wire.RD | wire.RA | chance.choice((0, wire.AD)) | code
    opt = chance.choice((_OPT, b""))
    head = query[:2] + struct.pack(">HHHHH", flags, 1, len(answers), len(authorities), bool(opt))
    return b"".join((head, query[wire.HEADER : -len(_OPT)], *answers, *authorities, opt))


class Upstream:
    """Answers for `dns_filter.lookups`; *spoils* is how many in a hundred are spoiled."""

    def __init__(self, chance: Random, spoils: int) -> None:
        """Draw from *chance*."""
        self._chance, self._spoils = chance, spoils

    async def ask(self, question: bytes, share: Share, *, dnssec_ok: bool, checking_disabled: bool) -> Answer:  # noqa: ARG002
        """What a resolver says to *question*, read as the filter reads it."""
        query = upstream_query.message(b"id", question, Asking(question, dnssec_ok, checking_disabled))
        said = message(query, self._chance)
        if self._chance.randrange(100) < self._spoils:
            said = spoiled(said, self._chance)
        if said[:2] != query[:2] or upstream_query.fit(question, said) is not Fit.SAME:
            return answer.failure(reply.NETWORK_ERROR, "another question")
        found = answer.parse(said, len(query) - len(_OPT))
        return found or answer.failure(reply.NETWORK_ERROR, "it cannot be used")
