"""The signer: the one process that has the interception key (G19).

It reads no page and speaks to no network. A worker sends a host and its own public key, and gets a leaf certificate
for that host alone, if the host is one that may be opened; each name is in the log. Who takes a worker over can have
leaves made while that lasts, at this rate and on record, and carries no key away.
"""

import asyncio
import contextlib
import datetime
import hashlib
import logging
import time
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from blocklists import domain
from blocklists.live import Files, Live
from proxy_addons import leaf, signing
from proxy_addons.fresh import last_good_stays
from proxy_addons.leaf import Authority
from proxy_addons.never_opened import is_never_opened
from proxy_addons.settings import ProxySettings
from proxy_addons.signing import Answer, Ask
from proxy_addons.target import host_of

log = logging.getLogger("schoolgate.signer")

RATE = 50.0
"""Leaves a second. A worker asks once for a host; a thousand pupils open some ten new hosts a second together."""
BURST = 1000
"""Leaves at once: a school that opens its laptops, with a worker that has just started."""
LONGEST_WAIT = 3.0
"""Seconds that a question waits for its turn; a browser waits longer for a handshake."""
AT_ONCE = 200
"""Questions that wait at most."""
_PATIENCE = 2.0
"""Seconds for a whole question to come and its answer to be taken."""
_REFRESH = 0.5
"""Seconds between two looks at the snapshots."""

type Ready = Callable[[dict[str, tuple[str, int]]], None]


class Allowance:
    """How many leaves may be made: *rate* a second and *burst* at once. It knows no clock: time is an argument."""

    def __init__(self, rate: float, burst: int) -> None:
        """Everything is free at first."""
        self._rate, self._burst = rate, burst
        self._next = float("-inf")

    def turn(self, now: float) -> float | None:
        """Seconds to wait for the turn that is taken hereby, or None if it would come too late and none is taken."""
        turn = max(self._next, now - self._burst / self._rate) + 1 / self._rate
        if turn - now > LONGEST_WAIT:
            return None
        self._next = turn
        return max(0.0, turn - now)


class Signer:
    """Answers questions by *authority*; *forbidden* says which hosts are never opened."""

    def __init__(self, authority: Authority, forbidden: Callable[[str], bool], rate: float = RATE) -> None:
        """Sign *rate* leaves a second at most."""
        self._authority, self._forbidden = authority, forbidden
        self._excluded = tuple(authority.excluded())
        self._allowance = Allowance(rate, BURST)
        self._waiting = asyncio.Semaphore(AT_ONCE)
        secret = authority.key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self._digest_key = hashlib.blake2b(secret, person=b"unnamed").digest()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the one question of a connection; whatever else it says ends it."""
        with contextlib.suppress(OSError, EOFError, ValueError, TimeoutError):
            async with self._waiting:
                async with asyncio.timeout(_PATIENCE):
                    asked = await signing.receive(reader, Ask)
                signing.send(writer, await self.answer(asked))
                async with asyncio.timeout(_PATIENCE):
                    await writer.drain()
        writer.close()

    async def answer(self, asked: Ask) -> Answer:
        """A leaf, once it is its turn, or a refusal."""
        if host_of(asked.host) != asked.host:
            return self._refused("no host", "")
        if self._is_never_opened(asked.host):
            return self._refused("never opened", self._told(asked))
        try:
            key = leaf.read_key(asked.key)
        except ValueError:
            return self._refused("no key", self._told(asked))
        wait = self._allowance.turn(time.monotonic())
        if wait is None:
            return self._refused(signing.TOO_MANY, self._told(asked))
        await asyncio.sleep(wait)
        made = leaf.sign(self._authority, asked.host, key, datetime.datetime.now(datetime.UTC))
        log.info("Signed %s.", self._told(asked))
        return Answer(made)

    def _is_never_opened(self, host: str) -> bool:
        return any(domain.is_within(host, name) for name in self._excluded) or self._forbidden(host)

    def _told(self, asked: Ask) -> str:
        """The host as the log may tell it; one that is not told as a hash that only the key's owner can test."""
        if not asked.unnamed:
            return asked.host
        digest = hashlib.blake2b(asked.host.encode(), key=self._digest_key, digest_size=16).hexdigest()
        return f"a name that is not told (keyed hash {digest})"

    def _refused(self, why: str, host: str) -> Answer:
        log.warning("Refused: %s%s.", why, f": {host}" if host else "")
        return Answer(refused=why)


async def serve(settings: ProxySettings, files: Files, *, ready: Ready, rate: float = RATE) -> None:
    """Sign until cancelled. *ready* is called once a question would be answered: not before there is a policy.

    Raises OSError if a file cannot be read or the socket not be made, ValueError if the files hold no authority.
    """
    authority = leaf.read_authority(Path(settings.ca_certificate), Path(settings.ca_key))
    live = Live(files, sealed_lists=False)

    def forbidden(host: str) -> bool:
        return live.policy is None or is_never_opened(live.policy, host)

    signer = Signer(authority, forbidden, rate)
    with signing.listening(Path(settings.signer)) as made:
        async with await asyncio.start_unix_server(signer.serve, sock=made):
            announced = False
            while True:
                with last_good_stays(log):
                    live.refresh()
                if live.policy is not None and not announced:
                    announced = True
                    ready({})
                await asyncio.sleep(_REFRESH)
