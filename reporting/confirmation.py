"""That an address is really the DSL's: a code goes there by mail, and whoever reads it says it (G15).

What is confirmed is one address: when the configuration names another, that one is unconfirmed again. Only hashes are
kept, beside the state, where every process may read that there is a DSL.
"""

import hashlib
import hmac
import secrets
from pathlib import Path

import msgspec

from reporting.settings import ContactSettings

CONFIRMED = "confirmed"
PENDING = "confirming"

LASTS = 7 * 24 * 3600 * 1_000_000_000
"""Nanoseconds for which a code can be used."""

TRIES = 5
"""Wrong codes until a new one has to be sent."""

_LETTERS = "BCDFGHJKLMNPQRSTVWXZ23456789"
"""What is read out without being mistaken, and spells no word."""


class ConfirmationError(ValueError):
    """The address stays unconfirmed; the message is a sentence for the technician."""


class Confirmed(msgspec.Struct, frozen=True):
    """An address that was confirmed, by its SHA-256, and when (UTC nanoseconds)."""

    address_sha256: str
    at_ns: int


class Pending(msgspec.Struct, frozen=True):
    """A code that was sent, by its keyed hash; *tries* were wrong."""

    address_sha256: str
    code_sha256: str
    sent_ns: int
    tries: int = 0


def new_code() -> str:
    """A code to send: two groups of four, 38 bits."""
    letters = [secrets.choice(_LETTERS) for _ in range(8)]
    return f"{''.join(letters[:4])}-{''.join(letters[4:])}"


def letter(code: str, school: str) -> tuple[str, str]:
    """Subject and body of the mail that carries *code*."""
    return "Schoolgate: please confirm your address", (
        f"Alerts about pupils' safety at {school or 'your school'} are to come to this address.\n\n"
        f"Read this code to the technician: {code}\n\n"
        "Until then they go to the headteacher. If this is not for you, tell the headteacher.\n"
    )


def begin(state: Path, address: str, code: str, now_ns: int) -> None:
    """Remember that *code* went to *address*."""
    _write(state / PENDING, Pending(_hash(address), _code_hash(address, code), now_ns))


def finish(state: Path, address: str, code: str, now_ns: int) -> None:
    """Confirm *address*, if *code* is what was sent there; ConfirmationError if it is not."""
    pending = _read(state / PENDING, Pending)
    if pending is None or pending.address_sha256 != _hash(address) or not 0 <= now_ns - pending.sent_ns < LASTS:
        raise ConfirmationError("No code that still holds was sent to this address: send one with --send.")
    if pending.tries >= TRIES:
        raise ConfirmationError("There were too many wrong codes: send another with --send.")
    if not hmac.compare_digest(pending.code_sha256, _code_hash(address, code)):
        _write(state / PENDING, msgspec.structs.replace(pending, tries=pending.tries + 1))
        raise ConfirmationError("That is not the code that was sent.")
    confirm(state, address, now_ns)
    (state / PENDING).unlink(missing_ok=True)


def confirm(state: Path, address: str, now_ns: int) -> None:
    """Note that *address* is confirmed."""
    _write(state / CONFIRMED, Confirmed(_hash(address), now_ns))


def with_confirmation(contacts: ContactSettings, state: Path) -> ContactSettings:
    """*contacts*, whose DSL is confirmed if a code that went to this address came back."""
    found = _read(state / CONFIRMED, Confirmed)
    if contacts.dsl_confirmed or not contacts.dsl or found is None or found.address_sha256 != _hash(contacts.dsl):
        return contacts
    return msgspec.structs.replace(contacts, dsl_confirmed=True)


def _hash(address: str) -> str:
    return hashlib.sha256(address.strip().casefold().encode()).hexdigest()


def _code_hash(address: str, code: str) -> str:
    said = "".join(one for one in code.upper() if one in _LETTERS)
    return hashlib.sha256(f"{_hash(address)} {said}".encode()).hexdigest()


def _write(path: Path, content: Confirmed | Pending) -> None:
    new = path.with_name(f".{path.name}.new")
    new.write_bytes(msgspec.json.encode(content) + b"\n")
    new.chmod(0o644 if isinstance(content, Confirmed) else 0o600)
    new.replace(path)


def _read[Content](path: Path, kind: type[Content]) -> Content | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, ValueError):
        return None
