"""Who stands at the door: how many connections each client holds, and who has not said yet what it wants.

This file knows nothing of sockets or of mitmproxy; connections go by their id.
"""

import time
from collections import Counter

from blocklists.clients import network_of

MAX_CONNECTIONS = 256
"""Connections of one client (an IPv6 one is its /64) to one worker; a browser with fifty open pages has about 100."""
FIRST_REQUEST = 30.0
"""Seconds until a connection's first request is whole."""
FIRST_HELLO = 10.0
"""Seconds until a tunnel's ClientHello (or its first request without TLS) is whole."""


NEW = 2.0
"""Seconds in which a connection that has asked for nothing yet is about to: its handshake, or our leaf, takes them."""


class Doorway:
    """Connections from their start to their end."""

    def __init__(self) -> None:
        self._clients: dict[str, str] = {}
        self._held: Counter[str] = Counter()
        self._deadlines: dict[str, float] = {}
        self._unasked: dict[str, float] = {}

    def enter(self, name: str, address: str) -> bool:
        """Let the connection *name* from *address* in; False if the address holds as many as it may."""
        client = network_of(address)
        if self._held[client] >= MAX_CONNECTIONS:
            return False
        self._clients[name] = client
        self._held[client] += 1
        now = time.monotonic()
        self._deadlines[name], self._unasked[name] = now + FIRST_REQUEST, now + NEW
        return True

    def in_tunnel(self, name: str) -> None:
        """Note that *name* has asked for a tunnel and must now say what for."""
        self._deadlines[name] = time.monotonic() + FIRST_HELLO

    def spoken(self, name: str) -> None:
        """Note that *name* has said what it wants."""
        self._deadlines.pop(name, None)

    def asked(self, name: str) -> None:
        """Note the first request of *name*, or one after it."""
        self.spoken(name)
        self._unasked.pop(name, None)

    def is_new(self, name: str) -> bool:
        """Whether *name* has just come, and its first request is on its way."""
        return self._unasked.get(name, 0.0) > time.monotonic()

    def overdue(self, name: str) -> bool:
        """Whether *name* has not said in time what it wants."""
        return self._deadlines.get(name, float("inf")) < time.monotonic()

    def leave(self, name: str) -> None:
        """Forget *name*, which may never have come in."""
        self._deadlines.pop(name, None)
        self._unasked.pop(name, None)
        client = self._clients.pop(name, None)
        if client is None:
            return
        self._held[client] -= 1
        if not self._held[client]:
            del self._held[client]
