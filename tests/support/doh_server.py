"""A resolver over HTTPS for tests: HTTP/2 on loopback, answers from a table, wrong in one way where a test says so."""

import asyncio
import gzip
import ssl
from collections.abc import Mapping, Sequence
from typing import Self

import h2.config
import h2.connection
import h2.events
from dnslib import DNSRecord

from dns_filter.practice import NameServer

TYPE = "application/dns-message"


class DohServer:
    """`async with DohServer(zone, certificate) as server: ... server.port`.

    *status*, *kind* and *age* are those of each response; where *packed*, each is sent as gzip; *lengths* says to how
    many bytes the answer to a name is filled up. *requests* are the headers of each request; *messages* the questions
    as they came; *connections* how many there were.
    """

    def __init__(self, zone: Mapping[str, Sequence[str]], certificate: ssl.SSLContext) -> None:
        self._names, self._certificate = NameServer(zone), certificate
        self.requests: list[dict[str, str]] = []
        self.messages: list[bytes] = []
        self.connections, self.port = 0, 0
        self.status, self.kind, self.age, self.silent = 200, TYPE, "", False
        self.packed = False
        self.lengths: dict[str, int] = {}
        self._open: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._certificate.set_alpn_protocols(["h2"])
        self._server = await asyncio.start_server(self._converse, "127.0.0.1", 0, ssl=self._certificate)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        self.connections += 1
        try:
            await self._speak(reader, writer)
        except (OSError, EOFError):
            pass
        finally:
            self._open.discard(task)
            writer.transport.abort()  # a client that is gone would not say goodbye

    async def _speak(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        http.initiate_connection()
        bodies: dict[int, bytes] = {}
        answers: dict[int, bytes] = {}
        writer.write(http.data_to_send())
        while data := await reader.read(65536):
            for event in http.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    self.requests.append(dict(event.headers))
                    bodies[event.stream_id] = b""
                elif isinstance(event, h2.events.DataReceived):
                    bodies[event.stream_id] += event.data
                    http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, h2.events.StreamEnded) and not self.silent:
                    answers[event.stream_id] = self._respond(http, event.stream_id, bodies.pop(event.stream_id))
            _pour(http, answers)
            writer.write(http.data_to_send())
            await writer.drain()

    def _respond(self, http: h2.connection.H2Connection, stream: int, question: bytes) -> bytes:
        """Send the headers; the body that is to follow."""
        self.messages.append(question)
        message = self._names.reply(question, tcp=True) or b""
        message = message.ljust(self.lengths.get(str(DNSRecord.parse(question).q.qname).rstrip(".").lower(), 0), b"\0")
        headers = [
            (":status", str(self.status)),
            ("content-type", self.kind),
            *([("age", self.age)] if self.age else []),
            *([("content-encoding", "gzip")] if self.packed else []),
        ]
        http.send_headers(stream, headers)
        return gzip.compress(message) if self.packed else message


def _pour(http: h2.connection.H2Connection, answers: dict[int, bytes]) -> None:
    """Send of each of *answers* what the client has room for, and leave the rest there."""
    for stream in tuple(answers):
        while stream in answers and (room := min(http.local_flow_control_window(stream), http.max_outbound_frame_size)):
            answer = answers.pop(stream)
            http.send_data(stream, answer[:room], end_stream=len(answer) <= room)
            if len(answer) > room:
                answers[stream] = answer[room:]
