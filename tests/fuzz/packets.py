"""Put mutated packets to the DNS filter, and have dnspython judge every answer.

    python -m tests.fuzz.packets --count 5000000 --processes 2

Whole questions of devices and attackers, three quarters of them spoiled by bits, bytes, cuts and pieces put in, go
through the resolver of a small real school, half of them with an upstream that spoils what it says. One in a hundred
goes over real sockets to a worker. It fails, with the packet, if anything raises, is logged as a warning or counted as
a failure, if an answer is one that dnspython cannot parse, carries another number or question, or is longer than the
client takes, or if memory grows when it should be level. The same seed gives the same packets.
"""

import argparse
import asyncio
import logging
import multiprocessing
import tempfile
import time
from pathlib import Path
from random import Random

from tests.bench.report import say
from tests.fuzz.filter import Filter, filters
from tests.fuzz.questions import packet
from tests.fuzz.sockets import Sockets

AT_ONCE = 64
ROUND = 100 * AT_ONCE
"""Packets of one round: 99 handfuls go to the resolver, one goes over sockets."""
REPORT = 250_000
"""Packets after which a line says how it goes."""
GROWTH = 16 << 20
"""Bytes by which a process may grow, once what it keeps is full and runs of breaches had a quarter of its packets."""
_PAGE = 4096


class Complaints(logging.Handler):
    """Keeps what the filter logs as a warning or worse: there should be nothing."""

    def __init__(self) -> None:
        """Listen to all of Schoolgate."""
        super().__init__(logging.WARNING)
        self.said: list[str] = []
        logging.getLogger("schoolgate").addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one."""
        self.said.append(self.format(record))


class Progress:
    """How far one process is, what it heard, and whether its memory is level."""

    def __init__(self, count: int, seed: int) -> None:
        """Begin to count *count* packets."""
        self._count, self._seed, self._began = count, seed, time.monotonic()
        self._done = self._first = 0

    def add(self, pair: tuple[Filter, Filter]) -> None:
        """Count one round, and say now and then how it goes."""
        before, self._done = self._done, min(self._done + ROUND, self._count)
        if not self._first and self._done * 4 >= self._count:
            self._first = resident()
        if before // REPORT == self._done // REPORT and self._done < self._count:
            return
        answers = sum(one.judge.answers for one in pair)
        say(
            f"seed {self._seed}: {self._done:>9,} of {self._count:,} packets, {answers:,} answers judged, "
            f"resident {resident() >> 20} MB, {time.monotonic() - self._began:.0f} s"
        )

    @property
    def grown(self) -> int:
        """Bytes since the first quarter."""
        return resident() - self._first


async def run(count: int, seed: int) -> None:
    """Put *count* packets to the filter; AssertionError, or what was raised, if something is wrong."""
    complaints, chance, progress = Complaints(), Random(~seed), Progress(count, seed)
    with tempfile.TemporaryDirectory(prefix="schoolgate-fuzz-") as folder:
        async with filters(Path(folder), seed) as pair, Sockets(pair[0].school) as sockets:
            if count >= REPORT:
                await asyncio.gather(*(one.fill() for one in pair))
            for _ in range(0, count, ROUND):
                for handful in range(ROUND // AT_ONCE - 1):
                    await pair[handful % 2].hear(AT_ONCE)
                await sockets.hear([packet(chance) for _ in range(AT_ONCE)])
                progress.add(pair)
                assert not complaints.said, "\n".join(complaints.said)
            failures = sum(one.figures.failures for one in pair) + await sockets.failures()
    assert not failures, f"{failures} failures were counted"
    assert count < REPORT or progress.grown < GROWTH, f"grew by {progress.grown >> 20} MB after the first quarter"


def resident() -> int:
    """Bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE


def _one_process(count: int, seed: int) -> None:
    asyncio.run(run(count, seed))


def main() -> None:
    """Share the packets out, and end with 1 if any process found something."""
    options = _options()
    share = -(-options.count // options.processes)
    spawn = multiprocessing.get_context("spawn")
    started = [spawn.Process(target=_one_process, args=(share, options.seed + n)) for n in range(options.processes)]
    for process in started:
        process.start()
    for process in started:
        process.join()
    if any(process.exitcode for process in started):
        raise SystemExit(1)
    say(f"{share * options.processes:,} packets: nothing raised, every answer parsed, memory level.")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz.packets", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=200_000, help="packets in all (200,000: half a minute)")
    parser.add_argument(
        "--processes", type=int, default=1, help="processes that share them, each with a seed of its own"
    )
    parser.add_argument(
        "--seed", type=int, default=1, help="where chance begins; the next process takes the next number"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
