"""One question put to one resolver, and who hears of it: what `dns_filter.upstream_ports` and `_lines` carry.

This file holds data and names; it does nothing.
"""

from typing import Protocol

from dns_filter.upstream_query import Asking


class Carrier(Protocol):
    """A socket or a connection that carries attempts."""

    def forget(self, attempt: "Attempt") -> None:
        """Wait no longer for the answer to *attempt*."""
        ...  # pragma: no cover - a protocol


class Told(Protocol):
    """Who hears what became of an attempt on its way; it is told once."""

    def heard(self, attempt: "Attempt", message: bytes) -> None:
        """*message* has our number, repeats our question, and comes from whom we asked."""
        ...  # pragma: no cover - a protocol

    def doubted(self, attempt: "Attempt", *, folded: bool) -> None:
        """Something came that must not be believed: the question in other letters (*folded*), or no answer at all."""
        ...  # pragma: no cover - a protocol

    def failed(self, attempt: "Attempt", error: Exception) -> None:
        """No answer will come this way."""
        ...  # pragma: no cover - a protocol


class Seeks(Protocol):
    """Who looks for the answer, at this resolver and perhaps at others."""

    def answered(self, attempt: "Attempt", message: bytes) -> None:
        """The resolver says *message*."""
        ...  # pragma: no cover - a protocol

    def refused(self, attempt: "Attempt") -> None:
        """The resolver will say nothing."""
        ...  # pragma: no cover - a protocol


class Attempt:
    """*asking* as one resolver has it since *began* (seconds of the loop's clock).

    *told* is that resolver, *seeks* who wants the answer; *carrier* has the question under *number*.
    """

    __slots__ = ("asking", "began", "by_tcp", "carrier", "number", "seeks", "told")

    def __init__(self, asking: Asking, told: Told, seeks: Seeks, began: float) -> None:
        """Put nothing yet."""
        self.asking, self.told, self.seeks, self.began = asking, told, seeks, began
        self.number = b""
        self.carrier: Carrier | None = None
        self.by_tcp = False

    def give_up(self) -> None:
        """Wait no longer."""
        if self.carrier is not None:
            self.carrier.forget(self)
