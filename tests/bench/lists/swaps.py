"""A hundred new indexes under constant lookups: whether one fails, whether one is wrong, and what memory does."""

import signal
import subprocess
import sys
from pathlib import Path

from blocklists import compile as compiler
from blocklists import index
from blocklists.gather import Source
from tests.bench.lists.process import proportional_mb, resident_mb
from tests.bench.report import Row

SWAPS = 100
ONLY = {"a": "only-in-a.bench.test", "b": "only-in-b.bench.test"}
"""A name that is in every second index alone."""


def measure(every: list[str], folder: Path) -> list[Row]:
    """Swap two indexes of *every* name in and out while a reader in a process of its own asks on and on."""
    state = folder / "swaps"
    made = {letter: _build(every, letter, state) for letter in ONLY}
    compiler.make_current(state, made["a"])
    command = [sys.executable, "-m", "tests.bench.lists.swaps", str(state)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout
        reader.stdout.readline()
        for swap in range(SWAPS):
            compiler.make_current(state, made["b" if swap % 2 == 0 else "a"])
            seen = reader.stdout.readline().split()
            assert seen[:1] == ["swapped"], seen
        shared = proportional_mb(reader.pid)
        reader.send_signal(signal.SIGTERM)
        lookups, failed, wrong, first, last, most = map(float, reader.stdout.readline().split())
    return [
        Row(f"{SWAPS} swaps of {len(every):,} names: lookups meanwhile", lookups, "lookups"),
        Row("failed lookups", failed, "lookups"),
        Row("wrong answers", wrong, "lookups"),
        Row("resident memory after the first swap", first, "MB"),
        Row("resident memory after the last swap", last, "MB", "after the first", last / first),
        Row("the most in between", most, "MB", "after the first", most / first),
        Row("its share of memory (PSS)", shared, "MB"),
    ]


def _build(every: list[str], letter: str, state: Path) -> Path:
    path = state / f"{letter}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*every, ONLY[letter]]) + "\n", encoding="ascii")
    folder = state / f"0-{letter}"
    folder.mkdir()
    compiler.build({"bench": (Source(path),)}, folder, 1)
    return folder


def read(state: Path) -> None:
    """Look names up until told to end; say each swap when it is noticed, and at the end what was counted."""
    ends: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: ends.append(number))
    listed = (state / "a.txt").read_text().split()[:2000]
    opened, stamp = index.Index(state / index.CURRENT), _stamp(state)
    lookups = failed = wrong = 0
    memory: list[float] = []
    print("ready", flush=True)  # noqa: T201 - the parent reads it
    while not ends:
        for host in listed:
            letter = opened.identity[-1]
            try:
                answers = [bool(opened.listed(x)) for x in (host, ONLY[letter], ONLY["b" if letter == "a" else "a"])]
                wrong += answers != [True, True, False]
            except Exception:  # noqa: BLE001 - counting these is the purpose
                failed += 1
            lookups += 3
        if (now := _stamp(state)) != stamp:
            opened, stamp = index.Index(state / index.CURRENT), now
            memory.append(_settled(opened, listed))
            print("swapped", opened.identity, flush=True)  # noqa: T201 - the same
    print(lookups, failed, wrong, memory[0], memory[-1], max(memory), flush=True)  # noqa: T201 - the same


def _settled(opened: index.Index, listed: list[str]) -> float:
    """Resident memory once the same part of the new index is in use as of any other."""
    for host in listed:
        opened.listed(host)
    return resident_mb()


def _stamp(state: Path) -> tuple[int, int]:
    found = (state / index.CURRENT / index.MANIFEST).stat()
    return found.st_ino, found.st_mtime_ns


if __name__ == "__main__":
    read(Path(sys.argv[1]))
