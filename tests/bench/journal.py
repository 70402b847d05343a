"""What a breach costs the process that refuses, and how fast reporting takes breaches in.

    python -m tests.bench.journal [--breaches 40000] [--rounds 5] [--database sqlite postgresql]

A repeat is counted onto a run that is looked up by address and name; with the address's runs at hand, as the UDP loop
has them, by name alone. A first breach is a call of `Recorder.first` with a ready breach: encoded, chained by its MAC,
written. Its floor is a bare `write` of as many bytes. In a flood all breaches but 61 are counted: one client, each name
a rule of its own. Visits are what a client's 20 sites of 0.2 s cost to count, and one record of 20 sites to write. All
of these are seconds of CPU, of this thread and of the kernel for it.

Taking in is a whole journal through `Ingest` into a new SQLite database with its indexes, chain verified; its floor is
the same rows by `executemany` of the sqlite3 module, in transactions as large. Every name is new to the search, which
is the dearest that there is. Both also by the CPU that they took, which is what to believe where others want the cores:
taking in changes threads twenty times a batch, and waits for a core each time. With `postgresql` the same is done
beside it with a new database of a PostgreSQL server of the bench's own, on a Unix socket, with fsync; its floor is the
same rows by COPY. Prints a table and writes build/bench/journal.json. The machine is noisy: believe the ratios, and
only within one run.
"""

import argparse
import asyncio
import contextlib
import itertools
import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from blocklists.clients import Client
from reporting.breach import Breach
from reporting.database import opened
from reporting.ingest import BATCH
from reporting.recorder import Recorder
from reporting.runs import ROWS, RUNS, count_repeat
from reporting.visits import MINUTE, Visits
from tests.bench.report import Row, say, write
from tests.support import postgres
from tests.support.journals import AT, breach, follower, open_journal

REPEAT, AT_HAND, FIRST = "a repeat", "a repeat on a run at hand", "a first breach"
FLOOD, WRITE = "a first breach in a flood", "a bare write of as many bytes"
VISITS, VISIT = "20 visits counted", "their record written"
TAKEN_IN, INSERT = "taken in", "a bare insert of the same rows"
TAKEN_IN_CPU, INSERT_CPU = f"{TAKEN_IN}, a second of CPU", "a bare insert, a second of CPU"
SERVER, COPY = "taken in by PostgreSQL", "a bare COPY of the same rows"

FIRST_HOST = breach().host

type Rounds = dict[str, list[float]]


def main() -> None:
    """Measure, print, write."""
    options = _options()
    rounds: Rounds = {}
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(postgres.running(postgres.FULL)) if "postgresql" in options.database else None
        for _ in range(options.rounds):
            with tempfile.TemporaryDirectory(prefix="schoolgate-bench-") as folder:
                for what, figure in asyncio.run(_round(Path(folder), options.breaches, server)).items():
                    rounds.setdefault(what, []).append(figure)
    _report(rounds, options.breaches)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--breaches", type=int, default=40_000, help=f"breaches of one round, at most {RUNS}")
    parser.add_argument("--rounds", type=int, default=5)
    databases = ("sqlite", "postgresql")
    parser.add_argument("--database", nargs="+", choices=databases, default=["sqlite"], help="what takes in")
    return parser.parse_args()


