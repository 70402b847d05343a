"""A port for DNS: the same number for UDP and TCP."""

import socket

from dns_filter import tcp, udp

TRIES = 20
"""How often a free port is sought that is free for UDP and TCP."""


def alike(host: str, port: int) -> tuple[socket.socket, socket.socket]:
    """A UDP and a TCP socket at the same port of *host*; with port 0 at one that is free for both.

    OSError if there is none.
    """
    for attempt in range(TRIES):
        datagrams = udp.bind(host, port)
        try:
            return datagrams, tcp.bind(host, datagrams.getsockname()[1])
        except OSError:
            datagrams.close()
            if port or attempt == TRIES - 1:
                raise
    raise OSError(f"no port of {host} is free for UDP and TCP")
