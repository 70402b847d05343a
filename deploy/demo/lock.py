"""Only one demo school at a time, as its ports are fixed.

The lock is an abstract Unix socket: the kernel takes it away with its process, so nothing is ever left behind.
"""

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from deploy.toml_file import RefusedError

_CREDENTIALS = struct.Struct("3i")


@contextmanager
def only_one() -> Iterator[None]:
    """Hold the demo's lock; RefusedError, with the process that holds it, if a demo is up."""
    name = f"\0schoolgate-demo-{os.getuid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as lock:
        try:
            lock.bind(name)
        except OSError:
            message = f"A demo school is already running (process {_holder(name)}); nothing was changed."
            raise RefusedError([message]) from None
        lock.listen()
        yield


def _holder(name: str) -> str:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        try:
            asking.connect(name)
        except OSError:
            return "unknown"
        raw = asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        return str(_CREDENTIALS.unpack(raw)[0])
