"""What is asked for the first time: names that go to the upstream, and blocked ones that nobody met before."""

import statistics
from typing import NamedTuple

from tests.bench.dns import asker, dnsperf, ours, peers, questions
from tests.bench.dns.ask import Answered
from tests.bench.dns.asker import Question
from tests.bench.dns.server import Server, serving
from tests.bench.dns.stage import Lists, Stage
from tests.bench.report import Row, say

NAMES = 20_000
BESIDE = (peers.DNSMASQ, peers.ZONES)
ALONE = 5000
"""Blocked names that are asked for one at a time."""
ASKED = 5000
"""Names a second when it is only found out which are closed."""


class Cold(NamedTuple):
    """One server in one round."""

    seconds: float
    cpu_us: float
    lost: float
    failed: float


def measure(stage: Stage) -> list[Row]:
    """20,000 new names, then blocked ones that nobody met before."""
    return _new_names(stage) + _new_blocks(stage)


def _new_names(stage: Stage) -> list[Row]:
    servers = [ours.worker(), *(one for one in peers.peers(stage.peers) if one in BESIDE)]
    rounds: dict[str, list[Cold]] = {server.name: [] for server in servers}
    for number in range(stage.rounds):
        for server in servers:
            rounds[server.name].append(_one(server, stage, f"cold{number}r"))
    say(f"\n  {NAMES:,} names new to all, {dnsperf.QUEUE} under way; medians; lost and failed of all rounds together")
    say(f"  {'':22}{'seconds':>9}{'CPU us':>8}{'lost':>6}{'failed':>8}{'ours is':>10}{'by CPU':>8}")
    found = {name: _median(runs) for name, runs in rounds.items()}
    own, rows = found[servers[0].name], []
    for name, (seconds, cpu, lost, failed) in found.items():
        faster, cheaper = seconds / own.seconds, cpu / own.cpu_us
        say(f"  {name:22}{seconds:9.2f}{cpu:8.1f}{lost:6.0f}{failed:8.0f}{faster:8.2f} x{cheaper:6.2f} x")
        rows += [
            Row(f"cold, {name}: {NAMES:,} new names", seconds, "s", f"ours of {name}", faster),
            Row(f"cold, {name}: processor time for a new name", cpu, "us", f"ours of {name}", cheaper),
            Row(f"cold, {name}: lost", lost, "answers"),
            Row(f"cold, {name}: SERVFAIL or REFUSED", failed, "answers"),
        ]
    return rows


def _one(server: Server, stage: Stage, label: str) -> Cold:
    file = questions.write(questions.new_names(NAMES, label), stage.folder / "cold")
    with serving(server, stage, stage.lists()) as running:
        before = running.cpu_seconds()
        asked = dnsperf.once(running.port, file, queue=dnsperf.QUEUE)
        spent = running.cpu_seconds() - before
    return Cold(asked.seconds, spent / NAMES * 1e6, asked.lost, asked.failed)


def _median(runs: list[Cold]) -> Cold:
    seconds, cpu = (statistics.median(run[column] for run in runs) for column in range(2))
    return Cold(seconds, cpu, sum(run.lost for run in runs), sum(run.failed for run in runs))


def _new_blocks(stage: Stage) -> list[Row]:
    """What a blocked name takes that nobody met before: of processor time with many under way, and one at a time.

    One at a time, names are asked for twice: what the second time does not take, the first took inside. A server that
    sleeps between two questions finds nothing of itself in the processor's caches, so that takes longer.
    """
    lists = stage.lists()
    names = _blocked(stage, lists)
    file = questions.write([name.name for name in names[ALONE:]], stage.folder / "never-seen")
    within, spent = [], []
    for _ in range(stage.rounds):
        with serving(ours.worker(), stage, lists) as running:
            times = [asker.median_us(asker.asked_all(stage, running.port, names, 0, ALONE).records) for _ in range(2)]
            before = running.cpu_seconds()
            asked = dnsperf.once(running.port, file, queue=dnsperf.QUEUE)
            spent.append((running.cpu_seconds() - before) / asked.answers * 1e6)
        within.append(times[0] - times[1])
    clock, cpu = statistics.median(within), statistics.median(spent)
    say(
        f"\n  a blocked name never seen before: {cpu:.1f} us of CPU from its packet to its answer, with many under way;"
    )
    say(f"  one at a time, {clock:.1f} us more than one seen before")
    return [
        Row("cold, a blocked name never seen before: processor time, many under way", cpu, "us"),
        Row("cold, a blocked name never seen before: time more than one seen, alone", clock, "us"),
    ]


def _blocked(stage: Stage, lists: Lists) -> list[Question]:
    """Names of the list that are really closed: some others are essential, or on the list of what stays open."""
    names = [Question(0, name) for name in questions.drawn(lists.blocked, questions.DIFFERENT)]
    with serving(ours.worker(), stage, lists) as running:
        heard = asker.asked_all(stage, running.port, names, ASKED, len(names))
    return [record.question for record in heard.records if record.said is Answered.BLOCKED]
