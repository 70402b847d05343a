"""Two workers on one port, beside one: what an answer costs when the kernel shares the questions out."""

import contextlib
import time

from tests.bench.dns import dnsperf, mixes, ours
from tests.bench.dns.server import Running, place, started, wait
from tests.bench.dns.stage import LOAD_CORE, SERVER_CORE, Lists, Stage
from tests.bench.report import Row, say

SOCKETS = 20
"""Sockets that ask: the kernel gives all questions of a socket to the same worker."""
PLACINGS = {
    "one worker": (SERVER_CORE,),
    "two workers on one core": (SERVER_CORE, SERVER_CORE),
    "two workers, one beside dnsperf": (SERVER_CORE, LOAD_CORE),
}
"""With two cores there is no third for dnsperf: on one core both workers meet what one worker meets, and take turns;
with a core each, the second shares its core, and its caches, with who asks. Each worker has as many questions under way
in each: with fewer, its batches would be smaller, which is another figure."""


def measure(stage: Stage) -> list[Row]:
    """One worker and two, in turns, with mix A."""
    lists = stage.lists()
    rounds: dict[str, list[mixes.Measured]] = {what: [] for what in PLACINGS}
    for _ in range(stage.rounds):
        for what, cores in PLACINGS.items():
            rounds[what].append(_one(cores, stage, lists))
    found = {what: mixes.median(runs) for what, runs in rounds.items()}
    alone, rows = found["one worker"].cpu_us, []
    say(f"\n  mix A, {SOCKETS} sockets{'':22}{'answers/s':>11}{'CPU us':>8}{'lost':>6}{'of one worker':>15}")
    for what, (rate, cpu, _, lost, _) in found.items():
        say(f"  {what:40}{rate:11,.0f}{cpu:8.2f}{lost:6.0f}{cpu / alone:13.2f} x")
        rows.append(Row(f"{what}: processor time for an answer", cpu, "us", "one worker", alone / cpu))
    return rows


def _one(cores: tuple[int, ...], stage: Stage, lists: Lists) -> mixes.Measured:
    """One worker for each of *cores*, all at one port and warm."""
    files = mixes.write(lists, stage.folder)
    first = place(ours.worker(), stage, lists)
    with contextlib.ExitStack() as opened:
        processes = []
        for number, core in enumerate(cores):
            where = first._replace(folder=first.folder / str(number))
            where.folder.mkdir(exist_ok=True)
            processes.append(opened.enter_context(started(ours.worker(instance=number), where, core)))
            while not (where.folder / "log").read_bytes():  # it prints its port when it is ready
                time.sleep(0.01)
        wait(ours.worker(), first._replace(folder=first.folder / "0"), processes[0])
        running = Running(first.port, processes)
        mixes.warm(running, files["A once"], clients=SOCKETS)
        return mixes.one(running, files["A"], stage.seconds, clients=SOCKETS, queue=dnsperf.QUEUE * len(cores))
