"""Requests on connections that stay, plain and opened, of pages of 4 and 100 KB: how many, and what each costs.

Of each size there are pages that nobody asked for a while, and one that is asked for again and again.
"""

import statistics
from collections.abc import Iterator
from typing import NamedTuple

from tests.bench.proxy.stage import PAGES, Stage
from tests.bench.proxy.subjects import OURS, WORKER, Running, Subject, peers, started
from tests.bench.report import Row, say

MODES = {"plain": "HTTP", "tls": "opened HTTPS"}


class Asked(NamedTuple):
    """What is asked for, and how large it is at least (bytes)."""

    path: str
    size: int


ASKED = {f"{kb} KB": Asked(f"{kb}-%d.html", size) for kb, size in PAGES.items()}
ASKED |= {f"{kb} KB again": Asked(f"{kb}.html", size) for kb, size in PAGES.items()}


class Figures(NamedTuple):
    """Requests a second, processor time for one (us), how many failed, and kept connections that were ended."""

    rate: float
    cpu: float
    failed: float
    closed: float


def measure(stage: Stage) -> list[Row]:
    """Every subject in each mode, with each page, in turns."""
    found: dict[tuple[str, str, str], list[Figures]] = {}
    for _ in range(stage.rounds):
        for one in dict.fromkeys((*OURS, *(peer for mode in MODES for peer in peers(stage, mode)))):
            try:
                with started(one, stage) as running:
                    for mode in _modes(one, stage, running.port):
                        for what in ASKED:
                            if figures := _asked(stage, running, mode, what):
                                found.setdefault((mode, what, one.name), []).append(figures)
            except RuntimeError as error:
                if one in OURS:
                    raise
                say(f"  left out: {error}")
    stage.kept["requests"] = {" ".join(key): runs for key, runs in found.items()}
    return [row for mode in MODES for what in ASKED for row in _table(mode, what, found)]


def _asked(stage: Stage, running: Running, mode: str, what: str) -> Figures | None:
    """What it costs, or None, and said, where a peer does not give the whole page."""
    one, (page, size) = running.subject, ASKED[what]
    stage.ask(mode, running.port, one.opened, page, seconds=0.5)
    before = running.cpu_seconds()
    asked = stage.ask(mode, running.port, one.opened, page)
    cpu = (running.cpu_seconds() - before) / asked.count * 1e6
    if asked.bytes < asked.count * size:
        say(f"  left out: {one.name}, {MODES[mode]}: it gives {asked.bytes // asked.count:,} bytes of {what}")
        return None
    return Figures(asked.count / asked.seconds, cpu, asked.failed, asked.closed)


def _modes(one: Subject, stage: Stage, port: int) -> Iterator[str]:
    """What *one* can be measured in; said, where it was thought to open a connection and does not."""
    for mode in (m for m in MODES if m in one.modes):
        if mode == "plain" or stage.is_opened(port, one.opened):
            yield mode
        else:
            say(f"  left out: {one.name}, {MODES[mode]}: the connection is not opened")


def _table(mode: str, what: str, found: dict[tuple[str, str, str], list[Figures]]) -> list[Row]:
    say(f"\n  {MODES[mode]}, {what}")
    say(f"  {'':18}{'requests/s':>12}{'CPU us':>9}{'failed':>8}{'closed':>8}{'ours is':>10}{'by CPU':>9}")
    own, rows = _median(found[mode, what, WORKER.name]), []
    for (m, w, name), runs in found.items():
        if (m, w) != (mode, what):
            continue
        one = _median(runs)
        ratios = f"{own.rate / one.rate:8.2f} x{one.cpu / own.cpu:7.2f} x"
        say(f"  {name:18}{one.rate:12,.0f}{one.cpu:9,.0f}{one.failed:8.0f}{one.closed:8.0f}{ratios}")
        row = f"{MODES[mode]}, {what}, {name}"
        rows += [
            Row(f"{row}: rate", one.rate, "requests/s", f"ours of {name}", own.rate / one.rate),
            Row(f"{row}: processor time for a request", one.cpu, "us", f"ours of {name}", one.cpu / own.cpu),
        ]
    return rows


def _median(runs: list[Figures]) -> Figures:
    rate, cpu, failed, closed = zip(*runs, strict=True)
    return Figures(statistics.median(rate), statistics.median(cpu), sum(failed), sum(closed))
