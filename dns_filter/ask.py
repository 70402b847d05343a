"""One DNS question, asked the way a device asks it: for the demo and for self-checks, not for the request path."""

import asyncio
import socket
from typing import Any

import dnslib
import msgspec

from dns_filter import structured

EDE = 15
"""The option code of an extended error (RFC 8914)."""


class Heard(msgspec.Struct, frozen=True):
    """An answer: its code by name, its addresses, and (code, why) of its extended error."""

    code: str
    addresses: tuple[str, ...]
    extended: tuple[int, str] | None


async def ask(server: tuple[str, int], name: str, *, source: str = "", kind: str = "A", seconds: float = 5.0) -> Heard:
    """Ask *server* for *name* over UDP from the address *source*; TimeoutError if it does not answer."""
    question = dnslib.DNSRecord.question(name, kind)
    question.add_ar(dnslib.EDNS0(udp_len=1232))
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        if source:
            sock.bind((source, 0))
        sock.connect(server)
        async with asyncio.timeout(seconds):
            await loop.sock_sendall(sock, question.pack())
            while True:
                answer = dnslib.DNSRecord.parse(await loop.sock_recv(sock, 65535))
                if answer.header.id == question.header.id:
                    return _heard(answer)


def _heard(answer: Any) -> Heard:
    addresses = tuple(str(rr.rdata) for rr in answer.rr if rr.rtype in {dnslib.QTYPE.A, dnslib.QTYPE.AAAA})
    options = (option for rr in answer.ar if rr.rtype == dnslib.QTYPE.OPT for option in rr.rdata)
    found = next((o.data for o in options if o.code == EDE), None)
    extended = (
        (int.from_bytes(found[:2]), structured.justification(found[2:].decode("utf-8", "replace"))) if found else None
    )
    return Heard(dnslib.RCODE.get(answer.header.rcode), addresses, extended)
