"""Sealing what only some may read: to a public key, with a key, and with a key that a password makes (G30).

X25519, HKDF-SHA256 and ChaCha20-Poly1305, as in `reporting.seed`; argon2id for passwords. Each *purpose* is bound into
what is sealed, so that nothing sealed for one opens as another.
"""

import os

import argon2
from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_SIZE = 32
SALT_SIZE = 16
NONCE_SIZE = 12
_NO_NONCE = bytes(NONCE_SIZE)
"""Sealing to a public key has a key of its own each time, so its nonce may be constant (RFC 7748, RFC 8439)."""


def new_pair() -> tuple[bytes, bytes]:
    """A new private key, and its public key."""
    key = X25519PrivateKey.generate()
    return key.private_bytes_raw(), key.public_key().public_bytes_raw()


def seal(public: bytes, content: bytes, purpose: bytes) -> bytes:
    """*content* so that only the private key of *public* opens it."""
    ephemeral = X25519PrivateKey.generate()
    own = ephemeral.public_key().public_bytes_raw()
    key = _shared(ephemeral.exchange(X25519PublicKey.from_public_bytes(public)), own + public, purpose)
    return own + ChaCha20Poly1305(key).encrypt(_NO_NONCE, content, purpose)


def unseal(private: bytes, sealed: bytes, purpose: bytes) -> bytes | None:
    """What is in *sealed*, or None if it was not sealed to this key and *purpose*."""
    own, content = sealed[:KEY_SIZE], sealed[KEY_SIZE:]
    try:
        ours = X25519PrivateKey.from_private_bytes(private)
        shared = ours.exchange(X25519PublicKey.from_public_bytes(own))
        key = _shared(shared, own + ours.public_key().public_bytes_raw(), purpose)
        return ChaCha20Poly1305(key).decrypt(_NO_NONCE, content, purpose)
    except (InvalidTag, ValueError):
        return None


def lock(key: bytes, content: bytes, purpose: bytes) -> bytes:
    """*content* so that only *key* (32 bytes) opens it."""
    nonce = os.urandom(NONCE_SIZE)
    return nonce + ChaCha20Poly1305(key).encrypt(nonce, content, purpose)


def unlock(key: bytes, locked: bytes, purpose: bytes) -> bytes | None:
    """What is in *locked*, or None if it was not locked with this key and *purpose*."""
    try:
        return ChaCha20Poly1305(key).decrypt(locked[:NONCE_SIZE], locked[NONCE_SIZE:], purpose)
    except (InvalidTag, ValueError):
        return None


def password_key(password: str, salt: bytes, like: argon2.PasswordHasher) -> bytes:
    """The key that *password* makes with *salt*, at the cost of the hashes of *like*; blocks for as long."""
    return hash_secret_raw(
        password.encode("utf-8", "replace"),
        salt,
        time_cost=like.time_cost,
        memory_cost=like.memory_cost,
        parallelism=like.parallelism,
        hash_len=KEY_SIZE,
        type=Type.ID,
    )


def _shared(secret: bytes, salt: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=KEY_SIZE, salt=salt, info=purpose).derive(secret)
