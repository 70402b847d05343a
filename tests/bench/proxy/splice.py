"""Relayed connections: how many new ones a second of processor time gives, bulk, what one holds, and what it adds.

Ours is the worker's own relay.
"""

import statistics
from typing import NamedTuple

from tests.bench.proxy.stage import BULK, OPENED, PEERS_NAME, Stage
from tests.bench.proxy.subjects import OURS, Running, started, subjects
from tests.bench.report import Row, say

HELD = 200
"""Connections of one client that are held, fewer than it may have."""


class Relay(NamedTuple):
    """New connections a CPU second, Gbit/s, KB held for one, delay added in ms (half of them, all but 5%)."""

    new: float
    bulk: float
    held: float
    p50: float
    p95: float


def measure(stage: Stage) -> list[Row]:
    """Ours beside the peers that relay, and what opening adds with ours."""
    rounds: dict[str, list[Relay]] = {}
    for _ in range(stage.rounds):
        for one in subjects(stage, "new"):
            try:
                with started(one, stage) as running:
                    rounds.setdefault(one.name, []).append(_relay(stage, running, one.relayed))
                    if one is OURS:
                        rounds.setdefault("schoolgate, opened", []).append(_relay(stage, running, OPENED))
            except RuntimeError as error:
                if one is OURS:
                    raise
                say(f"  left out: {error}")
    stage.kept["splice"] = rounds
    return _table({name: Relay(*map(statistics.median, zip(*runs, strict=True))) for name, runs in rounds.items()})


def _relay(stage: Stage, running: Running, host: str) -> Relay:
    stage.ask("new", running.port, host, "4.html", seconds=1)
    before = running.cpu_seconds()
    asked = stage.ask("new", running.port, host, "4.html")
    new = asked.count / (running.cpu_seconds() - before)
    bulk = stage.ask("tls", running.port, host, "bulk.bin", processes=1)
    memory = running.memory_kb()
    with stage.holding(running.port, host, HELD) as held:
        each = (running.memory_kb() - memory) / max(held, 1)
    direct = stage.ask("new", 0, PEERS_NAME, "4.html", processes=1)
    alone = stage.ask("new", running.port, host, "4.html", processes=1)
    gigabits = bulk.bytes * 8 / bulk.seconds / 1e9 if bulk.bytes >= BULK else 0.0
    return Relay(new, gigabits, each, (alone.p50 - direct.p50) / 1000, (alone.p95 - direct.p95) / 1000)


def _table(found: dict[str, Relay]) -> list[Row]:
    heads = ("new/CPU s", "Gbit/s", "KB held", "+p50 ms", "+p95 ms", "new: ours is", "bulk: ours is")
    say("\n  " + " " * 20 + "".join(f"{head:>14}" for head in heads))
    own, rows = found[OURS.name], []
    for name, relay in found.items():
        new, bulk = own.new / relay.new, own.bulk / relay.bulk if relay.bulk else 0.0
        figures = f"{relay.new:14,.0f}{relay.bulk:14.2f}{relay.held:14.1f}{relay.p50:14.2f}{relay.p95:14.2f}"
        say(f"  {name:20}{figures}{new:12.2f} x{bulk:12.2f} x")
        rows += [
            Row(f"relay, {name}: new connections", relay.new, "a CPU second", f"ours of {name}", new),
            Row(f"relay, {name}: bulk", relay.bulk, "Gbit/s", f"ours of {name}", bulk),
            Row(f"relay, {name}: a held connection", relay.held, "KB"),
            Row(f"relay, {name}: added delay, p50", relay.p50, "ms"),
            Row(f"relay, {name}: added delay, p95", relay.p95, "ms"),
        ]
    return rows
