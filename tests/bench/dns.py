"""How fast the DNS filter answers, beside a bare C loop on the same core in the same run.

    python -m tests.bench.dns [--seconds 60] [--rounds 3]

One core serves, the other runs dnsperf. 85% of the questions are for 5,000 popular names in Zipf order (cached,
permitted), 15% for 5,000 blocked names; breaches go to a real journal. Prints a table and writes build/bench/dns.json.
The machine is noisy: believe the ratio, and only within one run.
"""

import argparse
import asyncio
import contextlib
import gzip
import os
import random
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from blocklists import domain
from dns_filter.practice import NameServer
from tests.bench.report import Row, say, write
from tests.support.school import make_school

LISTS = Path(os.environ.get("LISTS", "../shared/lists"))
POPULAR = 5000
QUESTIONS = 200_000
BLOCKED_SHARE = 0.15
SEED = 1
FLOOR, OURS, OURS_EACH = "bare C loop", "schoolgate dns", "  a system call a packet"


type Rounds = dict[str, list[dict[str, float]]]


def main() -> None:
    """Measure, print, write."""
    options = _options()
    missing = [program for program in ("gcc", "dnsperf", "taskset") if not shutil.which(program)]
    if missing:
        sys.exit(f"This bench needs {', '.join(missing)} (Debian: gcc dnsperf util-linux).")
    with tempfile.TemporaryDirectory(prefix="schoolgate-bench-") as folder:
        rows = asyncio.run(_measure(Path(folder), options.seconds, options.rounds))
    _report(rows, options.seconds)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=20, help="length of one measurement")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def names() -> tuple[list[str], list[str]]:
    """(popular names, blocked names): from the lists at hand, or made up where there are none."""
    popular_file, blocked_file = LISTS / "popular-10000.txt", LISTS / "ut1" / "gambling" / "domains.gz"
    if not (popular_file.exists() and blocked_file.exists()):
        return [f"www{n}.school.test" for n in range(POPULAR)], [f"bet{n}.test" for n in range(30000)]
    listed = gzip.decompress(blocked_file.read_bytes()).decode("utf-8", "replace").split()
    blocked = [n for n in listed if domain.canonical(n) == n and not domain.as_address(n)]
    closed = set(blocked)
    popular = popular_file.read_text(encoding="utf-8").split()
    return [n for n in popular if closed.isdisjoint(domain.suffixes(n))][:POPULAR], blocked


def questions(popular: list[str], blocked: list[str]) -> Iterator[str]:
    """Lines for dnsperf: popular names in Zipf order, with blocked ones strewn in."""
    chance = random.Random(SEED)
    weights = [1 / rank for rank in range(1, len(popular) + 1)]
    drawn = chance.sample(blocked, min(POPULAR, len(blocked)))
    for name in chance.choices(popular, weights, k=QUESTIONS):
        yield f"{chance.choice(drawn) if chance.random() < BLOCKED_SHARE else name} A"


async def _measure(folder: Path, seconds: int, rounds: int) -> Rounds:
    popular, blocked = names()
    school = make_school(folder / "school", lists={"gambling": blocked, "learning": popular})
    school.write_clients({"127.0.0.0/8": "ks2"})
    mix = list(questions(popular, blocked))
    (folder / "mix").write_text("\n".join(mix) + "\n")
    (folder / "each").write_text("\n".join(sorted(set(mix))) + "\n")
    loop = folder / "udp_loop"
    source = Path(__file__).with_name("udp_loop.c")
    await asyncio.to_thread(subprocess.run, ["gcc", "-O2", "-o", loop, source], check=True)
    rows: Rounds = {}
    async with NameServer({"*": ["192.0.2.1"]}) as upstream:
        worker = [sys.executable, "-m", "tests.support.dns_worker", str(school.folder), f"127.0.0.1:{upstream.port}"]
        for _ in range(rounds):
            floor = await _one(folder, [str(loop), str(_free_port())], seconds)
            rows.setdefault(FLOOR, []).append(floor)
            for what, command in ((OURS, worker), (OURS_EACH, [*worker, "each"])):
                rows.setdefault(what, []).append(await _one(folder, command, seconds))
    return rows


