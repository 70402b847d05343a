"""How long an answer takes at 10,000 questions a second, beside unbound: half of them, all but 1%, all but 0.1%."""

import statistics

from tests.bench.dns import asker, mixes, ours, peers, questions
from tests.bench.dns.asker import Question
from tests.bench.dns.server import serving
from tests.bench.dns.stage import Stage
from tests.bench.report import Row, say

RATE = 10_000
SHARES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}


def measure(stage: Stage) -> list[Row]:
    """Ours and unbound in turns, with mix A, from one address."""
    lists = stage.lists()
    files = mixes.write(lists, stage.folder)
    asked = [Question(0, name) for name in questions.mix_a(lists.popular, lists.blocked)]
    servers = [ours.worker(), *(one for one in peers.peers(stage.peers) if one == peers.ZONES)]
    found: dict[str, list[list[float]]] = {server.name: [] for server in servers}
    lost: dict[str, int] = dict.fromkeys(found, 0)
    for _ in range(stage.rounds):
        for server in servers:
            with serving(server, stage, lists) as running:
                mixes.warm(running, files["A once"])
                asker.asked_all(stage, running.port, asked, RATE, RATE)
                waited = running.waited_seconds()
                heard = asker.asked_all(stage, running.port, asked, RATE, int(RATE * stage.seconds))
                waited = running.waited_seconds() - waited
            shares = asker.quantiles_us(heard.records, *SHARES.values())
            found[server.name].append([*shares, heard.longest_us, waited / stage.seconds])
            lost[server.name] += asker.lost(heard.records)
    heads = "".join(f"{name:>9}" for name in SHARES)
    say(f"\n  {RATE:,} a second, us, medians{'':4}{heads}{'lost':>7}{'asker away':>12}{'waited':>8}")
    rows = []
    for name, runs in found.items():
        *shares, away, waited = (statistics.median(column) for column in zip(*runs, strict=True))
        say(f"  {name:30}{''.join(f'{us:9.0f}' for us in shares)}{lost[name]:7}{away:12.0f}{waited:8.1%}")
        rows += [
            Row(f"latency at {RATE:,}/s, {name}: {share}", us, "us") for share, us in zip(SHARES, shares, strict=True)
        ]
        rows.append(Row(f"latency at {RATE:,}/s, {name}: lost", lost[name], "answers"))
    say("  asker away: the longest time that the asker itself did not run; waited: others had the server's core")
    return rows
