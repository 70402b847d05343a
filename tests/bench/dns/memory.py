"""What a worker takes of memory, with all its caches full; and how long it takes from its start to every block.

A server is asked for blocked names from before it is started until it blocks them all, on the port where it will be.
No answer is fine meanwhile; an answer with an address is a child on a page that is closed.
"""

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from tests.bench.dns import ask, mixes, ours, peers
from tests.bench.dns.server import PATIENCE, Place, Running, Server, place, started, strewn, wait
from tests.bench.dns.stage import Stage
from tests.bench.report import Row, say

BETWEEN = 0.001
"""Seconds between two questions to a server that starts."""
SOCKETS = 20
"""Sockets of one client where two workers share a port: the kernel gives each socket to one of them."""


def measure(stage: Stage) -> list[Row]:
    """Ours and every peer with the usual count of names, ours with many."""
    rows = []
    say(f"\n  {'':24}{'names':>10}{'PSS MB':>8}{'two':>6}{'seconds to every block':>24}{'unfiltered':>12}")
    servers = [ours.worker(), *peers.peers(stage.peers)]
    for count, which in ((stage.count, servers), (stage.many, servers[:1])):
        lists = stage.lists(count)
        files = mixes.write(lists, stage.folder)
        for server in which:
            try:
                rows += _one(server, place(server, stage, lists), files)
            except RuntimeError as error:
                if server not in peers.ALL:
                    raise
                say(f"  left out: {error}")
    return rows


def _one(server: Server, where: Place, files: dict[str, Path]) -> list[Row]:
    """One server from its start to full caches; of ours, a second beside it too."""
    count, both = len(where.lists.blocked), 0.0
    with _starting(server, where) as (running, seconds, unfiltered):
        mixes.warm_all(running, files)
        one = running.memory_mb()
        if server not in peers.ALL:
            both = _both(where, running, files)
    two = f"{both:6.0f}" if both else f"{'-':>6}"
    say(f"  {server.name:24}{count:10,}{one:8.0f}{two}{seconds:24.2f}{unfiltered:12}")
    return list(_rows(server.name, count, one, both, seconds, unfiltered))


@contextlib.contextmanager
def _starting(server: Server, where: Place) -> Iterator[tuple[Running, float, int]]:
    """(the server, seconds until every block was in force, answers without a filter before)."""
    asked = strewn(where.lists.blocked)
    server.command(where)  # writes a million lines for some, which is no part of their start
    began = time.perf_counter()
    with _Questions(where.port, asked) as questions, started(server, where) as process:
        while not questions.all_blocked:
            questions.turn()
            if process.poll() is not None or time.perf_counter() - began > PATIENCE:
                break
        seconds = time.perf_counter() - began
        wait(server, where, process)
        yield Running(where.port, [process]), seconds, questions.unfiltered


class _Questions:
    """Asks for the same names over and over, and keeps what the answers say."""

    def __init__(self, port: int, names: list[str]) -> None:
        self._packets = [ask.packet(name, number) for number, name in enumerate(names)]
        self._port, self._turn, self._blocked, self.unfiltered = port, 0, set[int](), 0

    def __enter__(self) -> Self:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(("127.0.0.1", self._port))
        self._socket.settimeout(BETWEEN)
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    @property
    def all_blocked(self) -> bool:
        return len(self._blocked) == len(self._packets)

    def turn(self) -> None:
        """Ask for the next name, and read an answer if there is one."""
        self._turn += 1
        try:
            self._socket.send(self._packets[self._turn % len(self._packets)])
            answer = self._socket.recv(4096)
        except ConnectionRefusedError:
            time.sleep(BETWEEN)
            return
        except TimeoutError:
            return
        number = int.from_bytes(answer[:2])
        said = ask.read(answer, len(self._packets[number]))
        if said is ask.Answered.BLOCKED:
            self._blocked.add(number)
        elif said is ask.Answered.OPEN:
            self._blocked.discard(number)
            self.unfiltered += 1


def _both(where: Place, first: Running, files: dict[str, Path]) -> float:
    """What two workers take together that share a port and an index, both with full caches."""
    beside = where._replace(folder=where.folder / "second")
    beside.folder.mkdir(exist_ok=True)
    with started(ours.worker(instance=1), beside) as process:
        while not (beside.folder / "log").read_bytes():  # it prints its port when it is ready
            time.sleep(0.01)
        both = Running(where.port, [*first.processes, process])
        mixes.warm_all(both, files, clients=SOCKETS)
        return both.memory_mb()


def _rows(name: str, count: int, one: float, both: float, seconds: float, unfiltered: int) -> Iterator[Row]:
    what = f"{name}, {count:,} names"
    yield Row(f"{what}: memory (PSS), caches full", one, "MB")
    if both:
        yield Row(f"{what}: two workers together", both, "MB")
    yield Row(f"{what}: from its start to every block", seconds, "s")
    yield Row(f"{what}: answers without a filter before", unfiltered, "answers")
