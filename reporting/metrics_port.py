"""The port where a process answers scrapes, and refuses whatever else is said to it.

It answers GET and HEAD of /metrics under its own address, and nothing under any other Host, so a name that somebody
points at this address reads nothing (G29). A connection has one request, and one time for all of it; there are few at
once. No body is read. What the text says is `reporting.metrics`'s business, how it is written prometheus-client's.
"""

import contextlib
import ipaddress
import logging
import re
import socket
import socketserver
import threading
import time
from collections.abc import Iterator

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

log = logging.getLogger("schoolgate.metrics")

PATIENCE = 5.0
"""Seconds for a whole connection: a scraper asks at once, and gives up by itself after 10 (Prometheus's default)."""

AT_ONCE = 8
"""Connections at the same time: two Prometheus servers and a person with curl, each more than once."""

LONGEST_HEAD = 8_192
"""Bytes of a request's head: Prometheus sends about 300."""

START = re.compile(rb"([A-Z]{1,16}) (/[!-~]*) HTTP/1\.[01]")
"""A request line (RFC 9112, 3) with a path; a scraper has no use for the other forms."""

WORDS = {
    400: "This is no request that can be read.",
    404: "There is nothing here but /metrics.",
    405: "Only GET and HEAD are answered here.",
    421: "This port answers only under its own address.",
    431: "The head of the request is too long.",
    500: "The figures could not be put together.",
}
REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 421: "Misdirected Request",
           431: "Request Header Fields Too Large", 500: "Internal Server Error"}  # fmt: skip


class Scrape(msgspec.Struct, frozen=True):
    """What a request asks for: its status, whether with a body, and the formats that it accepts."""

    status: int
    body: bool = True
    accepts: str = ""


class Port(socketserver.ThreadingTCPServer):
    """The open port; `serve_forever` answers until `shutdown`. OSError if *address* cannot be had."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, registry: CollectorRegistry, address: tuple[str, int], patience: float) -> None:
        """Listen at *address*; a connection ends after *patience* seconds."""
        family, _, _, _, place = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)[0]
        self.address_family, self.registry, self.patience = family, registry, patience
        self._places = threading.BoundedSemaphore(AT_ONCE)
        super().__init__((str(place[0]), int(place[1])), _Answer)

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        """Answer in a thread of its own, or close at once what is one too many."""
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._places.release()
            raise

    def process_request_thread(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        """Answer, and make room for the next."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()


class _Answer(socketserver.BaseRequestHandler):
    """One connection."""

    server: Port
    request: socket.socket

    def handle(self) -> None:
        due = time.monotonic() + self.server.patience
        with contextlib.suppress(OSError):  # the client is gone, or its time is over
            scrape = asked(_head(self.request, due), frozenset(hosts(*self.request.getsockname()[:2])))
            self.request.settimeout(_left(due))
            self.request.sendall(_answer(scrape, self.server.registry))
            self.request.shutdown(socket.SHUT_WR)
            while _more(self.request, due):  # closing on what was not read yet would take the answer back
                pass


def hosts(address: str, port: int) -> Iterator[str]:
    """The exact Host values at *address*, where a connection arrived, and *port*."""
    place = ipaddress.ip_address(address.partition("%")[0])
    place = getattr(place, "ipv4_mapped", None) or place
    names = [f"[{place}]" if place.version == 6 else str(place), *(["localhost"] if place.is_loopback else [])]
    for name in names:
        yield f"{name}:{port}"
        if port == 80:
            yield name


def asked(head: bytes, own: frozenset[str]) -> Scrape:
    """What a request with *head* gets, at a port whose own Host values are *own*."""
    if not head.endswith(b"\r\n\r\n"):
        return Scrape(431 if len(head) >= LONGEST_HEAD else 400)
    start, *lines = head[:-4].split(b"\r\n")
    request, fields = START.fullmatch(start), [_field(line) for line in lines]
    if request is None:
        return Scrape(400)
    body = request[1] != b"HEAD"
    if [value.lower() for name, value in fields if name == "host"] not in [[host] for host in own]:
        return Scrape(421, body)
    if request[1] not in {b"GET", b"HEAD"}:
        return Scrape(405)
    status = 200 if request[2].partition(b"?")[0] == b"/metrics" else 404
    return Scrape(status, body, ",".join(value for name, value in fields if name == "accept"))


def _field(line: bytes) -> tuple[str, str]:
    name, _, value = line.decode("latin-1").partition(":")
    return name.strip().lower(), value.strip()


def _answer(scrape: Scrape, registry: CollectorRegistry) -> bytes:
    status, kind, text = scrape.status, "text/plain; charset=utf-8", f"{WORDS.get(scrape.status)}\n".encode()
    if status == 200:
        try:
            encode, kind = choose_encoder(scrape.accepts)
            text = encode(registry)
        except Exception:
            log.exception("A scrape could not be answered.")
            status, kind, text = 500, "text/plain; charset=utf-8", f"{WORDS[500]}\n".encode()
    allow = "Allow: GET, HEAD\r\n" if status == 405 else ""
    head = (
        f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Type: {kind}\r\nContent-Length: {len(text)}\r\n{allow}"
        "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
    )
    return head.encode("latin-1") + (text if scrape.body else b"")


def _head(connection: socket.socket, due: float) -> bytes:
    """What comes until the empty line, or until it is too long; TimeoutError when it does not come by *due*."""
    head = b""
    while b"\r\n\r\n" not in head and len(head) < LONGEST_HEAD and (more := _more(connection, due)):
        head += more
    end = head.find(b"\r\n\r\n")
    return head if end < 0 else head[: end + 4]


def _more(connection: socket.socket, due: float) -> bytes:
    connection.settimeout(_left(due))
    return connection.recv(LONGEST_HEAD)


def _left(due: float) -> float:
    left = due - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
