"""Names of hosts in one form: lower-case A-labels without a trailing dot, or an IP address in its shortest text.

This file knows nothing of lists or profiles. Whatever a name is written like (any script, any case, full-width dots,
a trailing dot, an address as one octal number), `canonical` gives the form in which every other module compares it.
"""

import ipaddress
import re
from collections.abc import Iterator

import idna

MAX_NAME = 253
"""Bytes in a name without its trailing dot (RFC 1035, 2.3.4)."""
MAX_LABEL = 63
"""Bytes in one label (RFC 1035, 2.3.4)."""

_NUMBER = re.compile(r"0x0*(?P<hex>[0-9a-f]{0,8})|0+(?P<octal>[0-7]{0,11})|(?P<decimal>[1-9][0-9]{0,9})")
_PLAIN = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*[a-z][a-z0-9_-]{0,62}")
"""What most names are: their one spelling, and no address, as the last label is a word."""
_LDH = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")


def canonical(text: str) -> str | None:
    """The canonical form of the host *text*, or None if no host can be written like that.

    Accepts names in any script and IP addresses in any notation that a browser takes (IPv6 with or without brackets;
    IPv4 inside IPv6 is folded). An underscore is allowed, as service names carry one.
    """
    if len(text) <= MAX_NAME and _PLAIN.fullmatch(text):
        return text  # in 0.7 us and not 5; a name that DNS or the proxy meets is looked at twice and more
    text = text.strip()
    if len(text) > 4 * MAX_NAME:
        return None
    name = to_ascii(text)
    if name is None:
        return None
    name = name.removesuffix(".")
    if address := as_address(name) or _number_address(name):
        return address
    return name if _is_name(name) else None


def as_address(text: str) -> str | None:
    """The shortest text of the IP address *text* (brackets allowed), or None if it is not one."""
    bare = _without_zone(text.removeprefix("[").removesuffix("]"))
    if ":" not in bare and not bare[-1:].isdigit():
        return None  # most names end here; with an exception for each, a name took 7.8 us and not 3.5
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return None
    if address.version == 6 and address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(address)


def _without_zone(text: str) -> str:
    return text.partition("%")[0] if ":" in text else text


def _number_address(text: str) -> str | None:
    """An IPv4 address of octal, hexadecimal or fewer than four parts, as the C library and the browsers read it."""
    parts = text.split(".")
    if _number(parts[-1]) is None:
        return None
    numbers = [n for n in map(_number, parts) if n is not None]
    if len(numbers) != len(parts) or len(parts) > 4:
        return None
    *head, last = numbers
    if any(n > 0xFF for n in head) or last >= 1 << 8 * (5 - len(parts)):
        return None
    return str(ipaddress.IPv4Address(last + sum(n << 8 * (3 - place) for place, n in enumerate(head))))


def _number(part: str) -> int | None:
    match = _NUMBER.fullmatch(part)
    if match is None:
        return None
    if match["decimal"]:
        return int(match["decimal"])
    return int(match["hex"] or "0", 16) if match["octal"] is None else int(match["octal"] or "0", 8)


def to_ascii(name: str) -> str | None:
    """The A-labels of *name* after the mapping of UTS 46, as lenient as browsers: what they can ask for has a form.

    The first step of `canonical`; None where the mapping forbids a character.
    """
    if name.isascii():
        return name.lower()
    if len(name) > MAX_NAME + 1:
        return None
    try:
        mapped = idna.uts46_remap(name, std3_rules=False, transitional=False)
        labels = mapped.split(".")
        if len(mapped) > MAX_NAME + 1 or max(map(len, labels)) > MAX_LABEL:
            return None  # A-labels have no fewer letters, and punycode of 18 for each one that is written takes 25 ms
        return ".".join(x if x.isascii() else "xn--" + x.encode("punycode").decode("ascii") for x in labels)
    except UnicodeError:
        return None


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
