"""What holds for every answer to any packet, with dnspython as the judge."""

import dns.message

from dns_filter import wire

_HEADER_ALONE = {1, 2, 4, 16}
"""FORMERR, SERVFAIL, NOTIMP and BADVERS may come without the question, where there was none that we take."""
_REMEMBERED = 20_000

READ_BY_US = frozenset({wire.A, wire.AAAA, wire.CNAME, wire.DNAME, wire.SOA, wire.NS, wire.PTR, wire.MX, wire.SRV})
"""Types whose data must be sound whatever upstream said; all others go through as they came (RFC 3597)."""


class Judge:
    """Judges answers. Equal ones (but for their number) are parsed once; some 20,000 are remembered for that.

    With an *honest* upstream all data must be sound, else only that of the types that we read.
    """

    def __init__(self, *, honest: bool) -> None:
        """Start with nothing judged."""
        self._honest = honest
        self._passed: set[int] = set()
        self.answers = self.silences = 0

    def hear(self, packet: bytes, answer: bytes | None, *, tcp: bool) -> None:
        """Check *answer* to *packet*; AssertionError or dnspython's own if it is wrong. None is silence."""
        if answer is None:
            self.silences += 1
            assert not is_asking(packet), "a question was left without an answer"
            return
        self.answers += 1
        assert answer[:2] == packet[:2], "another number"
        assert answer[2] & 0x80, "no answer"
        assert answer[2] & 0x78 == packet[2] & 0x78, "another opcode"
        assert len(answer) <= limit(packet, tcp=tcp), "longer than the client takes"
        if (asked := int.from_bytes(answer[4:6])) == 1:
            end = wire.end_of_plain_name(packet, wire.HEADER)
            assert end is not None
            assert answer[wire.HEADER : end + 4] == packet[wire.HEADER : end + 4], "another question"
        if (known := hash(answer[2:])) not in self._passed:
            code = sound(answer, every_type=self._honest)
            assert asked == 1 or code in _HEADER_ALONE, "no question"
            if len(self._passed) >= _REMEMBERED:
                self._passed.clear()
            self._passed.add(known)


def is_asking(packet: bytes) -> bool:
    """Whether *packet* is something that is answered: it has a whole header, and is no answer itself."""
    return len(packet) >= wire.HEADER and not packet[2] & 0x80


def limit(packet: bytes, *, tcp: bool) -> int:
    """The longest answer to *packet*: by what it announces, whatever else is wrong with it."""
    if tcp:
        return wire.MAX_TCP
    found = wire.read(packet)
    return found.udp_limit if isinstance(found, wire.Question) else wire.PLAIN_UDP


def sound(answer: bytes, *, every_type: bool) -> int:
    """The response code of *answer*; raises what dnspython raises if it cannot be parsed."""
    parsed = dns.message.from_wire(answer, continue_on_error=True)
    for error in parsed.errors:
        kind = kind_at(answer, error.offset)
        if every_type or kind is None or kind in READ_BY_US:
            raise error.exception
    return int(parsed.rcode())


def kind_at(answer: bytes, place: int) -> int | None:
    """The type of the record in whose data *place* lies, or None."""
    end = wire.end_of_plain_name(answer, wire.HEADER)
    found = wire.records(answer, end + 4) if end is not None else None
    return next((r.kind for r in found or () if r.data <= place <= r.end), None)
