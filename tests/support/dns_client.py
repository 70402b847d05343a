"""A device that asks: one question over a real socket, the answer as dnslib reads it."""

import asyncio
import json
import socket

from dnslib import EDNS0, QTYPE, DNSRecord

EDE = 15


def question(name: str, kind: str = "A", *, edns: bool = True, size: int = 1232, options: tuple = ()) -> DNSRecord:
    """A question with a random number."""
    record = DNSRecord.question(name, kind)
    if edns:
        record.add_ar(EDNS0(udp_len=size, opts=list(options)))
    return record


async def exchange(server: tuple[str, int], packet: bytes, *, source: str = "127.0.0.1", seconds: float = 5) -> bytes:
    """Send *packet* from *source* and return what comes back; TimeoutError for silence."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as peer:
        peer.bind((source, 0))
        peer.connect(server)
        async with asyncio.timeout(seconds):
            await loop.sock_sendall(peer, packet)
            return await loop.sock_recv(peer, 65535)


async def ask(
    server: tuple[str, int],
    name: str,
    kind: str = "A",
    *,
    source: str = "127.0.0.1",
    edns: bool = True,
    size: int = 1232,
    seconds: float = 5.0,
) -> DNSRecord:
    """The answer to one question over UDP."""
    asked = question(name, kind, edns=edns, size=size)
    answer = DNSRecord.parse(await exchange(server, asked.pack(), source=source, seconds=seconds))
    assert answer.header.id == asked.header.id
    return answer


async def ask_by_tcp(server: tuple[str, int], *names: str, source: str = "127.0.0.1") -> list[DNSRecord]:
    """The answers to *names* asked on one TCP connection, in the order in which they came."""
    reader, writer = await asyncio.open_connection(*server, local_addr=(source, 0))
    try:
        for name in names:
            packet = question(name).pack()
            writer.write(len(packet).to_bytes(2) + packet)
        async with asyncio.timeout(60):
            return [
                DNSRecord.parse(await reader.readexactly(int.from_bytes(await reader.readexactly(2)))) for _ in names
            ]
    finally:
        writer.close()
        await writer.wait_closed()


def addresses(answer: DNSRecord) -> list[str]:
    """The addresses of *answer*."""
    return [str(record.rdata) for record in answer.rr if record.rtype in (QTYPE.A, QTYPE.AAAA)]


def extended(answer: DNSRecord) -> tuple[int, str] | None:
    """(code, text) of the extended error of *answer*, or None."""
    for record in answer.ar:
        if record.rtype == QTYPE.OPT:
            for option in record.rdata:
                if option.code == EDE:
                    return int.from_bytes(option.data[:2]), option.data[2:].decode()
    return None


def reason(answer: DNSRecord) -> tuple[int, str] | None:
    """(code, why) of the extended error of *answer*, or None: why is what its JSON gives as justification."""
    found = extended(answer)
    return found and (found[0], str(json.loads(found[1])["j"]))


NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = range(6)
