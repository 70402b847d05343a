"""A socket that clients come to."""

import contextlib
import socket
from collections.abc import Iterator

from proxy_addons.settings import endpoint


@contextlib.contextmanager
def bound(
    key: str, text: str, *, shared: bool = True, says: str = "the proxy cannot listen on"
) -> Iterator[socket.socket]:
    """A socket bound to the "address:port" *text* of the setting *key*; ValueError, or OSError if it is taken.

    One that is *shared* others may bind too. What goes wrong is told as *says*, the address, and why.

    It says that it speaks TCP: only then asyncio sends each connection's small writes at once (TCP_NODELAY). Without,
    an answer of two writes waits 40 ms for the client's acknowledgement.
    """
    where = endpoint(text)
    if where is None:
        raise ValueError(f"{key}: {text!r} is no address and port")
    family = socket.AF_INET6 if ":" in where[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            made.bind(where)
        except OSError as error:
            raise OSError(error.errno, f"{says} {text}: {error.strerror}") from error
        made.setblocking(False)
        yield made


def numbered(name: str, place: int) -> str:
    """What the address at *place* of a setting is called where all that were bound are told."""
    return name if place == 0 else f"{name}-{place + 1}"
