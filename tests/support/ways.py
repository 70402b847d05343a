"""The place where ways round the filter are tried: the shipped policy and lists, a worker, a DNS worker, web servers.

To the shipped lists a few names of tests are added: `good.test` is known, `gambling.test` is closed, `wiki.test` has a
closed page, and nothing is known about `unknown.test`.
"""

import contextlib
import socket
import ssl
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import h2.config
import h2.connection
import h2.events
import msgspec

from blocklists import defaults
from blocklists.compile import Source, compile_lists
from tests.support.origin import Origin, tls_context
from tests.support.proxy_school import ADDRESSES, HOSTS, ROOT, Nameserver, Running, School, running, tunnel

PATIENCE = 10
"""Seconds that an answer is waited for."""
SILENCE = 0.5
"""Seconds without another byte after which an answer has come; what reached a server is looked at besides."""
TRIED = {"gambling": ["gambling.test"], "positive": ["good.test", "wiki.test", "private.test", "inside.test"]}
CLOSED_PAGE = "/secret/page"
CONTENT = b"hello from"
"""How each page of the tests' servers begins."""


class ShippedSchool(School):
    """A school on its first day, with the names of `TRIED` on its lists."""

    def __init__(self, folder: Path) -> None:
        """Write the shipped policy and lists into *folder*."""
        super().__init__(folder)
        book = defaults.rulebook("Oak Lane School")
        closed = {
            name: msgspec.structs.replace(profile, block=(f"wiki.test{CLOSED_PAGE}",))
            if profile.certificate
            else profile
            for name, profile in book.profiles.items()
        }
        self.write_policy(msgspec.structs.replace(book, profiles=closed), version=2)

    def write_lists(self) -> None:
        """Compile the shipped lists."""
        sources = {}
        for name, path in defaults.list_files().items():
            more = self.folder / f"{name}-tried.txt"
            more.write_text("\n".join(TRIED.get(name, [])) + "\n")
            sources[name] = (Source(path), Source(more)) if name in TRIED else (Source(path),)
        compile_lists(sources, self.files.index, built_ns=1)


class Bare:
    """A server that keeps every byte which reaches it, and answers each with the same short page."""

    def __init__(self) -> None:
        self.heard = b""
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE)
        self._socket.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                came, _ = self._socket.accept()
                threading.Thread(target=self._hear, args=(came,), daemon=True).start()

    def _hear(self, came: socket.socket) -> None:
        with came, contextlib.suppress(OSError):
            while data := came.recv(65536):
                self.heard += data
                came.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello from")


@dataclass
class Street:
    """What a way is tried on; *secure*, *plain* and *bare* are the servers behind every name."""

    school: ShippedSchool
    names: Nameserver
    secure: Origin
    plain: Origin
    bare: Bare
    worker: Running
    dns_port: int

    def forget(self) -> None:
        """Begin anew."""
        self.secure.forget()
        self.plain.forget()
        self.bare.heard = b""
        self.names.asked.clear()

    @property
    def reached(self) -> bool:
        """Whether any server heard anything since."""
        return bool(self.secure.connections or self.plain.connections or self.bare.heard)

    def join(self, profile: str = "ks2") -> socket.socket:
        """A connection to the proxy from a device of *profile*."""
        return socket.create_connection(("127.0.0.1", self.worker.port), PATIENCE, (ADDRESSES[profile], 0))

    def say(self, sent: bytes, profile: str = "ks2") -> bytes:
        """All that the proxy answers to *sent*, until it ends or nothing more comes after a whole head."""
        with self.join(profile) as connection:
            return exchange(connection, sent)

    def inside(self, sent: bytes, host: str = "unknown.test") -> bytes:
        """All that comes back for *sent* in an opened tunnel to *host*."""
        raw, head = self.worker.connect(host, self.secure.port)
        assert b" 200 " in head, head
        with tunnel(self.school, raw, host) as connection:
            return exchange(connection, sent)

    def target(self, host: str, port: int) -> bytes:
        """What the proxy answers to a CONNECT for *host* as it is written."""
        return self.say(b"CONNECT %b:%d HTTP/1.1\r\nHost: %b:%d\r\n\r\n" % (host.encode(), port, host.encode(), port))

    def h2(self, *headers: tuple[str, str], host: str = "unknown.test") -> str:
        """The status of a request with *headers* over HTTP/2 in an opened tunnel to *host*; "" if it ended."""
        raw, _ = self.worker.connect(host, self.secure.port)
        with tunnel(self.school, raw, host, ("h2",)) as connection:
            return _h2_status(connection, list(headers))


