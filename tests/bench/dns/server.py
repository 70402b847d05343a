"""A server to be measured: how it is started on its core, and what it has used.

Each is a process in the foreground, with files of its own in a temporary folder, ended when it has been measured.
"""

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from tests.bench.dns import ask
from tests.bench.dns.stage import SERVER_CORE, Lists, Stage, free_port, on
from tests.bench.lists.process import proportional_mb

PATIENCE = 600
"""Seconds until a server that does not answer is given up."""
_SHOWN = 2000
"""Characters of what a server said before it ended."""


class Place(NamedTuple):
    """Where a server runs: its own *folder* and *port*, the *upstream* to ask, and the *lists* to close."""

    folder: Path
    port: int
    upstream: int
    lists: Lists


class Server(NamedTuple):
    """*command* writes what the server reads, and says how it is started."""

    name: str
    command: Callable[[Place], list[str]]
    program: str = ""
    """What it says its version of; "" for ours."""
    filters: bool = True


class Running(NamedTuple):
    """Servers that share a port: what they have used is their sum."""

    port: int
    processes: list[subprocess.Popen[bytes]]

    def cpu_seconds(self) -> float:
        """Seconds of processor time, in the kernel too: no neighbour changes it as much as the rate."""
        return sum(map(cpu_seconds, self._numbers()))

    def waited_seconds(self) -> float:
        """Seconds in which they could have run and something else had the core: what a neighbour spoils."""
        return sum(map(waited_seconds, self._numbers()))

    def memory_mb(self) -> float:
        """Proportional memory."""
        return sum(map(proportional_mb, self._numbers()))

    def _numbers(self) -> list[int]:
        return [process.pid for process in self.processes]


def cpu_seconds(process: int) -> float:
    """Seconds of processor time that the threads of *process* have used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def waited_seconds(process: int) -> float:
    """Seconds that the threads of *process* waited for their core, from /proc/PID/task/N/schedstat."""
    return sum(int(file.read_text().split()[1]) for file in Path(f"/proc/{process}/task").glob("*/schedstat")) / 1e9


def place(server: Server, stage: Stage, lists: Lists) -> Place:
    """A fresh place for *server*."""
    folder = stage.folder / "servers" / server.name.replace(" ", "-").replace(",", "")
    folder.mkdir(parents=True, exist_ok=True)
    return Place(folder, free_port(), stage.upstream, lists)


@contextlib.contextmanager
def started(server: Server, where: Place, core: int = SERVER_CORE) -> Iterator[subprocess.Popen[bytes]]:
    """*server* at *where* from now on, whether it answers yet or not."""
    with running(server.command(where), where.folder / "log", core) as process:
        yield process


@contextlib.contextmanager
def running(command: list[str], log: Path, core: int) -> Iterator[subprocess.Popen[bytes]]:
    """The process of *command* on *core*; what it says goes to *log*."""
    with log.open("wb") as words, subprocess.Popen(command, stdout=words, stderr=words, **on(core)) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


@contextlib.contextmanager
def serving(server: Server, stage: Stage, lists: Lists) -> Iterator[Running]:
    """*server*, once it blocks what it must and answers the rest."""
    where = place(server, stage, lists)
    with started(server, where) as process:
        wait(server, where, process)
        yield Running(where.port, [process])


def wait(server: Server, where: Place, process: subprocess.Popen[bytes]) -> None:
    """Return when *server* filters; RuntimeError, with its last words, if it has ended or never does."""
    began = time.monotonic()
    while not filters(server, where):
        if process.poll() is not None or time.monotonic() - began > PATIENCE:
            said = (where.folder / "log").read_text(errors="replace")[-_SHOWN:]
            raise RuntimeError(f"{server.name} does not do what it should. It said:\n{said}")
        time.sleep(0.01)


def filters(server: Server, where: Place) -> bool:
    """Whether names from all over the list are blocked, and popular ones are not."""
    if not server.filters:
        return ask.once(where.port, "www.example") is ask.Answered.OPEN
    lists = where.lists
    asked = [(name, ask.Answered.BLOCKED) for name in strewn(lists.blocked)]
    asked += [(name, ask.Answered.OPEN) for name in strewn(lists.popular)]
    return all(ask.once(where.port, name) is wanted for name, wanted in asked)


def strewn(names: list[str]) -> list[str]:
    """The first name, the last, and three between."""
    return [names[(len(names) - 1) * part // 4] for part in range(5)]
