"""How a worker asks the signer: one question and one answer over a Unix socket, each a msgpack map with its length.

Both sides meet here. A path may be longer than a socket's address can hold (108 bytes), so both go by way of its
folder.
"""

import asyncio
import contextlib
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

LONGEST = 4096
"""Bytes of a question or an answer at most: a leaf for the longest name has about 1,000."""
MODE = stat.S_IRUSR | stat.S_IWUSR | stat.S_IRGRP | stat.S_IWGRP
"""Who may ask: the owner and the group of the socket; its folder lets nobody else near."""

TOO_MANY = "too many"
"""Why there is no leaf now, and may be one in a moment."""


class Ask(msgspec.Struct, frozen=True):
    """Asks for a leaf for *host* and the public key *key* (SubjectPublicKeyInfo, DER).

    *unnamed*: the log may not tell the host. So it is with all that is closed, so that what a sealed list has does not
    stand out (G6, G23).
    """

    host: str
    key: bytes
    unnamed: bool = False


class Answer(msgspec.Struct, frozen=True):
    """The leaf (DER), or why there is none."""

    certificate: bytes = b""
    refused: str = ""


async def receive[T: msgspec.Struct](reader: asyncio.StreamReader, kind: type[T]) -> T:
    """The one message of *kind* that comes; ValueError if it is none, EOFError if it ends early."""
    size = int.from_bytes(await reader.readexactly(2))
    if size > LONGEST:
        raise ValueError("a message that is too long")
    return msgspec.msgpack.decode(await reader.readexactly(size), type=kind)


def send(writer: asyncio.StreamWriter, message: msgspec.Struct) -> None:
    """Send *message*."""
    data = msgspec.msgpack.encode(message)
    writer.write(len(data).to_bytes(2) + data)


@contextlib.contextmanager
def listening(path: Path) -> Iterator[socket.socket]:
    """A socket that is bound at *path* for as long as the context lasts; one that a killed process left is replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with _short(path) as short, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as made:
        made.bind(short)
        path.chmod(MODE)
        try:
            yield made
        finally:
            path.unlink(missing_ok=True)


async def connected(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to whoever listens at *path*; OSError if nobody does."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        with _short(path) as short:
            await asyncio.get_running_loop().sock_connect(made, short)
        return await asyncio.open_unix_connection(sock=made)
    except BaseException:
        made.close()
        raise


@contextlib.contextmanager
def _short(path: Path) -> Iterator[str]:
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
