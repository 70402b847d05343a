"""What each feature of our worker costs, in microseconds of processor time an answer: with all of them, less without.

A feature is a line of `tests.support.dns_worker.FEATURES`. Its cost is the median over rounds of the difference within
a round; below nought it saves so much. Where it is smaller than its spread, it is none as far as this machine can tell.
"""

import statistics

from tests.bench.dns import mixes, ours
from tests.bench.dns.stage import Stage
from tests.bench.report import Row, say
from tests.support.dns_worker import FEATURES


def measure(stage: Stage) -> list[Row]:
    """The worker with everything, and without one feature after another."""
    servers = {"": ours.worker()} | {feature: ours.worker(feature) for feature in FEATURES}
    rounds = mixes.in_turns(list(servers.values()), stage, stage.lists())
    stage.kept["features"] = rounds
    say(f"\n{'CPU us an answer that a feature costs':62}{'mix A':>8}{'spread':>8}{'mix B':>8}{'spread':>8}")
    rows = []
    for feature, words in FEATURES.items():
        cells = []
        for mix in mixes.MIXES:
            whole, less = rounds[mix][servers[""].name], rounds[mix][servers[feature].name]
            costs = [a.cpu_us - b.cpu_us for a, b in zip(whole, less, strict=True)]
            cost, spread = statistics.median(costs), max(costs) - min(costs)
            cells.append(f"{cost:8.2f}{spread:8.2f}")
            rows.append(Row(f"mix {mix}: {feature} ({words})", cost, "us"))
        say(f"  {feature:10}{words:50}{''.join(cells)}")
    return rows
