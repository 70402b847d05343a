"""One question on its way through the resolver.

Values only: no socket, no clock, no decision.
"""

from collections.abc import Coroutine
from typing import Any

import msgspec

from dns_filter import reply, wire
from dns_filter.cache import Ready, Stop
from dns_filter.doors import Door
from dns_filter.reply import Body, Note
from dns_filter.wire import Question

type Outcome = bytes | Coroutine[Any, Any, bytes | None] | None
"""What comes of a question: an answer at once, one to be awaited, or silence."""


class Asked(msgspec.Struct, frozen=True):
    """One packet on its way: what was asked, by which address, at which door, over what."""

    packet: bytes
    question: Question
    address: str
    door: Door
    tcp: bool = False

    @property
    def limit(self) -> int:
        """The longest answer in bytes."""
        return wire.MAX_TCP if self.tcp else self.question.udp_limit

    @property
    def key(self) -> bytes:
        """What equal packets share behind their number."""
        return self.packet[2:]

    def answered(self, body: Body, note: Note | None = None) -> bytes:
        """The answer with *body* and *note*, as whole as its way carries it."""
        return reply.message(self.packet, self.question, body, note, limit=self.limit)

    def may_keep(self, finished: Ready | Stop) -> bool:
        """Whether the next packet for this name may be the same, by UDP or TCP, and have *finished* too.

        It may not if there is a cookie in it or a random letter case, or if only TCP carries the answer.
        """
        question = self.question
        plain = self.packet[wire.HEADER : question.end - 4] == question.name
        return plain and not question.options and finished.length <= question.udp_limit

    def sought(self, target: str | None = None) -> bytes:
        """What the upstream is asked: name in lower case, type, class, and two flags that change the answer.

        The name is *target* where that answers in its place; such an answer is ours, so it has no signatures.
        """
        question = self.question
        name, signed = (question.name, question.dnssec_ok) if target is None else (wire.name_of(target), False)
        kind_and_class = self.packet[question.end - 4 : question.end]
        return name + kind_and_class + bytes((signed, bool(question.flags & wire.CD)))
