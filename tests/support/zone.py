"""An upstream that knows a few records of any type and validates them, as dnspython reads and writes them.

    python -m tests.support.zone PORT RECORD...

A RECORD is a line of a zone file, "school.test. 300 IN A 192.0.2.1". It prints a line once it answers.
"""

import asyncio
import sys
from collections.abc import Iterable

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from tests.support.nameserver import NameServer

SOA = "test. 300 IN SOA ns.test. nobody.invalid. 1 3600 600 86400 60"
LONG = "long.learning.test."
"""A name with 40 records of text, which only TCP carries."""


def rrset(line: str) -> dns.rrset.RRset:
    """The record of a zone file's *line*."""
    name, ttl, klass, kind, *data = line.split(" ", 4)
    return dns.rrset.from_text(name, int(ttl), klass, kind, *data)


class Zone(NameServer):
    """Answers from *lines*, says AD, and keeps what it was *asked*."""

    def __init__(self, lines: Iterable[str], listen: tuple[str, int] = ("127.0.0.1", 0)) -> None:
        super().__init__({}, listen)
        self.asked: list[dns.message.Message] = []
        self.table = {(found.name, found.rdtype): found for found in map(rrset, lines)}

    def reply(self, packet: bytes, *, tcp: bool) -> bytes:
        query = dns.message.from_wire(packet)
        self.asked.append(query)
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA | dns.flags.AD
        asked = query.question[0]
        self._find(answer, asked.name, asked.rdtype, tcp=tcp)
        return answer.to_wire(max_size=65535)

    def _find(self, answer: dns.message.Message, name: dns.name.Name, kind: int, *, tcp: bool) -> None:
        if name == dns.name.from_text(LONG):
            answer.flags |= 0 if tcp else dns.flags.TC
            lines = (f'{LONG} 300 IN TXT "{number:0200}"' for number in range(40 if tcp else 0))
            answer.answer.extend(map(rrset, lines))
        elif found := self.table.get((name, kind)) or self.table.get((name, dns.rdatatype.CNAME)):
            answer.answer.append(found)
        else:
            answer.authority.append(rrset(SOA))
            if name not in {known for known, _ in self.table}:
                answer.set_rcode(dns.rcode.NXDOMAIN)


async def main(port: str, *lines: str) -> None:
    """Answer at 127.0.0.1 until killed."""
    async with Zone(lines, ("127.0.0.1", int(port))):
        print("ready", flush=True)  # noqa: T201 - who started us reads it
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
