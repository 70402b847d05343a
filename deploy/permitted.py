"""Tells somebody on this machine which addresses each client was permitted to go to: what fills a firewall's set, say.

A DNS worker may change no firewall, so it tells the Unix datagram socket that `dns.tell` names, one datagram for each
permitted answer of each client and again at half the time (`dns_filter.told`): `{"client": "10.0.0.7", "addresses":
["192.0.2.1"], "seconds": 120}`. Whoever holds the socket keeps the pair for that many seconds from then on.
"""

import logging
import math
import socket
import time
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import msgspec

from reporting.seldom import Seldom

log = logging.getLogger("schoolgate.dns")

REST = 0.1
"""Seconds without another try after one that failed: each answer that goes out would be one, a tenth of its cost."""


class Permitted(msgspec.Struct, frozen=True):
    """One datagram: *client* may go to *addresses* for so many *seconds*."""

    client: str
    addresses: tuple[str, ...]
    seconds: int


class Teller:
    """Tells the socket at *path*; waits for nobody. The answer goes out whether or not anybody listens."""

    def __init__(self, path: Path) -> None:
        """Nobody is told yet, and nobody need be there."""
        self._path, self._again, self._complaint = str(path), -math.inf, Seldom()
        self._encode = msgspec.json.Encoder().encode
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)

    def __call__(self, client: str, addresses: tuple[IPv4Address | IPv6Address, ...], seconds: int) -> bool:
        """Tell; False where that is to be tried again with the client's next question, as it could not be done."""
        if time.monotonic() < self._again:
            return False
        try:
            self._socket.sendto(self._encode(Permitted(client, tuple(map(str, addresses)), seconds)), self._path)
        except OSError as error:
            self._again = time.monotonic() + REST
            if self._complaint.due():
                log.warning("dns.tell: %s is not told of permitted answers: %s", self._path, error.strerror or error)
            return False
        self._complaint.over()
        return True
