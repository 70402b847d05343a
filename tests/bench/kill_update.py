"""How an update of lists that is killed leaves the disk, and whether the next one mends it.

    python -m tests.bench.kill_update [--kills 50] [--seed 1]

Kills `schoolgate lists update` (three lists of 20,000 names, from a server on loopback) with SIGKILL at moments that
are random over the time that a whole update takes on this machine. After each, the index is opened as a process that
starts opens it, every copy in force is read, and the next update must bring what was published. Ends with 1 if anything
was wrong once. Prints how far the killed ones had come and writes build/bench/kill_update.json.
"""

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.bench.report import Row, say, write
from tests.support import killed_updates


def main() -> None:
    """Kill, look, print, write."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="schoolgate-bench-") as folder:
        rounds = list(killed_updates.rounds(Path(folder) / "school", options.kills, options.seed))
    reached = Counter(one.reached for one in rounds)
    wrong = [problem for one in rounds for problem in one.wrong]
    for what, count in sorted(reached.items()):
        say(f"{count:4} when {what}")
    for problem in wrong[:10]:
        say(f"WRONG: {problem}")
    say(f"{len(rounds)} updates killed, {sum(bool(one.wrong) for one in rounds)} with anything wrong afterwards")
    rows = [Row("updates killed", len(rounds), "updates"), Row("with anything wrong afterwards", len(wrong), "updates")]
    write("kill_update", rows, {}, [{"after": one.after, "reached": one.reached, "wrong": one.wrong} for one in rounds])
    sys.exit(1 if wrong else 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
