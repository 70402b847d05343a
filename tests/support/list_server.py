"""A web server of lists: what it answers for each path is set by the test, plain or over TLS; it remembers requests."""

import contextlib
import http.server
import io
import ssl
import tarfile
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Any


@dataclass
class Reply:
    """An answer. *etag* and *modified* make it one that is not sent twice; *cut* ends it after so many bytes.

    With *drip* it comes a byte at a time, and never ends.
    """

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    etag: str = ""
    modified: str = ""
    cut: int | None = None
    drip: bool = False


class ListServer:
    """Start with `with ListServer() as server`; *replies* has an answer for each path, or several, given in turn."""

    def __init__(self, tls: ssl.SSLContext | None = None, address: str = "127.0.0.1"):
        self.replies: dict[str, Reply | list[Reply]] = {}
        self.requests: list[tuple[str, Message]] = []
        self._tls, self._address = tls, address

    def __enter__(self):
        self._server = http.server.ThreadingHTTPServer((self._address, 0), _handler(self))
        if self._tls:
            self._server.socket = self._tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.url = f"http{'s' if self._tls else ''}://{self._address}:{self._server.server_port}"
        return self

    def __exit__(self, *_: object):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def reply(self, path: str) -> Reply:
        """The next answer for *path*; the last one stays."""
        found = self.replies.get(path, Reply(status=404))
        if isinstance(found, Reply):
            return found
        return found.pop(0) if len(found) > 1 else found[0]


def _handler(server: ListServer) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            server.requests.append((self.path, self.headers))
            with contextlib.suppress(OSError):  # the client has gone
                self.answer(server.reply(self.path))

        def answer(self, reply: Reply):
            asked = self.headers
            known = {
                (asked["If-None-Match"] or "-") == reply.etag,
                (asked["If-Modified-Since"] or "-") == reply.modified,
            }
            status = 304 if True in known else reply.status
            self.send_response(status)
            named = {
                "ETag": reply.etag,
                "Last-Modified": reply.modified,
                "Content-Length": "" if reply.drip else str(len(reply.body)),
            }
            for name, value in {**named, **reply.headers}.items():
                if value and not (status == 304 and name == "Content-Length"):
                    self.send_header(name, value)
            self.end_headers()
            if status != 304:
                self.send(reply)

        def send(self, reply: Reply):
            while reply.drip:
                self.wfile.write(b"a")
                time.sleep(0.02)
            self.wfile.write(reply.body[: reply.cut])
            self.close_connection = self.close_connection or reply.cut is not None

        def log_message(self, *_: Any):
            pass

    return Handler


def lines(*names: str) -> bytes:
    """A list of *names*."""
    return "".join(f"{name}\n" for name in names).encode()


def many(count: int, word: str = "name") -> bytes:
    """A list of *count* names."""
    return lines(*(f"{word}{number}.test" for number in range(count)))


def tar_gz(files: Mapping[str, bytes], mode: str = "w:gz") -> bytes:
    """An archive of *files*, as `tar -cz` makes it."""
    return tar(*((_info(name, content), content) for name, content in files.items()), mode=mode)


def tar(*members: tuple[tarfile.TarInfo, bytes], mode: str = "w:gz") -> bytes:
    """An archive of any *members*."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return made.getvalue()


def _info(name: str, content: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    return info


def zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of *files*."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


@contextlib.contextmanager
def serving(replies: Mapping[str, Reply | list[Reply]], tls: ssl.SSLContext | None = None) -> Iterator[ListServer]:
    """A server with these *replies*."""
    with ListServer(tls) as server:
        server.replies.update(replies)
        yield server
