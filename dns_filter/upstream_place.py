"""Where a resolver is, as schoolgate.toml writes it: "9.9.9.9:53", or "tls://9.9.9.9:853#dns.quad9.net".

This file opens no socket and asks no nameserver. The name behind # is the one that the resolver's certificate must
carry (RFC 8310, 8.1: authentication domain name); without it the certificate must carry the address.
"""

from collections.abc import Iterator
from typing import NamedTuple

from blocklists import domain, endpoint

_TLS = "tls://"
EXAMPLE = "9.9.9.9:53 or tls://9.9.9.9:853#dns.quad9.net"


class Place(NamedTuple):
    """An address and a port; *name* is whom the certificate must be for, "" where there is no TLS."""

    host: str
    port: int
    name: str = ""

    @property
    def tls(self) -> bool:
        """Whether it is asked over TLS (RFC 7858), and over nothing else."""
        return bool(self.name)

    def __str__(self) -> str:
        """The place in words of the log."""
        return f"{self.host} port {self.port}" + (f" (TLS, {self.name})" if self.name else "")


def parse(text: str) -> Place | None:
    """The place that *text* says, or None if it is not written like one."""
    if not text.startswith(_TLS):
        found = endpoint.parse(text)
        return Place(*found) if found else None
    where, mark, name = text.removeprefix(_TLS).partition("#")
    found = endpoint.parse(where)
    if found is None or (mark and domain.canonical(name) != name):
        return None
    return Place(*found, name or found[0])


def problems(where: str, text: str) -> Iterator[str]:
    """What is wrong with the setting *where*, which says *text*."""
    found = parse(text)
    if found is None:
        yield f"{where}: {text!r} is no resolver's address with a port; write for example {EXAMPLE}"
    elif found.port == 0:
        yield f"{where}: {text!r} names no port, as 0 is any; write for example {EXAMPLE}"
