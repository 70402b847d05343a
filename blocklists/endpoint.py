"""Where a process listens or asks: an address and a port, as schoolgate.toml writes them.

This file opens no socket and asks no nameserver: a name is no address here, whatever it would resolve to.
"""

import ipaddress
from collections.abc import Iterator

LAST_PORT = 65535
"""The highest port that UDP and TCP know (RFC 768, RFC 9293: 16 bits)."""


def parse(text: str) -> tuple[str, int] | None:
    """(address, port) of "192.0.2.1:53" or "[2001:db8::1]:53", or None if *text* is not written like that."""
    host, _, port = text.rpartition(":")
    if not (port.isascii() and port.isdigit()) or len(port) > len(str(LAST_PORT)) or int(port) > LAST_PORT:
        return None
    bracketed = host.startswith("[") and host.endswith("]")
    address = _address(host[1:-1] if bracketed else host)
    if address is None or (address.version == 6) != bracketed:
        return None
    return str(address), int(port)


def problems(where: str, text: str, example: str) -> Iterator[str]:
    """What is wrong with the setting *where*, which says *text* and could say *example*."""
    found = parse(text)
    if found is None:
        yield f"{where}: {text!r} is no address with a port; write for example {example}"
    elif found[1] == 0:
        yield f"{where}: {text!r} names no port, as 0 is any; write for example {example}"


def port_problems(where: str, port: int, last: int = LAST_PORT) -> Iterator[str]:
    """What is wrong with the port of the setting *where*, which may be *last* at most."""
    if not 1 <= port <= last:
        yield f"{where}: {port} is not a port that can be used; choose between 1 and {last}"


def address_problems(where: str, text: str) -> Iterator[str]:
    """What is wrong with the setting *where*, which must be an address without a port."""
    if _address(text) is None:
        yield f"{where}: {text!r} is no address; write for example 127.0.0.1"


def is_loopback(text: str) -> bool:
    """Whether the address *text* is this machine's own; a name never is, as anybody may give it any address."""
    address = _address(text)
    return address is not None and address.is_loopback


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
