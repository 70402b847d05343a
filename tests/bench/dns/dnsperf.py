"""One run of dnsperf on the core of who asks, and what it said."""

import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tests.bench.dns.stage import LOAD_CORE, on

QUEUE = 100
"""Questions that dnsperf has under way; its own default too."""
CALM = 20
"""The same where a cache is only filled: less than one client may have waiting anywhere."""


class Asked(NamedTuple):
    """What came of a run: *rate* is answers a second, *failed* those that were neither an answer nor NXDOMAIN."""

    rate: float
    answers: float
    lost: float
    failed: float
    seconds: float
    latency_us: float


def load(port: int, file: Path, seconds: float, *, clients: int = 1, queue: int = QUEUE) -> Asked:
    """Ask *file* over and over for *seconds*, as fast as answers come."""
    return _run(port, file, "-l", f"{seconds:g}", "-q", str(queue), "-c", str(clients))


def once(port: int, file: Path, *, queue: int = CALM, clients: int = 1) -> Asked:
    """Ask each line of *file* once, with *queue* questions under way."""
    return _run(port, file, "-n", "1", "-q", str(queue), "-c", str(clients))


def _run(port: int, file: Path, *options: str) -> Asked:
    command = ["dnsperf", "-s", "127.0.0.1", "-p", str(port), "-d", str(file)]
    ran = subprocess.run([*command, *options], capture_output=True, text=True, check=False, **on(LOAD_CORE))
    said = ran.stdout + ran.stderr

    def figure(pattern: str) -> float:
        found = re.search(pattern, said)
        if not found:
            sys.exit(f"dnsperf said:\n{said}")
        return float(found[1])

    answers = figure(r"Queries completed:\s+(\d+)")
    good = sum(float(count) for count in re.findall(r"(?:NOERROR|NXDOMAIN) (\d+)", said))
    return Asked(
        rate=figure(r"Queries per second:\s+([\d.]+)"),
        answers=answers,
        lost=figure(r"Queries lost:\s+(\d+)"),
        failed=answers - good,
        seconds=figure(r"Run time \(s\):\s+([\d.]+)"),
        latency_us=figure(r"Average Latency \(s\):\s+([\d.]+)") * 1e6,
    )


def version() -> str:
    """Of dnsperf itself."""
    ran = subprocess.run(["dnsperf", "-h"], capture_output=True, text=True, check=False)
    found = re.search(r"[Vv]ersion (\S+)", ran.stderr + ran.stdout)
    return found[1] if found else "unknown"
