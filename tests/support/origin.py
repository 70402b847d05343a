"""A web server to be filtered: HTTP/1.1 and HTTP/2, plain or TLS, that remembers all that reached it.

It runs in a thread of its own. What it answers depends on the path: see `_ROUTES`.
"""

import asyncio
import gzip
import ssl
import threading
import urllib.parse
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.events
import h11
import trustme
import wsproto
import wsproto.events

from tests.support.threaded import Listener

SHORT = 16_384
"""Bytes of a body that are kept."""
LARGE = 64 * 1024 * 1024
"""Bytes of /large, and of /bomb once unpacked."""
PIECE = bytes(65536)
FILLING = b"<p>filling"
AS_IT_IS = {
    "/early": b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n" * 2
    + b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "/trailer": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Sum\r\n\r\n"
    b"5\r\nhello\r\n0\r\nSum: 1\r\n\r\n",
}
"""What a server sends for these paths, byte by byte."""
UNENDING = {
    "/silent": b"",
    "/endless-head": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 300_000,
    "/many-lines": b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 600,
    "/endless-chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1;" + b"a" * 300_000,
}
"""What a server sends for these paths; then it waits until the other side closes."""
MESSAGE = 1024 * 1024 + 1
"""Bytes that /ws/endless sends of a message that has no end."""


@dataclass
class Seen:
    """A request as it arrived; *connection* counts the connections since the start, *text* is its body's beginning."""

    method: str
    host: str
    path: str
    headers: list[tuple[str, str]]
    protocol: str
    connection: int
    body: int = 0
    text: bytes = b""

    def take(self, data: bytes) -> None:
        """Count *data* of the body, and keep its beginning."""
        self.body += len(data)
        self.text = (self.text + data)[:SHORT] if len(self.text) < SHORT else self.text


