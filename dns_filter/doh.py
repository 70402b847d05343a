"""The process that asks a resolver over HTTPS (RFC 8484): an ordinary resolver on loopback for the DNS filter.

It is a process of its own because an HTTP client takes 7 MB, which no DNS worker should carry, and because what parses
HTTP from outside should know nothing of the school: it reads no policy, no key, no name of a client. It keeps nothing.

The resolver is found at the addresses that the settings name, so that no DNS is needed to find DNS, and its certificate
must be for the name in the URL. A question that fails is answered SERVFAIL.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx

from dns_filter import bound, reply, udp, upstream_query, wire
from dns_filter.settings import DohSettings, endpoint
from dns_filter.upstream import trust
from dns_filter.upstream_query import Fit
from reporting.seldom import Seldom

log = logging.getLogger("schoolgate.doh")

LONGEST = 4096
"""Bytes of a question."""
AT_ONCE = 2000
"""Questions under way; more are answered SERVFAIL. As many as one worker has (`dns_filter.upstream`)."""
SILENT = 3
"""Questions in a row without an answer after which the connections are opened anew."""
_TYPE = "application/dns-message"
_IDLE = 30.0
"""Seconds that a connection of a worker may be silent."""

type Ready = Callable[[dict[str, tuple[str, int]]], None]


async def serve(settings: DohSettings, ca_file: str, seconds: float, *, ready: Ready) -> None:
    """Answer until cancelled; OSError if the address cannot be bound or *ca_file* not read.

    One question takes *seconds* at most. *ready* gets the bound address as "doh".
    """
    logging.getLogger("httpx").setLevel(logging.WARNING)
    host, port = endpoint(settings.listen)
    limits, trusted = httpx.Limits(max_connections=4, keepalive_expiry=_IDLE), trust(ca_file)

    def client() -> httpx.AsyncClient:
        return httpx.AsyncClient(http2=True, verify=trusted, limits=limits, timeout=seconds, trust_env=False)

    async with contextlib.AsyncExitStack() as opened:
        try:
            datagrams, streams = bound.alike(host, port)
        except OSError as error:
            raise OSError(error.errno, f"cannot listen at {settings.listen}: {error.strerror}") from error
        opened.enter_context(datagrams)
        asks = Resolver(client, settings, seconds)
        opened.push_async_callback(asks.close)
        async with asyncio.TaskGroup() as tasks:
            listener = Listener(asks, datagrams, tasks)
            server = await asyncio.start_server(listener.converse, sock=streams, limit=LONGEST)
            listener.start()
            try:
                ready({"doh": datagrams.getsockname()[:2]})
                await asyncio.Event().wait()
            finally:
                listener.close()
                server.close()


class Resolver:
    """The resolver behind the URL; asks it by one connection for many questions (HTTP/2)."""

    def __init__(self, make: Callable[[], httpx.AsyncClient], settings: DohSettings, seconds: float) -> None:
        """Ask by a client that *make* makes; nothing is sent yet."""
        self._make, self._client = make, make()
        self._seconds = seconds / len(settings.addresses)
        self._silent = 0
        parts = urlsplit(settings.url)
        assert parts.hostname
        self._name, port = parts.hostname, f":{parts.port}" if parts.port else ""
        self._host = self._name + port
        hosts = [f"[{address}]" if ":" in address else address for address in settings.addresses]
        self._urls = [urlunsplit(("https", host + port, parts.path, "", "")) for host in hosts]
        self._under_way = 0
        self._complaint = Seldom()

    async def answer(self, packet: bytes) -> bytes | None:
        """The answer to *packet*, SERVFAIL where there is none; None for what is no question."""
        question = wire.read(packet)
        if isinstance(question, wire.Fault):
            return reply.to_fault(packet, question)
        message = None
        if self._under_way < AT_ONCE:
            self._under_way += 1
            try:
                message = await self._from_one_of_them(packet)
            finally:
                self._under_way -= 1
        if message is not None and upstream_query.fit(packet[wire.HEADER : question.end], message) is not Fit.OTHER:
            # TLS proves who answers, so letters need not; whoever asked us wants its own back.
            return packet[:2] + message[2 : wire.HEADER] + packet[wire.HEADER : question.end] + message[question.end :]
        body, note = reply.Body(reply.SERVFAIL), reply.Note(reply.NETWORK_ERROR, "no answer over HTTPS")
        return reply.message(packet, question, body, note, limit=wire.MAX_UDP)

    async def close(self) -> None:
        """End every connection."""
        await self._client.aclose()

    async def _from_one_of_them(self, packet: bytes) -> bytes | None:
        """What the first address that answers says; each has its part of the time, and who fails is asked last."""
        for url in tuple(self._urls):
            try:
                async with asyncio.timeout(self._seconds):
                    message = await self._post(url, packet)
            except TimeoutError:
                self._complain("it does not answer")
                await self._note_silence()
                message = None
            if message is not None:
                self._silent = 0
                return message
            self._urls = [*(other for other in self._urls if other != url), url]
        return None

    async def _note_silence(self) -> None:
        """Leave connections on which nothing comes any more: a router on the way may have forgotten them."""
        self._silent += 1
        if self._silent >= SILENT:
            self._silent = 0
            old, self._client = self._client, self._make()
            await old.aclose()

    async def _post(self, url: str, packet: bytes) -> bytes | None:
        """What *url* says to *packet*, with TTLs that have counted down as long as a cache on the way had it."""
        headers = {"host": self._host, "content-type": _TYPE, "accept": _TYPE, "accept-encoding": "identity"}
        content = b"\0\0" + packet[2:]  # RFC 8484, 4.1: number 0
        named = {"sni_hostname": self._name}
        try:
            async with self._client.stream("POST", url, content=content, headers=headers, extensions=named) as response:
                message = await _body(response)
        except (httpx.HTTPError, OSError) as error:
            self._complain(f"{error or type(error).__name__}")
            return None
        wrong = _wrong(response, message)
        if wrong:
            self._complain(wrong)
            return None
        age = response.headers.get("age", "")
        return older(message, int(age[:9]) if age.isascii() and age.isdigit() else 0)

    def _complain(self, why: str) -> None:
        if self._complaint.due():
            log.warning("The resolver %s cannot be asked: %s.", self._name, why)


class Listener:
    """The loopback port: UDP, and TCP with several questions on one connection."""

    def __init__(self, resolver: Resolver, datagrams: socket.socket, tasks: asyncio.TaskGroup) -> None:
        """Answer from *resolver*; `start` begins."""
        self._resolver, self._datagrams, self._tasks = resolver, datagrams, tasks

    def start(self) -> None:
        """Answer over UDP from now on."""
        asyncio.get_running_loop().add_reader(self._datagrams.fileno(), self._receive)

    def close(self) -> None:
        """Answer no more over UDP."""
        asyncio.get_running_loop().remove_reader(self._datagrams.fileno())

    def _receive(self) -> None:
        for _ in range(udp.BATCH):
            try:
                packet, peer = self._datagrams.recvfrom(LONGEST)
            except BlockingIOError:
                return
            except OSError:
                continue
            self._tasks.create_task(self._answer(packet, peer))

    async def _answer(self, packet: bytes, peer: Any) -> None:
        """Send the answer, or its start with TC where it does not fit in a packet."""
        message = await self._guarded(packet)
        if message is not None and self._datagrams.fileno() >= 0:
            with contextlib.suppress(OSError):
                self._datagrams.sendto(cut(packet, message), peer)

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the questions of one connection, each when it is ready."""
        try:
            async with asyncio.TaskGroup() as questions:
                with contextlib.suppress(OSError, EOFError, TimeoutError):
                    while True:
                        async with asyncio.timeout(_IDLE):
                            length = int.from_bytes(await reader.readexactly(2))
                            packet = await reader.readexactly(length)
                        questions.create_task(self._answer_on(writer, packet))
                        await writer.drain()
        finally:
            writer.close()

    async def _answer_on(self, writer: asyncio.StreamWriter, packet: bytes) -> None:
        message = await self._guarded(packet)
        if message is not None and not writer.is_closing():
            writer.write(len(message).to_bytes(2) + message)

    async def _guarded(self, packet: bytes) -> bytes | None:
        """The answer; what fails here is said in the log and answered SERVFAIL, as one question must not end all."""
        try:
            return await self._resolver.answer(packet)
        except Exception:
            log.exception("A question could not be answered over HTTPS.")
            return reply.broken(packet)


