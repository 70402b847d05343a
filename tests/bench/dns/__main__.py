"""The DNS filter, measured beside the servers that a school could have instead: `make bench-dns`.

    python -m tests.bench.dns [--only PART]... [--peer NAME]... [--seconds 20] [--rounds 3] [--names 1000000]

The server under measurement has the first core to itself; dnsperf, or a client of our own, has the second. Every server
closes the same names and asks the same upstream on loopback; ours is a real worker with everything on, journals too.

  mixes      answers a second, and processor time an answer, of a bare loop in C, ours and every peer, with mix A (85%
             cached and 15% blocked) and mix B (50,000 different blocked names)
  features   what each feature of ours costs: with all of them, less without it
  memory     proportional memory with full caches, and the time from a server's start until every block is in force
  cold       20,000 permitted names that are new to the server; blocked names that it never met
  workers    two workers on one port beside one
  latency    how long an answer takes at 10,000 questions a second
  swaps      index, policy, passes and 300 log-ins replaced under 30,000 questions a second

A first look, in a minute or two:

    python -m tests.bench.dns --names 20000 --many 50000 --seconds 1 --rounds 1 --only mixes

`LISTS` names a folder of real lists; names beyond them are made up. Prints a table for each part, and writes
build/bench/dns.json. The machine is noisy: believe ratios, and only within one run; believe processor time before
answers a second; and read a time of an answer beside how long the asker itself was away.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.bench.dns import cold, dnsperf, features, latency, memory, mixes, peers, swaps, workers
from tests.bench.dns.stage import LOAD_CORE, Stage, only_for_asking
from tests.bench.report import Row, say, write

PARTS: dict[str, Callable[[Stage], list[Row]]] = {
    "mixes": mixes.measure,
    "features": features.measure,
    "cold": cold.measure,
    "workers": workers.measure,
    "latency": latency.measure,
    "swaps": swaps.measure,
    "memory": memory.measure,
}
"""Memory is last, as it goes on to other lists."""


def main() -> None:
    """Measure, print, write."""
    options = _options()
    _check()
    only_for_asking()
    failed = []
    with tempfile.TemporaryDirectory(prefix="schoolgate-bench-") as folder:
        stage = _stage(Path(folder), options)
        with stage.answering():
            rows: list[Row] = []
            for name in options.only or PARTS:
                say(f"\n{name}")
                try:
                    rows += PARTS[name](stage)
                except RuntimeError as error:
                    say(f"  not measured: {error}")
                    failed.append(name)
                _write(options, rows, stage)
    if failed:
        sys.exit(f"Not measured: {', '.join(failed)}.")


def _stage(folder: Path, options: argparse.Namespace) -> Stage:
    return Stage(
        folder,
        count=options.names,
        many=options.many,
        seconds=options.seconds,
        rounds=options.rounds,
        peers=options.peer,
    )


def _write(options: argparse.Namespace, rows: list[Row], stage: Stage) -> None:
    """Write what there is so far: a run takes an hour, and what ends it early must not take all of it."""
    measured = {"names": options.names, "many": options.many, "seconds": options.seconds, "rounds": options.rounds}
    write("dns", rows, _versions(), measured | stage.kept)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=PARTS, help="measure this part; may be repeated")
    names = [one.name for one in peers.ALL]
    parser.add_argument("--peer", action="append", default=[], choices=names, help="beside this one; may be repeated")
    parser.add_argument("--seconds", type=float, default=20, help="length of one measurement (default 20)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured (default 3)")
    parser.add_argument("--names", type=int, default=1_000_000, help="blocked names (default 1,000,000)")
    parser.add_argument("--many", type=int, default=5_000_000, help="the same for our memory (default 5,000,000)")
    return parser.parse_args()


def _check() -> None:
    """Exit with a sentence where this machine cannot measure; say which peers it lacks."""
    missing = [program for program in ("gcc", "dnsperf") if not shutil.which(program)]
    if missing:
        sys.exit(f"This bench needs {', '.join(missing)} (their Debian packages too).")
    if LOAD_CORE not in os.sched_getaffinity(0):
        sys.exit("This bench needs two cores: one for the server, one for who asks.")
    if absent := [one.name for one in peers.ALL if not peers.found(one.program)]:
        say(f"Not here, so not measured: {', '.join(absent)}.")


def _versions() -> dict[str, str]:
    here = {one.program: peers.version(one) for one in peers.ALL if peers.found(one.program)}
    return {"dnsperf": dnsperf.version()} | here


if __name__ == "__main__":
    main()
