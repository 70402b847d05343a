"""One question, asked once, and what the answer says: enough to see whether a server filters."""

import contextlib
import enum
import socket

OPEN_ADDRESS = bytes((192, 0, 2, 1))
"""What our upstream says of every name."""
CLOSED_ADDRESS = bytes((192, 0, 2, 99))
"""What our worker says of a blocked one."""
NXDOMAIN = 3


class Answered(enum.Enum):
    """What came back."""

    NOTHING = "nothing"
    BLOCKED = "blocked"
    OPEN = "open"
    OTHER = "other"


def packet(name: str, number: int = 0x1234) -> bytes:
    """A question for an address of *name*."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return number.to_bytes(2) + b"\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + labels + b"\x00\x00\x01\x00\x01"


def read(answer: bytes, length: int) -> Answered:
    """What *answer*, to a question of *length* bytes, says."""
    if len(answer) < 12:
        return Answered.NOTHING
    if answer[3] & 0x0F == NXDOMAIN:
        return Answered.BLOCKED
    if answer[3] & 0x0F == 0 and CLOSED_ADDRESS in answer[length:]:
        return Answered.BLOCKED
    return Answered.OPEN if answer[3] & 0x0F == 0 and OPEN_ADDRESS in answer[length:] else Answered.OTHER


def once(port: int, name: str, patience: float = 0.2) -> Answered:
    """Ask for *name* at *port*, and wait *patience* seconds."""
    question = packet(name)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking, contextlib.suppress(OSError):
        asking.settimeout(patience)
        asking.connect(("127.0.0.1", port))
        asking.send(question)
        return read(asking.recv(4096), len(question))
    return Answered.NOTHING
