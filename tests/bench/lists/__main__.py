"""The list engine, measured: size, speed, swaps, what is understood and what is closed.

    python -m tests.bench.lists [--names 5000000] [--peers 1000000] [--only PART]

`LISTS` names a folder of real lists; names beyond them are made up. Prints a table, and writes build/bench/lists.json
and build/bench/over-blocking.csv. The machine is noisy: believe ratios, and only within one run.
"""

import argparse
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from blocklists import index
from tests.bench.lists import names, over_blocking, peers, shares, size, speed, swaps
from tests.bench.lists.process import alone
from tests.bench.report import Row, say, write

SPEED_NAMES = 30_000


def main() -> None:
    """Measure, print, write."""
    options = _options()
    parts: dict[str, Callable[[Path], list[Row]]] = {
        "size": lambda folder: _size_and_speed(folder, options.names),
        "peers": lambda folder: peers.measure(names.names(options.peers), folder),
        "swaps": lambda folder: swaps.measure(names.names(options.swaps), folder),
        "shares": shares.measure,
        "over-blocking": over_blocking.measure,
    }
    every: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="schoolgate-bench-") as folder:
        for name, part in parts.items():
            if not options.only or name in options.only:
                say(f"\n{name}")
                rows = part(Path(folder) / name)
                for row in rows:
                    say(_line(row))
                every += rows
    write("lists", every, {"unbound": _version()}, {"names": options.names, "peers": options.peers})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", type=int, default=5_000_000, help="names of the large index")
    parser.add_argument("--peers", type=int, default=1_000_000, help="names given to unbound and the dict")
    parser.add_argument("--swaps", type=int, default=1_000_000, help="names of each index that is swapped in")
    parts = ["size", "peers", "swaps", "shares", "over-blocking"]
    parser.add_argument("--only", action="append", choices=parts, help="measure this part; may be repeated")
    return parser.parse_args()


def _size_and_speed(folder: Path, count: int) -> list[Row]:
    every = names.names(count)
    files = names.write_lists(every, folder / "lists")
    pages = folder / "pages.txt"
    pages.write_text("\n".join(names.pages(every)) + "\n", encoding="ascii")
    rows = size.measure(files, pages, folder / "index", count)
    current, listed = str(folder / "index" / index.CURRENT), every[:SPEED_NAMES]
    del every
    ours = alone(speed.lookups, current, listed).result
    rows += [Row("lookup: hit", ours[0], "us"), Row("lookup: miss", ours[1], "us")]
    rows += speed.rows("a dict asked for each suffix", *alone(speed.plain_dict, listed).result, ours)
    decided = alone(speed.decisions, current, listed, names.pages(listed)).result
    return rows + [Row(f"decide a URL: {what}", us, "us") for what, us in decided.items()]


def _line(row: Row) -> str:
    ratio = f"{row.ratio:10.2f} x {row.against}" if row.ratio is not None else ""
    return f"  {row.what:86.86}{row.value:14,.2f} {row.unit}{ratio}"


def _version() -> str:
    if not shutil.which("unbound"):
        return ""
    ran = subprocess.run(["unbound", "-V"], capture_output=True, text=True, check=False)
    return ran.stdout.splitlines()[0]


if __name__ == "__main__":
    main()
