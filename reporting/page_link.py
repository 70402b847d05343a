"""The links of a block page to the portal: what was closed, for whom, and when, under a MAC (SAFEGUARDS.md, G18).

The portal believes nothing else of its address, so nobody can have it say what we did not. This file reads no clock and
no file. A link is signed, not secret: whoever sees it reads the host.
"""

import base64
import binascii
import enum
import hashlib
import hmac

import msgspec

LASTS = 86_400
"""Seconds for which a link can be used: a page that is still open on the next morning is opened anew."""
_AHEAD = 300
"""Seconds by which a link may come from the future, as its maker's clock may."""
_MAC = 16
"""Bytes of the MAC; 128 bits are what cannot be guessed (RFC 2104, 5, asks for at least half of the digest)."""
_LONGEST = 1024
"""Characters of a link: a host has at most 253, and a profile's name is a word."""


class Purpose(enum.StrEnum):
    """What somebody wants to say: that a site should be open, or that they saw something."""

    OPEN = "open"
    SAW = "saw"


class Link(msgspec.Struct, frozen=True, array_like=True):
    """*host* is "" where it must not be told (a sealed entry); *at* in UTC seconds."""

    host: str
    profile: str
    at: int


def make(key: bytes, purpose: Purpose, link: Link) -> str:
    """The last part of the link's address: letters, digits, "-" and "_"."""
    body = msgspec.msgpack.encode(link)
    return base64.urlsafe_b64encode(_mac(key, purpose, body) + body).decode().rstrip("=")


def read(key: bytes, purpose: Purpose, text: str, now: int) -> Link | None:
    """What *text* says at *now* (UTC seconds), or None if it is not ours, for another purpose, or too old."""
    if len(text) > _LONGEST:
        return None
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    mac, body = raw[:_MAC], raw[_MAC:]
    if not hmac.compare_digest(mac, _mac(key, purpose, body)):
        return None
    link = msgspec.msgpack.decode(body, type=Link)
    return link if -_AHEAD <= now - link.at <= LASTS else None


def _mac(key: bytes, purpose: Purpose, body: bytes) -> bytes:
    return hmac.digest(key, purpose.encode() + b"\0" + body, hashlib.sha256)[:_MAC]
