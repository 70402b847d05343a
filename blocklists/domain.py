"""Names of hosts in one form: lower-case A-labels without a trailing dot, or an IP address in its shortest text.

This file knows nothing of lists or profiles. Whatever a name is written like (any script, any case, full-width dots,
a trailing dot), `canonical` gives the form in which every other module compares it.
"""

import ipaddress
from collections.abc import Iterator

import idna

MAX_NAME = 253
"""Bytes in a name without its trailing dot (RFC 1035, 2.3.4)."""
MAX_LABEL = 63
"""Bytes in one label (RFC 1035, 2.3.4)."""

_DOTS = str.maketrans("\u3002\uff0e\uff61", "...")
_LDH = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")


def canonical(text: str) -> str | None:
    """The canonical form of the host *text*, or None if no host can be written like that.

    Accepts names in any script and IP addresses (IPv6 with or without brackets; IPv4 inside IPv6 is folded). An
    underscore is allowed, as service names carry one.
    """
    name = text.strip().translate(_DOTS).removesuffix(".").lower()
    if not name or len(name) > 4 * MAX_NAME:
        return None
    if address := as_address(name):
        return address
    if not name.isascii():
        return _to_ascii(name)
    return name if _is_name(name) else None


def as_address(text: str) -> str | None:
    """The shortest text of the IP address *text* (brackets allowed), or None if it is not one."""
    try:
        address = ipaddress.ip_address(text.removeprefix("[").removesuffix("]").partition("%")[0])
    except ValueError:
        return None
    if address.version == 6 and address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(address)


def _to_ascii(name: str) -> str | None:
    try:
        encoded = idna.encode(name, uts46=True, transitional=False).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        return None
    return encoded if _is_name(encoded) else None


def _is_name(name: str) -> bool:
    return len(name) <= MAX_NAME and all(
        0 < len(label) <= MAX_LABEL and _LDH.issuperset(label) for label in name.split(".")
    )


def suffixes(host: str) -> Iterator[str]:
    """*host* itself and then each parent of it, the top-level domain last; an address has no parents."""
    yield host
    if as_address(host):
        return
    while (dot := host.find(".")) >= 0:
        host = host[dot + 1 :]
        yield host


def is_within(host: str, parent: str) -> bool:
    """Whether *host* is *parent* or stands under it."""
    return host == parent or host.endswith("." + parent)
