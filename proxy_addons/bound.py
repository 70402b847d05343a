"""A socket that clients come to."""

import contextlib
import ctypes
import socket
import struct
from collections.abc import Iterator

from proxy_addons.settings import endpoint

_CHOOSE = 51
"""SO_ATTACH_REUSEPORT_CBPF (socket(7)), which Python does not name."""
_RETURN = 0x06
"""BPF_RET: the constant that comes with it is the result, here the place of a socket among those of its address."""


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


def pass_on(listener: socket.socket) -> None:
    """Let new connections come to whoever listens at the address of *listener* since, which may be one other only.

    What has come to *listener* stays there to be accepted. The rule outlasts it: the next to listen there has all at
    once. A kernel that cannot do so shares them out as before.
    """
    second = ctypes.create_string_buffer(struct.pack("HBBI", _RETURN, 0, 0, 1))
    with contextlib.suppress(OSError):
        listener.setsockopt(socket.SOL_SOCKET, _CHOOSE, struct.pack("HP", 1, ctypes.addressof(second)))


def numbered(name: str, place: int) -> str:
    """What the address at *place* of a setting is called where all that were bound are told."""
    return name if place == 0 else f"{name}-{place + 1}"
