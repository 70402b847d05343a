"""Requests on connections that stay, plain and opened, of pages of 4 and 100 KB: how many, and what each costs."""

import statistics
from collections.abc import Iterator
from typing import NamedTuple

from tests.bench.proxy.stage import PAGES, Stage
from tests.bench.proxy.subjects import OURS, WORKER, Running, Subject, peers, started
from tests.bench.report import Row, say

MODES = {"plain": "HTTP", "tls": "opened HTTPS"}


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
                        for size in PAGES:
                            if figures := _asked(stage, running, mode, size):
                                found.setdefault((mode, size, one.name), []).append(figures)
            except RuntimeError as error:
                if one in OURS:
                    raise
                say(f"  left out: {error}")
    stage.kept["requests"] = {" ".join(key): runs for key, runs in found.items()}
    return [row for mode in MODES for size in PAGES for row in _table(mode, size, found)]


def _asked(stage: Stage, running: Running, mode: str, size: str) -> Figures | None:
    """What it costs, or None, and said, where a peer does not give the whole page."""
    one, page = running.subject, f"{size}.html"
    stage.ask(mode, running.port, one.opened, page, seconds=0.5)
    before = running.cpu_seconds()
    asked = stage.ask(mode, running.port, one.opened, page)
    cpu = (running.cpu_seconds() - before) / asked.count * 1e6
    if asked.bytes < asked.count * PAGES[size]:
        say(f"  left out: {one.name}, {MODES[mode]}: it gives {asked.bytes // asked.count:,} bytes of {size} KB")
        return None
    return Figures(asked.count / asked.seconds, cpu, asked.failed, asked.closed)


def _modes(one: Subject, stage: Stage, port: int) -> Iterator[str]:
    """What *one* can be measured in; said, where it was thought to open a connection and does not."""
    for mode in (m for m in MODES if m in one.modes):
        if mode == "plain" or stage.is_opened(port, one.opened):
            yield mode
        else:
            say(f"  left out: {one.name}, {MODES[mode]}: the connection is not opened")


def _table(mode: str, size: str, found: dict[tuple[str, str, str], list[Figures]]) -> list[Row]:
    say(f"\n  {MODES[mode]}, {size} KB")
    say(f"  {'':18}{'requests/s':>12}{'CPU us':>9}{'failed':>8}{'closed':>8}{'ours is':>10}{'by CPU':>9}")
    own, rows = _median(found[mode, size, WORKER.name]), []
    for (m, s, name), runs in found.items():
        if (m, s) != (mode, size):
            continue
        one = _median(runs)
        ratios = f"{own.rate / one.rate:8.2f} x{one.cpu / own.cpu:7.2f} x"
        say(f"  {name:18}{one.rate:12,.0f}{one.cpu:9,.0f}{one.failed:8.0f}{one.closed:8.0f}{ratios}")
        what = f"{MODES[mode]}, {size} KB, {name}"
        rows += [
            Row(f"{what}: rate", one.rate, "requests/s", f"ours of {name}", own.rate / one.rate),
            Row(f"{what}: processor time for a request", one.cpu, "us", f"ours of {name}", one.cpu / own.cpu),
        ]
    return rows


def _median(runs: list[Figures]) -> Figures:
    rate, cpu, failed, closed = zip(*runs, strict=True)
    return Figures(statistics.median(rate), statistics.median(cpu), sum(failed), sum(closed))