async def _one(folder: Path, command: list[str], seconds: int) -> dict[str, float]:
    """The rate of the server *command*, after each question was asked once; its port is its first line."""
    with _pinned(command) as process:
        assert process.stdout
        port = int(await asyncio.to_thread(process.stdout.readline))
        await _dnsperf(port, folder / "each", 60, once=True)
        before = _cpu_seconds(process.pid)
        run = await _dnsperf(port, folder / "mix", seconds)
        spent = _cpu_seconds(process.pid) - before
        return run | {"pss_mb": _pss(process.pid), "cpu_us": spent / run["answers"] * 1e6}


@contextlib.contextmanager
def _pinned(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    """*command* on the first core, ended at the end."""
    with subprocess.Popen(["taskset", "-c", "0", *command], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait()


async def _dnsperf(port: int, file: Path, seconds: int, *, once: bool = False) -> dict[str, float]:
    """One run of dnsperf on the second core."""
    stop = ["-n", "1"] if once else ["-l", str(seconds)]
    command = ["taskset", "-c", "1", "dnsperf", "-s", "127.0.0.1", "-p", str(port), "-d", str(file), *stop, "-q", "100"]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output, _ = await process.communicate()
    text = output.decode()

    def figure(pattern: str) -> float:
        found = re.search(pattern, text)
        if not found:
            sys.exit(f"dnsperf said:\n{text}")
        return float(found[1])

    return {
        "rate": figure(r"Queries per second:\s+([\d.]+)"),
        "answers": figure(r"Queries completed:\s+(\d+)"),
        "lost": figure(r"Queries lost:\s+(\d+)"),
        "latency_us": figure(r"Average Latency \(s\):\s+([\d.]+)") * 1e6,
    }


def _cpu_seconds(process: int) -> float:
    """Seconds of processor time of *process*, in the kernel too: no neighbour changes it as much as the rate."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _pss(process: int) -> float:
    """Proportional memory in MB."""
    found = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{process}/smaps_rollup").read_text(), re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _report(rounds: Rounds, seconds: int) -> None:
    """Print the table and write it, with every round, to build/bench/dns.json."""

    def median(what: str, figure: str) -> float:
        return statistics.median(run[figure] for run in rounds[what])

    heads = f"{'answers/s':>10} {'of C':>6} {'CPU us':>7} {'of C':>6} {'lost':>5} {'PSS MB':>7}"
    say(f"{'85% cached, 15% blocked':24} {heads}")
    rows: list[Row] = []
    for what, runs in rounds.items():
        rate, cpu, memory = (median(what, figure) for figure in ("rate", "cpu_us", "pss_mb"))
        faster, cheaper = rate / median(FLOOR, "rate"), median(FLOOR, "cpu_us") / cpu
        lost = sum(run["lost"] for run in runs)
        say(f"{what:24} {rate:10,.0f} {faster:6.2f} {cpu:7.2f} {cheaper:6.2f} {lost:5.0f} {memory:7.0f}")
        rows += [
            Row(f"{what}: rate", rate, "answers/s", FLOOR, faster),
            Row(f"{what}: processor time for an answer", cpu, "us", FLOOR, cheaper),
            Row(f"{what}: memory (PSS)", memory, "MB"),
            Row(f"{what}: lost", lost, "answers"),
        ]
    say(f"{len(rounds[FLOOR])} rounds of {seconds} s, medians; a ratio above 1 is better than C")
    write("dns", rows, {"dnsperf": _dnsperf_version()}, rounds)


def _dnsperf_version() -> str:
    said = subprocess.run(["dnsperf", "-h"], capture_output=True, text=True, check=False)
    found = re.search(r"[Vv]ersion (\S+)", said.stderr + said.stdout)
    return found[1] if found else "unknown"


if __name__ == "__main__":
    main()