async def _body(response: httpx.Response) -> bytes:
    """What *response* carries, as it came: unpacked by nobody, and read no further than it is seen to be too long."""
    body = bytearray()
    async for part in response.aiter_raw():
        body += part
        if len(body) > wire.MAX_TCP:
            break
    return bytes(body)


def _wrong(response: httpx.Response, body: bytes) -> str:
    """Why *body* is no answer; "" if it may be one."""
    headers = response.headers
    if response.status_code != httpx.codes.OK or headers.get("content-type") != _TYPE:
        return f"it says {response.status_code} and {headers.get('content-type')}"
    if "content-encoding" in headers:  # a few KB could unpack to any number of MB
        return f"it packs its answers ({headers['content-encoding']}), which nobody asked for"
    return "its answer is longer than a DNS message can be" if len(body) > wire.MAX_TCP else ""


def cut(packet: bytes, message: bytes) -> bytes:
    """*message*, or its question alone with TC where the asker of *packet* takes less over UDP."""
    question = wire.read(packet)
    limit = wire.PLAIN_UDP if isinstance(question, wire.Fault) else question.udp_limit
    if len(message) <= limit or isinstance(question, wire.Fault):
        return message[:limit]
    head = message[:2] + bytes((message[2] | wire.TC >> 8, message[3])) + b"\0\1\0\0\0\0\0\0"
    return head + message[wire.HEADER : question.end]


def older(message: bytes, age: int) -> bytes:
    """*message* with each TTL *age* seconds less (RFC 8484, 5.1); as it came where that cannot be told."""
    end = wire.end_of_plain_name(message, wire.HEADER) if age and len(message) > wire.HEADER else None
    records = wire.records(message, end + 4) if end else None
    changed = bytearray(message)
    for record in records or ():
        if record.kind != wire.OPT:
            left = max(0, int.from_bytes(message[record.ttl : record.ttl + 4]) - age)
            changed[record.ttl : record.ttl + 4] = left.to_bytes(4)
    return bytes(changed)
