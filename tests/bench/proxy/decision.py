"""A URL decision with the shipped policy and lists, from its text on, in the bench's own process."""

import statistics
import time

from blocklists import url
from blocklists.clients import Client
from blocklists.live import Live
from blocklists.policy import Kind, Request, decide
from tests.bench.proxy.stage import Stage
from tests.bench.report import Row, say

TIMES = 20_000
ASKED = {
    "an unknown site": "https://www.unknown.test/lesson/{n}?page={n}",
    "a known site": "https://www.good.test/lesson/{n}",
    "a closed site": "https://www.gambling.test/{n}",
    "a site with a closed page": "https://wiki.test/a/{n}",
}


def measure(stage: Stage) -> list[Row]:
    """Each kind of site, with a new path each time; medians of the rounds."""
    live = Live(stage.school.files)
    live.refresh()
    assert live.policy
    client, rows = Client("127.0.0.1", "ks2"), []
    for what, text in ASKED.items():
        rounds = []
        for turn in range(stage.rounds):
            texts = [text.format(n=turn * TIMES + n) for n in range(TIMES)]
            began = time.perf_counter()
            for one in texts:
                asked = url.canonical(one)
                assert asked
                decide(live.policy, Request(Kind.URL, client, asked.host, 1, url=asked))
            rounds.append((time.perf_counter() - began) / TIMES * 1e6)
        figure = statistics.median(rounds)
        say(f"  {what:28}{figure:8.1f} us")
        rows.append(Row(f"a URL decision, {what}", figure, "us"))
    return rows