def exchange(connection: socket.socket, sent: bytes) -> bytes:
    """What *connection* answers to *sent*: to its end, or to where it falls silent."""
    came = b""
    with contextlib.suppress(OSError):
        connection.sendall(sent)
        connection.settimeout(PATIENCE)
        while data := connection.recv(65536):
            came += data
            connection.settimeout(SILENCE)
    return came


def _h2_status(connection: ssl.SSLSocket, headers: list[tuple[str, str]]) -> str:
    conn = h2.connection.H2Connection(
        h2.config.H2Configuration(
            validate_outbound_headers=False, normalize_outbound_headers=False, header_encoding="utf-8"
        )
    )
    conn.initiate_connection()
    conn.send_headers(1, headers, end_stream=dict(headers).get(":method") != "CONNECT")
    connection.sendall(conn.data_to_send())
    with contextlib.suppress(OSError):
        while data := connection.recv(65536):
            for event in conn.receive_data(data):
                if isinstance(event, h2.events.ResponseReceived):
                    return str(dict(event.headers)[":status"])
                if isinstance(event, h2.events.StreamReset | h2.events.ConnectionTerminated):
                    return ""
    return ""


def status(answer: bytes) -> str:
    """The status of *answer*; "" if the connection just ended."""
    return answer.split(b" ", 2)[1].decode() if answer.startswith(b"HTTP/") else ""


@contextlib.contextmanager
def street(folder: Path) -> Iterator[Street]:
    """The whole of it, for as long as the context lasts."""
    school = ShippedSchool(folder)
    zone = {
        "private.test": ["10.1.2.3"],
        "inside.test": ["::ffff:a01:203"],
        "metadata.test": ["169.254.169.254"],
        "cloak.test": ["=gambling.test"],
        "*": [],
    }
    with (
        Nameserver(zone) as names,
        Origin(tls_context(school.servers, *HOSTS)) as secure,
        Origin() as plain,
        Bare() as bare,
        running(school, school.settings(names, secure.port, plain.port, bare.port)) as worker,
        _dns_worker(folder, names.port) as dns_port,
    ):
        yield Street(school, names, secure, plain, bare, worker, dns_port)


@contextlib.contextmanager
def _dns_worker(folder: Path, upstream: int) -> Iterator[int]:
    command = [sys.executable, "-m", "tests.support.dns_worker", str(folder), f"127.0.0.1:{upstream}"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


def hello(*extensions: tuple[int, bytes], version: bytes = b"\3\3", record: int = 0) -> bytes:
    """A ClientHello of TLS 1.2 with *extensions* (number, content), in records of *record* bytes or in one."""
    packed = b"".join(struct.pack(">HH", number, len(content)) + content for number, content in extensions)
    packed += b"\0\x0a\0\4\0\2\0\x17" + b"\0\x0b\0\2\1\0" + b"\0\x0d\0\6\0\4\4\3\4\1"
    ciphers = b"\0\4\xc0\x2b\xc0\x2f"
    body = version + bytes(32) + b"\0" + ciphers + b"\1\0" + struct.pack(">H", len(packed)) + packed
    message = b"\1" + len(body).to_bytes(3) + body
    size = record or len(message)
    parts = [message[at : at + size] for at in range(0, len(message), size)]
    return b"".join(b"\x16\3\1" + struct.pack(">H", len(part)) + part for part in parts)


def server_name(*names: str) -> tuple[int, bytes]:
    """The extension that names a server, or several."""
    entries = b"".join(b"\0" + struct.pack(">H", len(name)) + name.encode() for name in names)
    return 0, struct.pack(">H", len(entries)) + entries
