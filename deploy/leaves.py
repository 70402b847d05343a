"""Certificates for the names that the closed address answers for, signed with the school's key.

The authority is read when the first name asks for one, so that a school that answers HTTP alone needs no key here.
"""

import asyncio
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from deploy.certificates import Authority
from proxy_addons.closed_tls import Leaf


def of(certificate: Path, key: Path) -> Leaf:
    """Whoever signs with the authority in two PEM files; OSError or ValueError, when asked, if they hold none."""
    read: list[Authority] = []

    def sign(host: str, public: bytes) -> bytes:
        if not read:
            read.append(Authority.read(certificate, key))
        asked = load_der_public_key(public)
        assert isinstance(asked, ec.EllipticCurvePublicKey)
        return read[0].signed([host], asked)

    async def leaf(host: str, public: bytes) -> bytes:
        return await asyncio.to_thread(sign, host, public)

    return leaf
