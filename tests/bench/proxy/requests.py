"""Requests on connections that stay, plain and opened, of pages of 4 and 100 KB: how many, and what each costs."""

import statistics

from tests.bench.proxy.stage import PAGES, Stage
from tests.bench.proxy.subjects import OURS, started, subjects
from tests.bench.report import Row, say

MODES = {"plain": "HTTP", "tls": "opened HTTPS"}


def measure(stage: Stage) -> list[Row]:
    """Every subject in each mode, with each page, in turns."""
    found: dict[tuple[str, str, str], list[tuple[float, float, float]]] = {}
    for _ in range(stage.rounds):
        for one in dict.fromkeys(s for mode in MODES for s in subjects(stage, mode)):
            try:
                with started(one, stage) as running:
                    for mode in (m for m in MODES if m in one.modes):
                        for size in PAGES:
                            stage.ask(mode, running.port, one.opened, f"{size}.html", seconds=0.5)
                            before = running.cpu_seconds()
                            asked = stage.ask(mode, running.port, one.opened, f"{size}.html")
                            cpu = (running.cpu_seconds() - before) / asked.count * 1e6
                            figures = asked.count / asked.seconds, cpu, asked.failed
                            found.setdefault((mode, size, one.name), []).append(figures)
            except RuntimeError as error:
                if one is OURS:
                    raise
                say(f"  left out: {error}")
    stage.kept["requests"] = {" ".join(key): runs for key, runs in found.items()}
    return [row for mode in MODES for size in PAGES for row in _table(mode, size, found)]


def _table(mode: str, size: str, found: dict[tuple[str, str, str], list[tuple[float, float, float]]]) -> list[Row]:
    say(f"\n  {MODES[mode]}, {size} KB")
    say(f"  {'':18}{'requests/s':>12}{'CPU us':>9}{'failed':>8}{'ours is':>10}{'by CPU':>9}")
    own, rows = _median(found[mode, size, OURS.name]), []
    for (m, s, name), runs in found.items():
        if (m, s) != (mode, size):
            continue
        rate, cpu, failed = _median(runs)
        say(f"  {name:18}{rate:12,.0f}{cpu:9,.0f}{failed:8.0f}{own[0] / rate:8.2f} x{cpu / own[1]:7.2f} x")
        what = f"{MODES[mode]}, {size} KB, {name}"
        rows += [
            Row(f"{what}: rate", rate, "requests/s", f"ours of {name}", own[0] / rate),
            Row(f"{what}: processor time for a request", cpu, "us", f"ours of {name}", cpu / own[1]),
        ]
    return rows


def _median(runs: list[tuple[float, float, float]]) -> tuple[float, float, float]:
    rate, cpu, failed = zip(*runs, strict=True)
    return statistics.median(rate), statistics.median(cpu), sum(failed)