async def _round(folder: Path, count: int, server: postgres.Cluster | None) -> dict[str, float]:
    """Each figure once: microseconds for one record, and rows a second."""
    breaches = [breach(number, path="/", address=_pupil(number // ROWS)) for number in range(count)]
    spool = folder / "spool"
    spool.mkdir()
    journal = open_journal(spool, sealed_seed=b"sealed")
    recorder = Recorder(journal)
    start = journal.end
    found = {FIRST: _each(lambda one: recorder.first(one.host, one), breaches)}
    runs = recorder.runs_of(breaches[0].address)
    found[AT_HAND] = _each(lambda one: count_repeat(runs, FIRST_HOST, one.at_ns, b""), breaches)
    found[REPEAT] = _each(lambda one: count_repeat(recorder.runs_of(one.address), one.host, AT, b""), breaches)
    found[WRITE] = _bare_writes(folder / "bare", (journal.end - start) // count, breaches)
    found |= _flood_and_visits(folder, count)
    journal.close()
    database = folder / "database" / "school.db"
    database.parent.mkdir()
    found[TAKEN_IN], found[TAKEN_IN_CPU] = await _take_in(database, spool, count)
    found[INSERT], found[INSERT_CPU] = _bare_inserts(database, folder / "copy.db")
    if server:
        url = server.new()
        found[SERVER], _ = await _take_in(url, spool, count)
        found[COPY] = await _bare_copies(url)
    return found


def _pupil(number: int) -> str:
    return f"10.0.{number >> 8}.{number & 255}"


def _flood_and_visits(folder: Path, count: int) -> dict[str, float]:
    breaches = [breach(number, path="/") for number in range(count)]
    other = folder / "other"
    other.mkdir()
    journal = open_journal(other)
    recorder = Recorder(journal)
    found = {FLOOD: _each(lambda one: recorder.first(one.host, one), breaches)}
    sites = [f"site{number}.test" for number in range(20)]
    visits, clients = Visits(recorder.visit, kept=True), [Client(_pupil(number), "ks2") for number in range(1_000)]
    found[VISITS] = _each(lambda client: visits.add(client, sites, AT), clients)
    found[VISIT] = _each(lambda _: visits.sweep(AT + MINUTE, most=1), clients)
    journal.close()
    return found


def _each[One](step: Callable[[One], object], breaches: list[One]) -> float:
    """Microseconds of *step* for one of *breaches*; the call of it by this loop is part of the figure."""
    began = time.thread_time()
    for one in breaches:
        step(one)
    return (time.thread_time() - began) / len(breaches) * 1e6


def _bare_writes(file: Path, size: int, breaches: list[Breach]) -> float:
    frame = bytes(size)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        return _each(lambda _: os.write(descriptor, frame), breaches)
    finally:
        os.close(descriptor)


class _Clocks:
    """Begins when it is made; by the wall and by this process's CPU."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def rates(self, rows: int) -> tuple[float, float]:
        """So many *rows* a second, and a second of CPU."""
        return rows / (time.perf_counter() - self._wall), rows / (time.process_time() - self._cpu)


async def _take_in(where: Path | str, spool: Path, count: int) -> tuple[float, float]:
    async with opened(where) as database:
        ingest = follower(database, spool)
        clocks = _Clocks()
        while await ingest.step():
            pass
        rates = clocks.rates(count)
        ingest.close()
    assert sum(ingest.breaches.values()) == count
    return rates


def _bare_inserts(full: Path, empty: Path) -> tuple[float, float]:
    """Rows a second into a database of the same tables and indexes as *full*, with the same rows."""
    with sqlite3.connect(full) as source, sqlite3.connect(empty, isolation_level=None) as target:
        target.execute("PRAGMA journal_mode = WAL")
        target.execute("PRAGMA synchronous = NORMAL")
        for (statement,) in source.execute("SELECT sql FROM sqlite_master WHERE tbl_name = 'breaches' AND sql NOTNULL"):
            target.execute(statement)
        rows = source.execute("SELECT * FROM breaches").fetchall()
        places = ", ".join("?" * len(rows[0]))
        clocks = _Clocks()
        for batch in itertools.batched(rows, BATCH):
            target.execute("BEGIN")
            target.executemany(f"INSERT INTO breaches VALUES ({places})", batch)
            target.execute("COMMIT")
        rates = clocks.rates(len(rows))
    source.close()
    target.close()
    return rates


async def _bare_copies(url: str) -> float:
    """Rows a second into a table of the same indexes in the database at *url*, with the same rows."""
    database = await postgres.connected(url)
    try:
        await database.execute("CREATE TABLE copies (LIKE breaches INCLUDING ALL)")
        rows = [tuple(row) for row in await database.fetch("SELECT * FROM breaches")]
        await database.execute("SET synchronous_commit = off")
        began = time.perf_counter()
        for batch in itertools.batched(rows, BATCH):
            await database.copy_records_to_table("copies", records=batch)
        return len(rows) / (time.perf_counter() - began)
    finally:
        await database.close()


def _report(rounds: Rounds, count: int) -> None:
    """Print the table and write it, with every round, to build/bench/journal.json."""
    median = {what: statistics.median(figures) for what, figures in rounds.items()}
    rows = [
        Row(REPEAT, median[REPEAT], "us"),
        Row(AT_HAND, median[AT_HAND], "us"),
        Row(FLOOD, median[FLOOD], "us", FIRST, median[FIRST] / median[FLOOD]),
        Row(FIRST, median[FIRST], "us", WRITE, median[WRITE] / median[FIRST]),
        Row(WRITE, median[WRITE], "us"),
        Row(VISITS, median[VISITS], "us"),
        Row(VISIT, median[VISIT], "us"),
        Row(TAKEN_IN, median[TAKEN_IN], "rows/s", INSERT, median[TAKEN_IN] / median[INSERT]),
        Row(INSERT, median[INSERT], "rows/s"),
        Row(TAKEN_IN_CPU, median[TAKEN_IN_CPU], "rows/s", INSERT_CPU, median[TAKEN_IN_CPU] / median[INSERT_CPU]),
        Row(INSERT_CPU, median[INSERT_CPU], "rows/s"),
    ]
    if SERVER in median:
        rows.append(Row(SERVER, median[SERVER], "rows/s", COPY, median[SERVER] / median[COPY]))
        rows.append(Row(COPY, median[COPY], "rows/s", INSERT, median[COPY] / median[INSERT]))
    for row in rows:
        ratio = f"{row.ratio:6.2f} of {row.against}" if row.ratio else ""
        say(f"{row.what:32} {row.value:10,.2f} {row.unit:7}{ratio}".rstrip())
    say(f"{len(rounds[FIRST])} rounds of {count:,} breaches, medians; a ratio above 1 is better than the bare way")
    write("journal", rows, {"sqlite": sqlite3.sqlite_version}, rounds)


if __name__ == "__main__":
    main()
