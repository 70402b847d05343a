"""The first key of a journal's MAC chain, handed to reporting and to nobody else.

A process that writes a journal starts its chain from a random seed and forgets it. So that reporting can check the
chain, the seed stands in the journal's head sealed to reporting's public key (X25519, HKDF-SHA256,
ChaCha20-Poly1305): whoever takes over the writing process later can neither read nor remake what came before (G25).
"""

import hashlib
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from blocklists import new_file

SEED_SIZE = 32
PRIVATE_SIZE = 32
PUBLIC_SIZE = 32
_INFO = b"schoolgate journal seed 1"
_NONCE = bytes(12)
"""Each sealing has a key of its own, so the nonce may be constant (RFC 7748, RFC 8439)."""


def new_keys(private: Path, public: Path) -> None:
    """Make reporting's key pair; FileExistsError if there is one."""
    key = X25519PrivateKey.generate()
    new_file.write_new(private, key.private_bytes_raw())
    new_file.write_new(public, key.public_key().public_bytes_raw(), mode=0o644)


def seal(public: bytes) -> tuple[bytes, bytes]:
    """A new seed, and the same sealed to the *public* key."""
    seed = os.urandom(SEED_SIZE)
    ephemeral = X25519PrivateKey.generate()
    own = ephemeral.public_key().public_bytes_raw()
    key = _key(ephemeral.exchange(X25519PublicKey.from_public_bytes(public)), own + public)
    return seed, own + ChaCha20Poly1305(key).encrypt(_NONCE, seed, own)


def read_private(file: Path) -> bytes:
    """Reporting's own key in *file*; OSError if it cannot be read, ValueError if that is no key."""
    private = file.read_bytes()
    if len(private) != PRIVATE_SIZE:
        raise ValueError(f"a key has {PRIVATE_SIZE} bytes, not {len(private)}")
    return private


def fingerprint(private: bytes) -> str:
    """What tells the gateway of this *private* key from every other, and gives nothing of the key away."""
    public = X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
    return hashlib.blake2b(public, digest_size=16, person=b"sg-gateway").hexdigest()


def unseal(private: bytes, sealed: bytes) -> bytes | None:
    """The seed in *sealed*, or None if it was not sealed to this key, or this is no key."""
    own, ciphertext = sealed[:PUBLIC_SIZE], sealed[PUBLIC_SIZE:]
    try:
        ours = X25519PrivateKey.from_private_bytes(private)
        shared = ours.exchange(X25519PublicKey.from_public_bytes(own))
        return ChaCha20Poly1305(_key(shared, own + ours.public_key().public_bytes_raw())).decrypt(
            _NONCE, ciphertext, own
        )
    except (InvalidTag, ValueError):
        return None


def _key(shared: bytes, salt: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=salt, info=_INFO).derive(shared)
