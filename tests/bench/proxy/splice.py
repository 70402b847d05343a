"""Relayed connections: how many new ones a second of processor time gives, bulk, what one holds, and what it adds.

Ours is the front door, with the processes that it needs. What it adds to a connection that is opened stands beside it.
"""

import statistics
from typing import NamedTuple

from tests.bench.proxy.stage import OPENED, PEERS_NAME, Stage
from tests.bench.proxy.subjects import FRONT, Running, peers, started
from tests.bench.report import Row, say

HELD = 1000
"""Connections that are held, a hundred of each client."""
OPENED_TOO = f"{FRONT.name}, opened"


class Relay(NamedTuple):
    """New connections a CPU second; Gbit/s and Gbit a CPU second; KB held for one; delay added in ms (half, 95%)."""

    new: float
    bulk: float
    bulk_by_cpu: float
    held: float
    p50: float
    p95: float


def measure(stage: Stage) -> list[Row]:
    """Ours beside the peers that relay, and what opening adds with ours."""
    rounds: dict[str, list[Relay]] = {}
    for _ in range(stage.rounds):
        for one in (FRONT, *peers(stage, "new")):
            try:
                with started(one, stage) as running:
                    rounds.setdefault(one.name, []).append(_relay(stage, running, one.relayed))
                    if one is FRONT:
                        rounds.setdefault(OPENED_TOO, []).append(_opened(stage, running))
            except RuntimeError as error:
                if one is FRONT:
                    raise
                say(f"  left out: {error}")
    stage.kept["splice"] = rounds
    return _table({name: Relay(*map(statistics.median, zip(*runs, strict=True))) for name, runs in rounds.items()})


def _relay(stage: Stage, running: Running, host: str) -> Relay:
    with stage.holding(running.port, host, 50):
        pass
    memory = running.memory_kb()
    with stage.holding(running.port, host, HELD) as held:  # first of all, as what is free later was somebody's before
        each = (running.memory_kb() - memory) / max(held, 1)
    new = _new(stage, running, host)
    delays = _delays(stage, running, host)
    before = running.cpu_seconds()
    bulk = stage.ask("flow", running.port, host, "")
    gigabits = bulk.bytes * 8 / 1e9
    return Relay(new, gigabits / bulk.seconds, gigabits / (running.cpu_seconds() - before), each, *delays)


def _opened(stage: Stage, running: Running) -> Relay:
    """What is held is the memory part's to say, and no server of ours sends without end by TLS."""
    return Relay(_new(stage, running, OPENED), 0, 0, 0, *_delays(stage, running, OPENED))


def _new(stage: Stage, running: Running, host: str) -> float:
    stage.ask("new", running.port, host, "4.html", seconds=1)
    before = running.cpu_seconds()
    asked = stage.ask("new", running.port, host, "4.html")
    if asked.failed:
        say(f"  {running.subject.name}: {asked.failed} of {asked.count} new connections failed")
    return asked.count / (running.cpu_seconds() - before)


def _delays(stage: Stage, running: Running, host: str) -> tuple[float, float]:
    direct = stage.ask("new", 0, PEERS_NAME, "4.html", processes=1)
    alone = stage.ask("new", running.port, host, "4.html", processes=1)
    return (alone.p50 - direct.p50) / 1000, (alone.p95 - direct.p95) / 1000


def _table(found: dict[str, Relay]) -> list[Row]:
    heads = ("new/CPU s", "ours is", "Gbit/s", "Gbit/CPU s", "ours is", "KB held", "+p50 ms", "+p95 ms")
    say("\n  " + " " * 20 + "".join(f"{head:>12}" for head in heads))
    own, rows = found[FRONT.name], []
    for name, relay in found.items():
        opened = name == OPENED_TOO
        new, bulk = own.new / relay.new, own.bulk_by_cpu / relay.bulk_by_cpu if relay.bulk_by_cpu else 0.0
        carried = f"{relay.bulk:12.2f}{relay.bulk_by_cpu:12.2f}{bulk:10.2f} x{relay.held:12.1f}"
        shown = " " * 48 if opened else carried
        say(f"  {name:20}{relay.new:12,.0f}{new:10.2f} x{shown}{relay.p50:12.2f}{relay.p95:12.2f}")
        rows += _rows(name, relay, new, None if opened else bulk)
    return rows


def _rows(name: str, relay: Relay, new: float, bulk: float | None) -> list[Row]:
    against = f"ours of {name}"
    carried = (
        []
        if bulk is None
        else [
            Row(f"relay, {name}: bulk", relay.bulk, "Gbit/s"),
            Row(f"relay, {name}: bulk by processor time", relay.bulk_by_cpu, "Gbit a CPU second", against, bulk),
            Row(f"relay, {name}: a held connection", relay.held, "KB"),
        ]
    )
    return [
        Row(f"relay, {name}: new connections", relay.new, "a CPU second", against, new),
        *carried,
        Row(f"relay, {name}: added delay, p50", relay.p50, "ms"),
        Row(f"relay, {name}: added delay, p95", relay.p95, "ms"),
    ]