@dataclass
class Origin(Listener):
    """Start with `with Origin(...) as origin`; *requests*, *connections*, *received*, *sent* (bytes) say what came."""

    tls: ssl.SSLContext | None = None
    requests: list[Seen] = field(default_factory=list)
    connections: int = 0
    received: int = 0
    sent: int = 0
    port: int = 0
    waiting: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)
    gone = (OSError, h11.RemoteProtocolError, asyncio.CancelledError)

    def __exit__(self, *_: object) -> None:
        self.release.set()
        super().__exit__()

    def forget(self) -> None:
        """Start the log anew."""
        self.requests.clear()
        self.connections = self.received = self.sent = 0

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        tls = writer.get_extra_info("ssl_object")
        speak = self._speak_h2 if tls and tls.selected_alpn_protocol() == "h2" else self._speak_h1
        await speak(reader, writer, self.connections)

    async def _speak_h1(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        conn = h11.Connection(h11.SERVER)
        seen = None
        while data := await reader.read(65536):
            self.received += len(data)
            conn.receive_data(data)
            while (event := conn.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
                if isinstance(event, h11.Request):
                    seen = self._note_h1(event, number)
                    if await self._left_http(event, reader, writer):
                        return
                elif isinstance(event, h11.Data):
                    seen.take(event.data)
                elif isinstance(event, h11.EndOfMessage):
                    await self._answer_h1(conn, writer, seen)
                    if conn.our_state is h11.MUST_CLOSE:
                        return
                    conn.start_next_cycle()
                elif isinstance(event, h11.ConnectionClosed):
                    return

    async def _left_http(self, first: h11.Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether *first* asked for something else than an answer, which is then over."""
        path = first.target.decode()
        if path in UNENDING:
            writer.write(UNENDING[path])
            await reader.read()
        elif path in AS_IT_IS:
            writer.write(AS_IT_IS[path])
            await writer.drain()
        elif path.startswith("/ws"):
            await self._websocket(first, reader, writer)
        elif path == "/upgrade":
            await self._raw(reader, writer)
        else:
            return False
        return True

    def _note_h1(self, event: h11.Request, number: int) -> Seen:
        headers = [(k.decode(), v.decode()) for k, v in event.headers]
        seen = Seen(event.method.decode(), dict(headers).get("host", ""), event.target.decode(), headers, "1.1", number)
        self.requests.append(seen)
        return seen

    async def _answer_h1(self, conn: h11.Connection, writer: asyncio.StreamWriter, seen: Seen) -> None:
        headers, pieces = await self._answer(seen)
        writer.write(conn.send(h11.Response(status_code=200, headers=headers)))
        for piece in pieces:
            await asyncio.sleep(0)  # or the loop has no turn in which it could say that the connection is lost
            if writer.is_closing():
                raise ConnectionResetError
            if sent := conn.send(h11.Data(data=piece)):
                writer.write(sent)
                self.sent += len(sent)
            await writer.drain()
        writer.write(conn.send(h11.EndOfMessage()))
        await writer.drain()

    async def _speak_h2(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        conn = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        conn.initiate_connection()
        writer.write(conn.data_to_send())
        streams: dict[int, Seen] = {}
        unsent: dict[int, memoryview] = {}
        while data := await reader.read(65536):
            self.received += len(data)
            for event in conn.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    given = dict(event.headers)
                    streams[event.stream_id] = seen = Seen(
                        given[":method"], given.get(":authority", ""), given[":path"], list(event.headers), "2", number
                    )
                    self.requests.append(seen)
                elif isinstance(event, h2.events.DataReceived):
                    streams[event.stream_id].take(event.data)
                    if streams[event.stream_id].path != "/unread":
                        conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, h2.events.StreamEnded):
                    headers, pieces = await self._answer(streams[event.stream_id])
                    conn.send_headers(event.stream_id, [(":status", "200"), *headers])
                    unsent[event.stream_id] = memoryview(b"".join(pieces))
                elif isinstance(event, h2.events.StreamReset):
                    unsent.pop(event.stream_id, None)
            await self._send_h2(conn, writer, unsent)

    async def _send_h2(
        self, conn: h2.connection.H2Connection, writer: asyncio.StreamWriter, unsent: dict[int, memoryview]
    ) -> None:
        """Send what the other side's windows take of each stream; the rest stays in *unsent*."""
        for number, body in tuple(unsent.items()):
            sent = 0
            while window := min(conn.local_flow_control_window(number), conn.max_outbound_frame_size, len(body) - sent):
                sent += window
                conn.send_data(number, bytes(body[sent - window : sent]), end_stream=sent == len(body))
                self.sent += window
                writer.write(conn.data_to_send())
                await writer.drain()
            unsent[number] = body[sent:]
            if not unsent[number]:
                del unsent[number]
        writer.write(conn.data_to_send())
        await writer.drain()

    async def _answer(self, seen: Seen) -> tuple[list[tuple[str, str]], list[bytes]]:
        path = seen.path.partition("?")[0]
        if path == "/slow":
            self.waiting.set()
            await asyncio.to_thread(self.release.wait, 10)
        if path == "/large":
            return [("content-length", str(LARGE))], [PIECE] * (LARGE // len(PIECE))
        if path == "/bomb":
            bomb = gzip.compress(bytes(LARGE))
            return [("content-encoding", "gzip"), ("content-length", str(len(bomb)))], [bomb]
        if path.startswith("/serve"):
            return served(seen.path)
        body = f"hello from {seen.host}{seen.path}".encode()
        extra = [("alt-svc", 'h3=":443"; ma=86400')] if path == "/alt-svc" else []
        return [("content-type", "text/html"), ("content-length", str(len(body))), *extra], [body]

    async def _websocket(self, first: h11.Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Echo every message; for /ws/endless, first send one that has no end."""
        conn = wsproto.WSConnection(wsproto.ConnectionType.SERVER)
        conn.initiate_upgrade_connection(list(first.headers), first.target.decode())
        writer.write(conn.send(wsproto.events.AcceptConnection()))
        if first.target == b"/ws/endless":
            writer.write(conn.send(wsproto.events.BytesMessage(bytes(MESSAGE), message_finished=False)))
        while data := await reader.read(65536):
            conn.receive_data(data)
            for event in conn.events():
                if isinstance(event, wsproto.events.Message):
                    writer.write(conn.send(type(event)(data=event.data, message_finished=event.message_finished)))
                elif isinstance(event, wsproto.events.CloseConnection):
                    writer.write(conn.send(event.response()))
                    return
            await writer.drain()

    async def _raw(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Switch to a protocol of our own that echoes bytes."""
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
        while data := await reader.read(65536):
            self.received += len(data)
            writer.write(data)


def served(path: str) -> tuple[list[tuple[str, str]], list[bytes]]:
    """The answer that the query of *path* describes: type, disposition, encoding, hex; behind it zeros and filling
    (bytes), and behind these *behind* (hex).
    """
    asked = dict(urllib.parse.parse_qsl(path.partition("?")[2]))
    zeros = int(asked.get("zeros", "0"))
    body = bytes.fromhex(asked.get("hex", "")) + bytes(zeros % len(PIECE))
    names = {"type": "content-type", "disposition": "content-disposition", "encoding": "content-encoding"}
    headers = [(name, asked[key]) for key, name in names.items() if key in asked]
    filled = [FILLING * 5_000] * (int(asked.get("filling", "0")) // len(FILLING) // 5_000)
    pieces = [body, *[PIECE] * (zeros // len(PIECE)), *filled, bytes.fromhex(asked.get("behind", ""))]
    return [*headers, ("content-length", str(sum(map(len, pieces))))], pieces


def tls_context(authority: trustme.CA, *names: str, h2: bool = True) -> ssl.SSLContext:
    """A server's TLS settings with a certificate for *names* from *authority*."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    context.set_alpn_protocols(["h2", "http/1.1"] if h2 else ["http/1.1"])
    return context
