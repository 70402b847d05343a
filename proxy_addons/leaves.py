"""A worker's leaf certificates: asked of the signer once for each host, and kept within a bound.

The worker's own key is made at its start and lives in its memory alone. Without a signer what is kept still serves,
and a host that is new gets no handshake: a connection is closed, and never opened unread.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from proxy_addons import leaf, signing
from proxy_addons.signing import Answer, Ask

log = logging.getLogger("schoolgate.proxy")

CAP = 8192
"""Hosts that are kept: a school of a thousand opens some five thousand a week. Measured: 0.8 KB each, so 6.3 MB
(tests/proxy_addons/test_leaves.py)."""
RENEWED = leaf.DAYS * 86400 / 2
"""Seconds after which a leaf is asked for anew; until it ends the old one serves, if there is no new one."""
ENDS = (leaf.DAYS - 1) * 86400
"""Seconds after which it serves nobody: before it is out of date."""
REFUSED_FOR = 5.0
"""Seconds in which a refusal is not asked about again."""
PATIENCE = 6.0
"""Seconds for an answer: longer than a question waits for its turn at the signer."""
_AWAY_FOR = 1.0
"""Seconds in which a signer that could not be reached is not tried again."""


class _Kept(msgspec.Struct):
    """A leaf (DER; b"" where the signer refused) and when it was made, by the monotonic clock."""

    certificate: bytes
    made: float

    def is_fresh(self, now: float) -> bool:
        return now - self.made < (RENEWED if self.certificate else REFUSED_FOR)

    def serves(self, now: float) -> bool:
        return bool(self.certificate) and now - self.made < ENDS


class Leaves:
    """Leaves by host, the longest unused dropped at the cap, for a key of this object's own."""

    def __init__(self, signer: Path, cap: int = CAP) -> None:
        """Ask the signer that listens at *signer*; it need not be there yet."""
        self.key = ec.generate_private_key(ec.SECP256R1())
        self._public = self.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self._signer, self._cap = signer, cap
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._turns: dict[str, asyncio.Lock] = {}
        self._away_until = float("-inf")

    def __len__(self) -> int:
        """How many hosts are kept."""
        return len(self._kept)

    async def of(self, host: str, *, unnamed: bool = False) -> x509.Certificate | None:
        """The leaf for the canonical *host*, or None if the signer gives none. *unnamed*: as `signing.Ask` says."""
        kept = self._kept.get(host)
        if kept is None or not kept.is_fresh(time.monotonic()):
            kept = await self._renewed(host, unnamed=unnamed)
        else:
            self._kept.move_to_end(host)
        served = kept is not None and kept.serves(time.monotonic())
        return x509.load_der_x509_certificate(kept.certificate) if kept and served else None

    async def _renewed(self, host: str, *, unnamed: bool) -> _Kept | None:
        """Ask, one at a time for each host; what is kept stays if there is no answer."""
        turn = self._turns.setdefault(host, asyncio.Lock())
        try:
            async with turn:
                kept = self._kept.get(host)
                if kept is None or not kept.is_fresh(time.monotonic()):
                    await self._ask(host, unnamed=unnamed)
                return self._kept.get(host)
        finally:
            if not turn.locked():
                self._turns.pop(host, None)

    async def _ask(self, host: str, *, unnamed: bool) -> None:
        if time.monotonic() < self._away_until:
            return
        try:
            async with asyncio.timeout(PATIENCE):
                answer = await self._answer(Ask(host, self._public, unnamed))
        except (OSError, EOFError, ValueError, TimeoutError) as error:
            self._away_until = time.monotonic() + _AWAY_FOR
            log.error("The signer gives no answer (%s): what is new to this worker stays closed.", type(error).__name__)  # noqa: TRY400 - one sentence
            return
        if answer.refused != signing.TOO_MANY:  # then an old one serves, or the next connection asks again
            self._keep(host, answer.certificate)

    async def _answer(self, asked: Ask) -> Answer:
        reader, writer = await signing.connected(self._signer)
        try:
            signing.send(writer, asked)
            return await signing.receive(reader, Answer)
        finally:
            writer.close()

    def _keep(self, host: str, certificate: bytes) -> None:
        self._kept[host] = _Kept(certificate, time.monotonic())
        self._kept.move_to_end(host)
        while len(self._kept) > self._cap:
            self._kept.popitem(last=False)
