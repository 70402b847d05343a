"""How fast each server answers the two mixes, and what an answer costs it: the first line of the bench.

Every round starts each server anew, asks each question of a mix once, and then measures; so all of them meet the same
hour of a noisy machine. Figures are medians of the rounds.
"""

import statistics
from pathlib import Path
from typing import NamedTuple

from tests.bench.dns import dnsperf, ours, peers, questions
from tests.bench.dns.server import Running, Server, serving
from tests.bench.dns.stage import Lists, Stage
from tests.bench.report import Row, say

MIXES = {"A": "mix A, 85% cached and 15% blocked", "B": "mix B, 50,000 different blocked names"}


class Measured(NamedTuple):
    """One server with one mix in one round; *waited* is the share of the time in which others had its core."""

    rate: float
    cpu_us: float
    waited: float
    lost: float
    failed: float


type Rounds = dict[str, dict[str, list[Measured]]]
"""By mix, then by server."""


def measure(stage: Stage) -> list[Row]:
    """Every server with both mixes, in turns."""
    lists = stage.lists()
    servers = [ours.floor(stage), ours.worker(), *peers.peers(stage.peers)]
    rounds = in_turns(servers, stage, lists)
    stage.kept["mixes"] = rounds
    rows = []
    for mix, words in MIXES.items():
        say(f"\n{words}; {len(lists.blocked):,} names closed; {stage.rounds} rounds of {stage.seconds:g} s, medians")
        rows += _table(mix, rounds[mix])
    return rows


def in_turns(servers: list[Server], stage: Stage, lists: Lists) -> Rounds:
    """Each of *servers* in each round, with both mixes; a peer that does not start is said, and left out."""
    files = write(lists, stage.folder)
    rounds: Rounds = {mix: {server.name: [] for server in servers} for mix in MIXES}
    left = list(servers)
    for _ in range(stage.rounds):
        for server in tuple(left):
            try:
                with serving(server, stage, lists) as running:
                    for mix in MIXES:
                        warm(running, files[f"{mix} once"])
                        rounds[mix][server.name].append(one(running, files[mix], stage.seconds))
            except RuntimeError as error:
                if server not in peers.ALL:
                    raise
                say(f"  left out: {error}")
                left.remove(server)
    return {mix: {name: runs for name, runs in found.items() if runs} for mix, found in rounds.items()}


def write(lists: Lists, folder: Path) -> dict[str, Path]:
    """The files of both mixes, and of what each asks, once."""
    mixes = {"A": list(questions.mix_a(lists.popular, lists.blocked)), "B": list(questions.mix_b(lists.blocked))}
    files = {mix: questions.write(names, folder / f"mix-{mix}") for mix, names in mixes.items()}
    once = {f"{mix} once": questions.write(sorted(set(names)), folder / f"once-{mix}") for mix, names in mixes.items()}
    return files | once


def warm(running: Running, once: Path, clients: int = 1) -> None:
    """Ask everything once, so that what can be kept is kept; some times over where *clients* meet several workers."""
    for _ in range(1 if clients == 1 else 5):
        dnsperf.once(running.port, once, clients=clients)


def warm_all(running: Running, files: dict[str, Path], clients: int = 1) -> None:
    """Fill the caches with what both mixes ask."""
    for mix in MIXES:
        warm(running, files[f"{mix} once"], clients)


def one(running: Running, file: Path, seconds: float, *, clients: int = 1, queue: int = dnsperf.QUEUE) -> Measured:
    """One measurement of a server that is warm."""
    before, waited = running.cpu_seconds(), running.waited_seconds()
    asked = dnsperf.load(running.port, file, seconds, clients=clients, queue=queue)
    spent, waited = running.cpu_seconds() - before, running.waited_seconds() - waited
    return Measured(asked.rate, spent / asked.answers * 1e6, waited / asked.seconds, asked.lost, asked.failed)


def median(runs: list[Measured]) -> Measured:
    """The median of each figure; of what must be nought, the sum."""
    middle = [statistics.median(run[column] for run in runs) for column in range(3)]
    return Measured(*middle, sum(run.lost for run in runs), sum(run.failed for run in runs))


def _table(mix: str, measured: dict[str, list[Measured]]) -> list[Row]:
    """Print one mix, and then what ours is of the others; a ratio above 1 says that we are better."""
    found = {name: median(runs) for name, runs in measured.items()}
    own, rows = found[ours.worker().name], []
    say(f"  {'':22}{'answers/s':>11}{'CPU us':>8}{'waited':>8}{'lost':>6}{'failed':>7}{'ours is':>10}{'by CPU':>8}")
    for name, figures in found.items():
        faster, cheaper = own.rate / figures.rate, figures.cpu_us / own.cpu_us
        rate, cpu, waited, lost, failed = figures
        say(f"  {name:22}{rate:11,.0f}{cpu:8.2f}{waited:8.1%}{lost:6.0f}{failed:7.0f}{faster:8.2f} x{cheaper:6.2f} x")
        rows += [
            Row(f"mix {mix}, {name}: rate", rate, "answers/s", f"ours of {name}", faster),
            Row(f"mix {mix}, {name}: processor time for an answer", cpu, "us", f"ours of {name}", cheaper),
            Row(f"mix {mix}, {name}: share of the time in which others had its core", waited, ""),
            Row(f"mix {mix}, {name}: lost or failed", lost + failed, "answers"),
        ]
    return rows + _fastest(mix, found)


def _fastest(mix: str, found: dict[str, Measured]) -> list[Row]:
    """Ours beside whichever peer is fastest, and whichever is cheapest."""
    others = {name: figures for name, figures in found.items() if name in {one.name for one in peers.ALL}}
    if not others:
        return []
    own = found[ours.worker().name]
    fastest = max(others, key=lambda name: others[name].rate)
    cheapest = min(others, key=lambda name: others[name].cpu_us)
    faster, cheaper = own.rate / others[fastest].rate, others[cheapest].cpu_us / own.cpu_us
    say(f"  ours is {faster:.2f} x the fastest peer ({fastest}), by CPU {cheaper:.2f} x the cheapest ({cheapest})")
    return [
        Row(f"mix {mix}, ours beside the fastest peer", own.rate, "answers/s", fastest, faster),
        Row(f"mix {mix}, ours beside the cheapest peer", own.cpu_us, "us", cheapest, cheaper),
    ]
