"""The web filter, measured beside what a school could have instead: `make bench-proxy`.

    python -m tests.bench.proxy [--only PART]... [--peer NAME]... [--quick] [--seconds 10] [--rounds 3]

The subject has the first core; nginx, the nameserver and the asking program (load.c) have the second. Each subject
asks the same web server on loopback for the same pages.

  requests   requests a second, and processor time for one, on connections that stay: HTTP and opened HTTPS, pages of 4
             and 100 KB
  splice     relayed connections: new ones a CPU second, bulk, memory of a held one, delay added
  decision   a URL decision
  memory     held opened connections, a mixed load, ten thousand hosts

A first look at a part, within two minutes:

    python -m tests.bench.proxy --quick --only requests

Prints a table for each part, and writes build/bench/proxy.json. The machine is noisy: believe ratios, and only within
one run; believe processor time before requests a second.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.bench.dns.stage import LOAD_CORE, only_for_asking
from tests.bench.proxy import decision, memory, requests, splice, subjects
from tests.bench.proxy.stage import Stage
from tests.bench.report import Row, say, write

PARTS: dict[str, Callable[[Stage], list[Row]]] = {
    "requests": requests.measure,
    "splice": splice.measure,
    "decision": decision.measure,
    "memory": memory.measure,
}


def main() -> None:
    """Measure, print, write."""
    options = _options()
    if LOAD_CORE not in os.sched_getaffinity(0):
        sys.exit("This bench needs two cores: one for the subject, one for who asks.")
    if missing := [name for name in ("gcc", "nginx") if not shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")]:
        sys.exit(f"This bench needs {', '.join(missing)} (their Debian packages too), and libssl-dev.")
    peers = subjects.PEERS
    if absent := [one.name for one in peers if not subjects.here(one)]:
        say(f"Not here, so not measured: {', '.join(absent)}.")
    versions = {one.program: subjects.version(one) for one in peers if subjects.here(one)}
    only_for_asking()
    failed, rows = [], list[Row]()
    with tempfile.TemporaryDirectory(prefix="schoolgate-bench-") as folder:
        stage = Stage(Path(folder), seconds=options.seconds, rounds=options.rounds, peers=options.peer)
        stage.requests, stage.hosts = options.requests, options.hosts
        with stage.serving():
            for name in options.only or PARTS:
                say(f"\n{name}")
                try:
                    rows += PARTS[name](stage)
                except RuntimeError as error:
                    say(f"  not measured: {error}")
                    failed.append(name)
                measured = {"seconds": options.seconds, "rounds": options.rounds, "requests": options.requests}
                write("proxy", rows, versions, measured | stage.kept)
    if failed:
        sys.exit(f"Not measured: {', '.join(failed)}.")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=PARTS, help="measure this part; may be repeated")
    names = [one.name for one in subjects.PEERS]
    parser.add_argument("--peer", action="append", default=[], choices=names, help="beside this one; may be repeated")
    parser.add_argument("--seconds", type=float, default=10, help="length of one measurement (default 10)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured (default 3)")
    parser.add_argument("--requests", type=int, default=500_000, help="of the mixed load (default 500000)")
    parser.add_argument("--hosts", type=int, default=10_000, help="that are opened, at most 20000 (default 10000)")
    parser.add_argument("--quick", action="store_true", help="a first look: 1 s, 1 round, 5,000 requests, 1,500 hosts")
    options = parser.parse_args()
    if options.quick:
        options.seconds, options.rounds, options.requests, options.hosts = 1.0, 1, 5_000, 1_500
    return options


if __name__ == "__main__":
    main()
