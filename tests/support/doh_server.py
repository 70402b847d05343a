"""A resolver over HTTPS for tests: HTTP/2 on loopback, answers from a table, wrong in one way where a test says so."""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from typing import Self

import h2.config
import h2.connection
import h2.events

from dns_filter.practice import NameServer

TYPE = "application/dns-message"


class DohServer:
    """`async with DohServer(zone, certificate) as server: ... server.port`.

    *status*, *kind* and *age* are those of each response; *requests* are the headers of each request; *messages* the
    questions as they came; *connections* how many there were.
    """

    def __init__(self, zone: Mapping[str, Sequence[str]], certificate: ssl.SSLContext) -> None:
        self._names, self._certificate = NameServer(zone), certificate
        self.requests: list[dict[str, str]] = []
        self.messages: list[bytes] = []
        self.connections, self.port = 0, 0
        self.status, self.kind, self.age, self.silent = 200, TYPE, "", False
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
                    self._respond(http, event.stream_id, bodies.pop(event.stream_id))
            writer.write(http.data_to_send())
            await writer.drain()

    def _respond(self, http: h2.connection.H2Connection, stream: int, question: bytes) -> None:
        self.messages.append(question)
        message = self._names.reply(question, tcp=True) or b""
        headers = [
            (":status", str(self.status)),
            ("content-type", self.kind),
            *([("age", self.age)] if self.age else []),
        ]
        http.send_headers(stream, headers)
        http.send_data(stream, message, end_stream=True)
