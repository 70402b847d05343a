"""A TLS ClientHello read as it comes: whom the client asks for, and whether that is all that it says.

This file opens nothing and waits for nothing: bytes in, an answer out. A hello comes in as many records and reads as
the client likes (RFC 8446, 5.1), so nothing is said of it before its last byte. What is not written as the standard
says is broken: some server would read another name in it.
"""

import enum
import struct

MAX_HELLO = 65_536
"""Bytes at most; browsers send 2 KB, with the largest post-quantum key share about 20."""
MAX_RECORDS = 64
"""Records at most: a hello cut into single bytes is nobody's."""

_HANDSHAKE, _CLIENT_HELLO = 22, 1
_RECORD_HEAD, _MESSAGE_HEAD = 5, 4
_MAX_RECORD = 16_384
"""Bytes of a record (RFC 8446, 5.1)."""
_SERVER_NAME, _ALPN, _ECH, _OLD_ESNI = 0, 16, 0xFE0D, 0xFFCE
_NOTED = frozenset({_SERVER_NAME, _ALPN, _ECH, _OLD_ESNI})
_EXTENSION = struct.Struct(">HH")
_RANDOM, _MAX_SESSION, _MAX_NAME = 32, 32, 255
_HOST = 0
"""The only kind of server name (RFC 6066, 3)."""


class State(enum.Enum):
    """How far a hello is read."""

    MORE = "more"
    WHOLE = "whole"
    NOT_TLS = "not TLS"
    BROKEN = "broken"


class ClientHello:
    """Feed it what the client sends; *raw* is all of it, what came after the hello included.

    *names* are the host names as they were written, *alpn* the protocols, *ech* whether a second, encrypted hello
    is said to be inside: browsers say so whether it is true or not (GREASE).
    """

    __slots__ = ("_at", "_message", "_records", "alpn", "ech", "names", "raw", "state")

    def __init__(self) -> None:
        self.raw = bytearray()
        self.state = State.MORE
        self.names: tuple[str, ...] = ()
        self.alpn: tuple[str, ...] = ()
        self.ech = False
        self._message = bytearray()
        self._at = self._records = 0

    @property
    def name(self) -> str | None:
        """The one host name; None if there is none, or several."""
        return self.names[0] if len(self.names) == 1 else None

    def feed(self, data: bytes) -> State:
        """Take up *data*; once the state is another than MORE it stays."""
        self.raw += data
        if self.state is State.MORE:
            self.state = self._read()
        return self.state

    def _read(self) -> State:
        if not b"\x16\x03".startswith(self.raw[:2]):
            return State.NOT_TLS
        while len(self.raw) >= self._at + _RECORD_HEAD:
            size = int.from_bytes(self.raw[self._at + 3 : self._at + _RECORD_HEAD])
            if self._is_no_record(size):
                return State.BROKEN
            end = self._at + _RECORD_HEAD + size
            if len(self.raw) < end:
                break
            self._message += self.raw[self._at + _RECORD_HEAD : end]
            self._at = end
            self._records += 1
            if (state := self._message_state()) is not State.MORE:
                return state
        return State.BROKEN if len(self.raw) > MAX_HELLO else State.MORE

    def _is_no_record(self, size: int) -> bool:
        """Whether what stands at the place of the next record is none that may carry a piece of a hello."""
        opening = self.raw[self._at : self._at + 2] != b"\x16\x03"
        return opening or not 0 < size <= _MAX_RECORD or self._records >= MAX_RECORDS

    def _message_state(self) -> State:
        if self._message[0] != _CLIENT_HELLO:
            return State.BROKEN
        if len(self._message) < _MESSAGE_HEAD:
            return State.MORE
        size = int.from_bytes(self._message[1:_MESSAGE_HEAD])
        if size > MAX_HELLO:
            return State.BROKEN
        if len(self._message) < _MESSAGE_HEAD + size:
            return State.MORE
        try:
            self._parse(_Fields(bytes(self._message[_MESSAGE_HEAD:])))
        except (ValueError, struct.error):
            return State.BROKEN
        return State.WHOLE

    def _parse(self, hello: "_Fields") -> None:
        """Read the body of the hello (RFC 8446, 4.1.2); ValueError if it is not one, whole and alone."""
        hello.take(2 + _RANDOM)
        if len(hello.vector(1)) > _MAX_SESSION:
            raise ValueError("a session that is none")
        hello.vector(2)
        hello.vector(1)
        extensions = hello.vector(2) if hello else b""
        hello.end()
        self._note_each(extensions)

    def _note_each(self, extensions: bytes) -> None:
        """Go through some twenty extensions by hand: by `_Fields` that took a third of a hello's time."""
        at, seen = 0, set()
        while at < len(extensions):
            kind, size = _EXTENSION.unpack_from(extensions, at)
            at += _EXTENSION.size + size
            if kind in seen or at > len(extensions):
                raise ValueError("an extension that comes twice or ends early")
            seen.add(kind)
            if kind in _NOTED:
                self._note(kind, extensions[at - size : at])

    def _note(self, kind: int, content: bytes) -> None:
        if kind == _SERVER_NAME:
            self.names = tuple(_names(content))
        elif kind == _ALPN:
            self.alpn = tuple(_protocols(content))
        else:
            self.ech = True


class _Fields:
    """Bytes that are read from the front; ValueError where they end early."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def take(self, size: int) -> bytes:
        """The next *size* bytes."""
        taken = self._data[self._at : self._at + size]
        if len(taken) != size:
            raise ValueError("it ends early")
        self._at += size
        return taken

    def number(self, size: int) -> int:
        """The next number of *size* bytes."""
        return int.from_bytes(self.take(size))

    def vector(self, size: int) -> bytes:
        """The next vector, whose length is a number of *size* bytes (RFC 8446, 3.4)."""
        return self.take(self.number(size))

    def end(self) -> None:
        """ValueError if anything is left."""
        if self:
            raise ValueError("something follows")


def _names(content: bytes) -> list[str]:
    """The host names of a server_name extension; one of a kind that is not known counts as one that nobody can read."""
    outer = _Fields(content)
    entries = _Fields(outer.vector(2))
    outer.end()
    found = []
    while entries:
        kind, name = entries.number(1), entries.vector(2)
        if not name or len(name) > _MAX_NAME:
            raise ValueError("a name that is none")
        found.append(name.decode("ascii", "replace") if kind == _HOST else "")
    return found


def _protocols(content: bytes) -> list[str]:
    outer = _Fields(content)
    entries = _Fields(outer.vector(2))
    outer.end()
    found = []
    while entries:
        found.append(entries.vector(1).decode("latin-1"))
    return found
