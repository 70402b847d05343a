"""Another proxy behind ours, such as a regional network's: it remembers each request's head, and passes bytes on."""

import asyncio

from tests.support.threaded import Listener


class AnotherProxy(Listener):
    """Start with `with AnotherProxy() as proxy`; *heads* are what came; hosts in *closed* it refuses."""

    gone = (OSError, asyncio.IncompleteReadError, asyncio.CancelledError)

    def __init__(self) -> None:
        """Nothing is closed, and nobody has come."""
        self.heads: list[str] = []
        self.closed: set[str] = set()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        method, target, _ = head.split(" ", 2)
        host, _, port = target.removeprefix("http://").partition("/")[0].partition(":")
        if host in self.closed:
            writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            return
        there, to_there = await asyncio.open_connection("127.0.0.1", int(port or 80))
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            to_there.write(head.replace(target, "/" + target.split("/", 3)[3], 1).encode())
        await asyncio.gather(_copied(reader, to_there), _copied(there, writer))


async def _copied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()
