"""A web server with pages that a test writes: any head, any body, whole, in pieces, or without an end."""

import threading
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

import msgspec


class _Quiet(ThreadingHTTPServer):
    """A client that leaves in mid-answer is part of the tests."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass


class Page(msgspec.Struct):
    """An answer. *length* sends a Content-Length; without, the answer ends with the connection.

    *early*: it is given before the request's body is read.
    """

    pieces: Iterable[bytes]
    headers: dict[str, str] = {}
    status: int = 200
    length: bool = True
    early: bool = False


class Pages:
    """Listens on loopback; *asked* has the headers of each request by path."""

    def __init__(self, pages: dict[str, Page | Callable[[], Page]]) -> None:
        self.pages = pages
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.release = threading.Event()
        self.cut_off = threading.Event()

    def __enter__(self) -> Self:
        outer = self

        class Answers(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer._answer(self)

            do_POST = do_HEAD = do_GET  # noqa: N815 - the library's names

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = _Quiet(("127.0.0.1", 0), Answers)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.release.set()
        self._server.shutdown()
        self._thread.join(60)
        self._server.server_close()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        path = request.path.partition("?")[0]
        self.asked.append((path, {name.lower(): value for name, value in request.headers.items()}))
        found = self.pages[path]
        page = found() if callable(found) else found
        size = int(request.headers.get("content-length", 0))
        if not page.early:
            request.rfile.read(size)
        pieces = list(page.pieces) if page.length else page.pieces
        request.send_response_only(page.status)
        for name, value in page.headers.items():
            request.send_header(name, value)
        if page.length:
            request.send_header("Content-Length", str(sum(map(len, pieces))))
        else:
            request.send_header("Connection", "close")
            request.close_connection = True
        request.close_connection |= page.early
        request.end_headers()
        if request.command == "HEAD":
            return
        try:
            for piece in pieces:
                request.wfile.write(piece)
            if page.early:
                request.rfile.read(size)
        except OSError:
            self.cut_off.set()
            request.close_connection = True
