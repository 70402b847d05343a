"""The line by which peek tells a worker whose connection it hands over, and by which the worker believes it (G20).

This file opens nothing and reads no clock. The line is the first after the request's own; it carries the client's
address, the moment, a number that is used once, and a MAC over them and the worker that is meant. A client can write
such a line too, but nothing that it writes stands in that place: peek puts its own before it.
"""

import hashlib
import hmac

NAME = b"Schoolgate-Client"
KEY_SIZE = 32
"""Bytes of the key (BLAKE2b takes up to 64)."""
LONGEST = 256
"""Bytes of a line at most: an IPv6 address with a scope, two numbers and the MAC are about 150."""
HOLDS = 10_000_000_000
"""Nanoseconds for which a line is good: it is sent as soon as the connection to the worker, on loopback, is open."""
_MAC = 16
"""Bytes of the MAC: guessing one takes 2^127 tries."""


def line(key: bytes, worker: str, client: str, at: int, nonce: bytes) -> bytes:
    """The line for the connection of *client* to *worker* ("127.0.0.1:8190") at the moment *at*.

    *at* is in nanoseconds of the machine's monotonic clock; *nonce* is 16 random bytes.
    """
    signed = f"{client} {at} {nonce.hex()}".encode()
    return b"%s: %s %s\r\n" % (NAME, signed, _mac(key, worker, signed))


def _mac(key: bytes, worker: str, signed: bytes) -> bytes:
    return hashlib.blake2b(worker.encode() + b"\0" + signed, key=key, digest_size=_MAC).hexdigest().encode()


class Gate:
    """What a worker admits: each line that is signed for it, is fresh, and was not here before."""

    def __init__(self, key: bytes, worker: str) -> None:
        """Admit what *key* has signed for *worker*."""
        self._key, self._worker = key, worker
        self._used: dict[bytes, int] = {}

    def admit(self, text: bytes, now: int) -> str | None:
        """The client's address by the line *text* (its end included) at *now*, or None if it is not to be believed."""
        name, _, value = text.partition(b": ")
        if name != NAME or not value.endswith(b"\r\n") or len(text) > LONGEST:
            return None
        signed, _, mac = value[:-2].rpartition(b" ")
        if not hmac.compare_digest(mac, _mac(self._key, self._worker, signed)):
            return None
        client, at, nonce = signed.decode().split(" ")
        if abs(now - int(at)) > HOLDS or self._is_used(nonce.encode(), now):
            return None
        return client

    def _is_used(self, nonce: bytes, now: int) -> bool:
        """Whether *nonce* was here; it is from now on, for as long as its line could be good."""
        while self._used and now - next(iter(self._used.values())) > 2 * HOLDS:
            del self._used[next(iter(self._used))]
        if nonce in self._used:
            return True
        self._used[nonce] = now
        return False
