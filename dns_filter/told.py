"""Who else learns of a permitted answer: a firewall that lets clients through to what the filter gave them, say.

It is told of each client once while an answer is used, so on a miss, and again when the answer is made anew, which is
at half the time that it was told. A plain hit tells nobody, and nobody is told of static hosts: what the school names
itself is inside, where no firewall of this kind stands.
"""

import logging
from collections.abc import Callable, Iterable

from dns_filter.answer import Address

log = logging.getLogger("schoolgate.dns")

type Tell = Callable[[str, tuple[Address, ...], int], bool | None]
"""Takes a client's address, the addresses that it was given, and the seconds for which it may use them.

False where nobody could be told: then it is tried again with the client's next question.
"""


class Told:
    """The clients that were given one finished answer."""

    __slots__ = ("_addresses", "_clients", "_seconds", "_tell")

    def __init__(self, tell: Tell, addresses: Iterable[Address], life: int) -> None:
        """Nobody was given *addresses* yet; the answer is used for *life* seconds, by us or by whoever was given it."""
        self._tell, self._addresses, self._seconds = tell, tuple(addresses), 2 * max(life, 1)
        self._clients: set[str] = set()

    def to(self, client: str) -> None:
        """Tell of *client*, unless that was done; what goes wrong with it is logged and costs no answer."""
        if client in self._clients:
            return
        self._clients.add(client)
        try:
            done = self._tell(client, self._addresses, self._seconds)
        except Exception:
            done = False
            log.exception("A permitted answer could not be passed on.")
        if done is False:
            self._clients.discard(client)
