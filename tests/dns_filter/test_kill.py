import asyncio
import sys
from collections import Counter

from dnslib import DNSRecord

from reporting.breach import Breach
from reporting.frames import read_frames
from reporting.runs import ROWS
from tests.support.dns_client import addresses, question
from tests.support.dns_worker import SEED
from tests.support.school import LISTS

QUESTIONS = 1000
KILLED_AFTER = 400
AHEAD = 30


class Pupil(asyncio.DatagramProtocol):
    """Asks for blocked names, some ahead, and kills the worker in the middle; *answered* are names that came back."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process, self.answered, self.asked = process, [], 0

    def connection_made(self, transport) -> None:
        self.transport = transport
        for _ in range(AHEAD):
            self.ask()

    def ask(self) -> None:
        if self.asked < QUESTIONS:
            self.transport.sendto(bytes(question(f"n{self.asked}.test").pack()))
            self.asked += 1

    def datagram_received(self, data, _addr) -> None:
        answer = DNSRecord.parse(data)
        assert addresses(answer) == ["192.0.2.99"]
        self.answered.append(str(answer.q.qname).rstrip("."))
        if len(self.answered) == KILLED_AFTER:
            self.process.kill()
        self.ask()

    def error_received(self, exc) -> None:
        """The port is closed: the worker is dead."""


async def killed_in_the_middle(school, name):
    """The names that a worker answered before its kill, and its journal's breaches; all stand on the list *name*."""
    school.compile({**LISTS, name: [f"n{number}.test" for number in range(QUESTIONS)]})
    command = [sys.executable, "-m", "tests.support.dns_worker", str(school.folder), "127.0.0.1:9"]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(20):
            port = int(await process.stdout.readline())
            transport, pupil = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: Pupil(process), local_addr=("127.0.0.1", 0), remote_addr=("127.0.0.1", port)
            )
            await process.wait()
            transport.close()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert KILLED_AFTER <= len(pupil.answered) < QUESTIONS
    (journal,) = school.files.spool.glob("*.journal")
    return pupil.answered, [f.record for f in read_frames(journal, seed=SEED) if isinstance(f.record, Breach)]


async def test_every_answered_urgent_breach_is_in_the_journal_once_after_kill_9(school):
    answered, breaches = await killed_in_the_middle(school, "harm")
    found = Counter(breach.host for breach in breaches)

    assert all(found[name] == 1 for name in answered)
    assert max(found.values()) == 1


async def test_a_flood_that_kill_9_ends_has_its_rows_and_one_for_all_others(school):
    answered, breaches = await killed_in_the_middle(school, "gambling")
    rows, floods = [b for b in breaches if not b.flood], [b for b in breaches if b.flood]

    assert len({row.host for row in rows}) == len(rows) == ROWS
    assert {row.host for row in rows} <= set(answered)
    assert [flood.category for flood in floods] == ["gambling"]
