"""Made-up web sites as browsers meet them: forms, streams, redirects, cookies, media in ranges, pages of many parts.

All answer alike, over HTTP/1.1 or HTTP/2, by the path alone (`_ROUTES`); several requests of one HTTP/2 connection are
answered at the same time. A stream goes on when the test sets `release`.
"""

import asyncio
import dataclasses
import functools
import html
import io
import re
import wave
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h11
from hyperframe.frame import GoAwayFrame

from tests.support.origin import Origin, Seen

PARTS = 100
"""Pictures of /parts."""
PICTURE = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="2" height="2"><rect width="2" height="2" fill="green"/></svg>'
)
PIECE = 65_536


@dataclass
class Answer:
    """What a site answers; a body that is no bytes comes piece by piece, without a length."""

    body: bytes | AsyncIterator[bytes] = b""
    type: str = "text/html; charset=utf-8"
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()

    def lines(self) -> list[tuple[str, str]]:
        """The headers as they are sent."""
        found = [("content-type", self.type)] if self.type else []
        if isinstance(self.body, bytes) and self.status not in {204, 304}:
            found.append(("content-length", str(len(self.body))))
        return [*found, *self.headers]

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body."""
        if isinstance(self.body, bytes):
            for start in range(0, len(self.body), PIECE):
                yield self.body[start : start + PIECE]
        else:
            async for piece in self.body:
                yield piece


@dataclass
class Sites(Origin):
    """Start with `with Sites(...) as sites`."""

    left: list[str] = field(default_factory=list)
    """Paths whose reader went away before the end."""
    leaves_after: int = 0
    """After how many requests of an HTTP/2 connection the server takes leave; 0 for never."""

    @property
    def log(self) -> list[tuple[str, str]]:
        """(method, path) of each request."""
        return [(seen.method, seen.path) for seen in self.requests]

    def forget(self) -> None:
        """Start the log anew, and hold the streams."""
        super().forget()
        self.left.clear()
        self.leaves_after = 0
        self.release.clear()

    def site(self, seen: Seen) -> Answer:
        """What is answered to *seen*."""
        path = seen.path.partition("?")[0]
        found = _ROUTES[path](self, seen) if path in _ROUTES else Answer(f"nothing at {path}".encode(), status=404)
        return found if seen.method != "HEAD" else dataclasses.replace(found, body=b"")

    # HTTP/1.1

    async def _answer_h1(self, conn: h11.Connection, writer: asyncio.StreamWriter, seen: Seen) -> None:
        answer = self.site(seen)
        writer.write(conn.send(h11.Response(status_code=answer.status, headers=answer.lines())))
        try:
            async for piece in answer.pieces():
                writer.write(conn.send(h11.Data(data=piece)) or b"")
                await writer.drain()
        except OSError:
            self.left.append(seen.path)
            raise
        writer.write(conn.send(h11.EndOfMessage()))
        await writer.drain()

    # HTTP/2

    async def _speak_h2(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        conn = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        conn.initiate_connection()
        talk = _Talk(conn, writer)
        streams: dict[int, Seen] = {}
        async with asyncio.TaskGroup() as tasks:
            await talk.flush()
            while data := await reader.read(65536):
                for event in conn.receive_data(data):
                    if isinstance(event, h2.events.RequestReceived):
                        if not talk.takes(event.stream_id, self.leaves_after):
                            continue
                        given = dict(event.headers)
                        streams[event.stream_id] = seen = Seen(
                            given[":method"],
                            given.get(":authority", ""),
                            given[":path"],
                            list(event.headers),
                            "2",
                            number,
                        )
                        self.requests.append(seen)
                    elif isinstance(event, h2.events.DataReceived):
                        if event.stream_id in streams:
                            streams[event.stream_id].take(event.data)
                        conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                    elif isinstance(event, h2.events.StreamEnded) and event.stream_id in streams:
                        tasks.create_task(self._answer_h2(talk, event.stream_id, streams[event.stream_id]))
                    elif isinstance(event, h2.events.StreamReset):
                        talk.gone.add(event.stream_id)
                talk.moved.set()
                await talk.flush()
            talk.closed = True
            talk.moved.set()

    async def _answer_h2(self, talk: "_Talk", number: int, seen: Seen) -> None:
        answer = self.site(seen)
        try:
            talk.conn.send_headers(number, [(":status", str(answer.status)), *answer.lines()])
            await talk.flush()
            async for piece in answer.pieces():
                await talk.send(number, piece)
            talk.conn.end_stream(number)
            await talk.flush()
        except (ConnectionError, h2.exceptions.ProtocolError):
            self.left.append(seen.path)


class _Talk:
    """One HTTP/2 connection that several answers share."""

    def __init__(self, conn: h2.connection.H2Connection, writer: asyncio.StreamWriter) -> None:
        self.conn, self._writer = conn, writer
        self.moved, self.gone, self.closed = asyncio.Event(), set[int](), False
        self._taken, self._last, self._leaves = 0, 0, False

    def takes(self, number: int, most: int) -> bool:
        """Whether the stream *number* is taken up; after *most* (0: any number of) streams the server takes leave."""
        if not self._leaves and 0 < most <= self._taken:
            self._leaves = True
            self._writer.write(GoAwayFrame(0, last_stream_id=self._last).serialize())
        if not self._leaves:
            self._taken, self._last = self._taken + 1, number
        return not self._leaves

    async def flush(self) -> None:
        """Send what is ready."""
        self._writer.write(self.conn.data_to_send())
        await self._writer.drain()

    async def send(self, number: int, piece: bytes) -> None:
        """Send *piece* of the stream *number* as its reader takes it; ConnectionError if there is none any more."""
        while piece:
            if number in self.gone or self.closed:
                raise ConnectionResetError
            size = min(self.conn.local_flow_control_window(number), self.conn.max_outbound_frame_size, len(piece))
            if size:
                self.conn.send_data(number, piece[:size])
                piece = piece[size:]
                await self.flush()
            else:
                self.moved.clear()
                await self.moved.wait()


# What there is


def _page(title: str, body: str, script: str = "") -> Answer:
    return Answer(f"<!doctype html><title>{title}</title><h1>{title}</h1>{body}<script>{script}</script>".encode())


def _home(sites: Sites, seen: Seen) -> Answer:
    return _page("Home", "<p>The oak wood.</p>")


def _echo(sites: Sites, seen: Seen) -> Answer:
    return _page(
        "Received", f"<p id=what>{seen.method} {seen.body} {html.escape(seen.text.decode('utf-8', 'replace'))}</p>"
    )


def _form(sites: Sites, seen: Seen) -> Answer:
    fields = "<input name=tree value='oak &amp; ash'><textarea name=notes></textarea><button>Send</button>"
    plain = f"<form id=plain method=post action=/echo>{fields}</form>"
    fields = "<input type=file name=picture><button>Send</button>"
    file = f"<form id=file method=post action=/echo enctype=multipart/form-data>{fields}</form>"
    return _page("A form", plain + file)


def _parts(sites: Sites, seen: Seen) -> Answer:
    return _page("Parts", "".join(f"<img src='/part?{number}' alt=part>" for number in range(PARTS)))


def _part(sites: Sites, seen: Seen) -> Answer:
    return Answer(PICTURE, "image/svg+xml")


def _stream(sites: Sites, pieces: Callable[[int], bytes], count: int) -> AsyncIterator[bytes]:
    """The first piece now, and the others when the test says so."""

    async def made() -> AsyncIterator[bytes]:
        for number in range(count):
            yield pieces(number)
            if not number:
                await asyncio.to_thread(sites.release.wait, 20)

    return made()


def _events(sites: Sites, seen: Seen) -> Answer:
    def event(number: int) -> bytes:
        return b"id: %d\ndata: message %d\n\n" % (number, number)

    return Answer(_stream(sites, event, 3), "text/event-stream", headers=(("cache-control", "no-store"),))


def _lines(sites: Sites, seen: Seen) -> Answer:
    kind = dict(parse_qsl(seen.path.partition("?")[2])).get("type", "application/x-ndjson")
    return Answer(_stream(sites, lambda number: b'{"line": %d}\n' % number, 3), kind)


def _endless(sites: Sites, seen: Seen) -> Answer:
    async def made() -> AsyncIterator[bytes]:
        while True:
            yield bytes(PIECE)
            await asyncio.sleep(0)

    return Answer(made(), "application/octet-stream")


def _to(sites: Sites, seen: Seen) -> Answer:
    asked = dict(parse_qsl(seen.path.partition("?")[2]))
    return Answer(b"", status=int(asked["status"]), headers=(("location", asked["where"]),))


def _cookie(sites: Sites, seen: Seen) -> Answer:
    sent = " ".join(value for name, value in seen.headers if name.lower() == "cookie")
    cookies = ("tree=oak; Secure; HttpOnly; SameSite=Lax; Path=/", "leaf=green; Secure; Max-Age=3600; Path=/")
    made = _page("Cookies", f"<p id=sent>{sent}</p>")
    made.headers = tuple(("set-cookie", cookie) for cookie in cookies)
    return made


def _empty(sites: Sites, seen: Seen) -> Answer:
    return Answer(b"", "", 204)


def _tagged(sites: Sites, seen: Seen) -> Answer:
    same = dict(seen.headers).get("if-none-match") == '"oak"'
    rules = (("etag", '"oak"'), ("cache-control", "no-cache"))
    return Answer(b"", "", 304, rules) if same else Answer(b"oak", "text/plain", headers=rules)


@functools.cache
def sound() -> bytes:
    """A minute of silence, 10 MB."""
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(44_100)
        file.writeframes(bytes(4 * 44_100 * 60))
    return made.getvalue()


def _sound(sites: Sites, seen: Seen) -> Answer:
    whole = sound()
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", dict(seen.headers).get("range", ""))
    if not asked:
        return Answer(whole, "audio/wav", headers=(("accept-ranges", "bytes"),))
    first, last = int(asked[1]), int(asked[2] or len(whole) - 1)
    piece = ("content-range", f"bytes {first}-{last}/{len(whole)}")
    return Answer(whole[first : last + 1], "audio/wav", 206, (("accept-ranges", "bytes"), piece))


def _player(sites: Sites, seen: Seen) -> Answer:
    return _page("A player", "<audio id=sound src=/sound preload=metadata></audio>")


def _save(sites: Sites, seen: Seen) -> Answer:
    return Answer(
        b"%PDF-1.7 homework", "application/pdf", headers=(("content-disposition", "attachment; filename=homework.pdf"),)
    )


def _shared(sites: Sites, seen: Seen) -> Answer:
    """Data for scripts of other sites (CORS)."""
    rules = (
        ("access-control-allow-origin", dict(seen.headers).get("origin", "*")),
        ("access-control-allow-methods", "GET, PUT"),
        ("access-control-allow-headers", "content-type, x-own"),
    )
    if seen.method == "OPTIONS":
        return Answer(b"", "", 204, rules)
    return Answer(f'{{"method": "{seen.method}", "size": {seen.body}}}'.encode(), "application/json", headers=rules)


_ROUTES: dict[str, Callable[[Sites, Seen], Answer]] = {
    "/": _home,
    "/echo": _echo,
    "/form": _form,
    "/parts": _parts,
    "/part": _part,
    "/events": _events,
    "/lines": _lines,
    "/endless": _endless,
    "/to": _to,
    "/cookies": _cookie,
    "/empty": _empty,
    "/tagged": _tagged,
    "/sound": _sound,
    "/player": _player,
    "/save": _save,
    "/shared": _shared,
    "/favicon.ico": _empty,
}
