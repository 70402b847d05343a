"""What faults do to the rows and to the alerts: killed, full, locked, damaged, no mail server; each so many times.

    python -m tests.bench.faults [--times 50] [--only FAULT] [--locked 30]

Each time is a school of its own: two journals, every 40th breach URGENT, every 10th repeated. In the middle of taking
them in the fault comes about; then all is well again, and what is in the database is compared with what was written.
*lost*: breaches and repeats that are not there; *doubled*: those that are there twice; *aside*: frames that were
damaged themselves and are kept in files. *alerts*: URGENT breaches that are in no alert, or in two. `full` needs to be
root, for a small disk of its own.

The faults whose names begin with mail- are of the way from an alert to the mail server: see `tests.bench.alert_faults`.
Prints two tables and writes build/bench/faults.json.
"""

import argparse
import asyncio
import contextlib
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from blocklists.rulebook import Severity
from reporting import backups, rebuild
from reporting.breach import VERSION, Repeat
from reporting.database import Database, opened
from reporting.ingest import TROUBLE, Ingest
from tests.bench import alert_faults
from tests.bench.report import Row, say, write
from tests.support.full_disk import fill
from tests.support.journals import AT, breach, follower, open_journal

BREACHES = 300
"""Breaches of each time, before the fault and after it together."""

HOUR = 3600 * 10**9
SEED = 20270115


class Outcome(NamedTuple):
    """What became of what was written; all but *written* and *aside* should be 0."""

    written: int = 0
    lost: int = 0
    doubled: int = 0
    aside: int = 0
    alerts: int = 0

    def __add__(self, other: object) -> "Outcome":
        """The sum, figure by figure."""
        assert isinstance(other, Outcome)
        return Outcome(*(one + another for one, another in zip(self, other, strict=True)))


class School:
    """A spool that is written to, and a database in *folder* that takes it in."""

    def __init__(self, folder: Path, number: int, options: "Options", database: Path | None = None) -> None:
        """*number* is the time's; with *database* its file is there and not in *folder*."""
        self._opening = options.opening
        self.chance = random.Random(SEED + number)
        self.spool, self.aside = folder / "spool", folder / "damaged"
        self.spool.mkdir(parents=True)
        self.file = database or folder / "database" / "school.db"
        self.backups = folder / "backups"
        self.journals = [open_journal(self.spool, instance=instance, sealed_seed=b"sealed") for instance in range(2)]
        self.breaches: set[int] = set()
        self.repeats: Counter[int] = Counter()

    def write(self, count: int, at_ns: Callable[[], int] = lambda: 0) -> None:
        """Write *count* more breaches, each told from all others by its policy's number."""
        for number in range(len(self.breaches), len(self.breaches) + count):
            urgent: dict[str, Any] = {"severity": Severity.URGENT, "theme": "self-harm"} if number % 40 == 0 else {}
            journal = self.chance.choice(self.journals)
            at = at_ns() or AT + number
            offset = journal.write(breach(number, at_ns=at, policy=number, person=number + 1, **urgent))
            self.breaches.add(number)
            if number % 10 == 0:
                journal.write(Repeat(VERSION, offset, 2, at, at))
                self.repeats[number] = 2

    @contextlib.asynccontextmanager
    async def reporting(self, **fields: Any) -> AsyncIterator[tuple[Database, Ingest]]:
        """The database, mended if need be, and what takes in; *fields* go to it."""
        async with contextlib.AsyncExitStack() as stack:
            mended = opened(self.file, mend=lambda file: rebuild.mended(file, self.backups, time.time_ns()))
            async with self._opening:
                database = await stack.enter_async_context(mended)
            ingest = follower(database, self.spool, aside=self.aside, **fields)
            stack.callback(ingest.close)
            yield database, ingest

    async def outcome(self) -> Outcome:
        """End the writing, take in all that is left, and compare."""
        for journal in self.journals:
            journal.close()
        async with self.reporting() as (_, ingest):
            assert await ingest._remembered()
            await drained(ingest)
        with contextlib.closing(sqlite3.connect(self.file)) as connection:
            rows = connection.execute("SELECT policy, count FROM breaches").fetchall()
            alerts = connection.execute(
                "SELECT count(alert) FROM breaches b LEFT JOIN alert_breaches a ON a.breach = b.id"
                " WHERE severity >= ? GROUP BY b.id",
                (Severity.URGENT,),
            ).fetchall()
        return self._compared(rows, [one for (one,) in alerts])

    def _compared(self, rows: list[tuple[int, int]], alerts: list[int]) -> Outcome:
        times = Counter(number for number, _ in rows)
        aside = len(list(self.aside.iterdir())) if self.aside.exists() else 0
        missing = len(self.breaches - times.keys())
        repeats = [self.repeats[number] - (count - 1) for number, count in dict(rows).items()]
        lost = max(missing - aside, 0) + sum(more for more in repeats if more > 0)
        doubled = sum(times.values()) - len(times) - sum(more for more in repeats if more < 0)
        return Outcome(len(self.breaches), lost, doubled, aside, sum(one != 1 for one in alerts))


async def drained(ingest: Ingest) -> None:
    """Take in all that there is."""
    while await ingest.step():
        pass


async def killed(folder: Path, number: int, options: "Options") -> Outcome:
    """Kill -9 of the process that takes in, at random."""
    school = School(folder, number, options)
    school.write(BREACHES - 50)
    async with school.reporting():
        pass  # the tables are there, so that the child is killed at its work
    child = subprocess.Popen(  # noqa: ASYNC220 - nothing else runs
        [sys.executable, "-c", _CHILD, str(school.file), str(school.spool)], stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    assert await asyncio.to_thread(child.stdout.readline) == b"open\n"
    await asyncio.sleep(school.chance.uniform(0, 0.2))
    child.kill()
    child.communicate()
    school.write(50)
    return await school.outcome()


_CHILD = """
import asyncio, sys
from pathlib import Path
from reporting import ingest
from reporting.database import opened
from tests.support.journals import follower

ingest.BATCH = 7

async def main():
    async with opened(sys.argv[1]) as database:
        following = follower(database, Path(sys.argv[2]))
        print("open", flush=True)
        while True:
            await following.step()

asyncio.run(main())
"""


async def full(folder: Path, number: int, options: "Options") -> Outcome:
    """The database's disk without any room, until there is some."""
    with _small_disk(folder / "disk") as disk:
        school = School(folder, number, options, disk / "school.db")
        now = [0.0]
        async with school.reporting(monotonic=lambda: now[0]) as (_database, ingest):
            school.write(school.chance.randrange(1, BREACHES))
            await ingest.step()
            filler = fill(disk)
            school.write(BREACHES - len(school.breaches) + 5_000)
            while not ingest.failures:
                await ingest.step()
            filler.unlink()
            now[0] += 2 * TROUBLE
            await drained(ingest)
        return await school.outcome()


@contextlib.contextmanager
def _small_disk(place: Path) -> Iterator[Path]:
    place.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


async def locked(folder: Path, number: int, options: "Options") -> Outcome:
    """The database locked by somebody else for many seconds, while breaches go on."""
    school = School(folder, number, options)
    async with school.reporting() as (_, ingest):
        school.write(100)
        await drained(ingest)
        other = sqlite3.connect(school.file, isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        until = time.monotonic() + options.locked
        taking = asyncio.create_task(_taking_in(ingest, until))
        while time.monotonic() < until:
            school.write(min(2, BREACHES - len(school.breaches)))
            await asyncio.sleep(options.locked / 100)
        other.execute("ROLLBACK")
        other.close()
        await taking
    school.write(BREACHES - len(school.breaches))
    return await school.outcome()


async def _taking_in(ingest: Ingest, until: float) -> None:
    while time.monotonic() < until:
        await ingest.step()
        await asyncio.sleep(0.01)


async def damaged_database(folder: Path, number: int, options: "Options") -> Outcome:
    """Pages of the database overwritten, its end cut off, or the file gone; a backup is older than the last rows."""
    school = School(folder, number, options)
    before = school.chance.randrange(1, 200)
    for count in (before, BREACHES - 50 - before):
        school.write(count)
        async with school.reporting() as (_database, ingest):
            await drained(ingest)
        if not backups.all_in(school.backups):
            backups.make(school.file, school.backups, keep=2, now_ns=time.time_ns())
    _spoil(school.file, school.chance)
    school.write(50)
    return await school.outcome()


def _spoil(file: Path, chance: random.Random) -> None:
    pages = file.stat().st_size // 4096
    match chance.choice(["pages", "cut", "gone", "first"]):
        case "gone":
            file.unlink()
        case "cut":
            file.write_bytes(file.read_bytes()[: -4096 * chance.randrange(1, pages // 2)])
        case where:
            with file.open("r+b") as content:
                content.seek(0 if where == "first" else 4096 * chance.randrange(1, pages - 2))
                content.write(chance.randbytes(8192))


async def damaged_journal(folder: Path, number: int, options: "Options") -> Outcome:
    """Bytes of one frame in the middle of a journal overwritten."""
    school = School(folder, number, options)
    school.write(150)
    async with school.reporting() as (_database, ingest):
        await drained(ingest)
        journal = school.journals[0]
        place = journal.write(breach(0, policy=10**6))
        school.breaches.add(10**6)
        end = journal.end
        with journal.path.open("r+b") as content:
            content.seek(school.chance.randrange(place + 24, end - 2))
            content.write(school.chance.randbytes(2))
        school.write(BREACHES - 150)
        await drained(ingest)
    school.repeats.pop(10**6, None)
    return await school.outcome()


async def clock_stepped(folder: Path, number: int, options: "Options") -> Outcome:
    """The clock put an hour forward or back while breaches go on."""
    school = School(folder, number, options)
    clock = [time.time_ns()]

    def now() -> int:
        clock[0] += 1_000_000
        return clock[0]

    async with school.reporting(now_ns=now) as (_database, ingest):
        for step in (0, school.chance.choice((-HOUR, HOUR)), 0, school.chance.choice((-HOUR, HOUR))):
            clock[0] += step
            for journal in school.journals:
                journal.heartbeat(clock[0])
            school.write(BREACHES // 4, now)
            await ingest.step()
        assert ingest.tampered == 0
    return await school.outcome()


type Fault = Callable[[Path, int, "Options"], Awaitable[Outcome]]
FAULTS: dict[str, Fault] = {
    "killed": killed,
    "full": full,
    "locked": locked,
    "damaged-database": damaged_database,
    "damaged-journal": damaged_journal,
    "clock": clock_stepped,
}
AT_ONCE = frozenset({"locked"})
"""Faults that only wait: all their times go on beside each other."""


class Options(msgspec.Struct):
    """*times* each; *locked* is how many seconds the database is locked for; *only* one fault.

    *opening*: one database is opened after another, as alembic has one context for a process.
    """

    times: int = 50
    locked: float = 30.0
    only: str = ""
    opening: asyncio.Lock = msgspec.field(default_factory=asyncio.Lock)


async def happens(name: str, folder: Path, options: Options) -> Outcome:
    """Let the fault *name* come about so many times, each in a folder of its own in *folder*."""
    places = [(folder / f"{name}-{number}", number, options) for number in range(options.times)]
    if name in AT_ONCE:
        return sum(await asyncio.gather(*(FAULTS[name](*place) for place in places)), start=Outcome())
    return sum([await FAULTS[name](*place) for place in places], start=Outcome())


def main() -> None:
    """Do all, print, write."""
    options = _options()
    rows = _of_rows(options, [name for name in FAULTS if options.only in ("", name)])
    rows += alert_faults.table([name for name in alert_faults.FAULTS if options.only in ("", name)], options.times)
    write("faults", rows, {"sqlite": sqlite3.sqlite_version}, {"times": options.times, "locked": options.locked})


def _of_rows(options: Options, names: list[str]) -> list[Row]:
    rows: list[Row] = []
    if names:
        say(f"{'fault':18}{'times':>6}{'written':>9}{'lost':>6}{'doubled':>9}{'aside':>7}{'alerts':>8}{'seconds':>9}")
    for name in names:
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="schoolgate-faults-") as folder:
            found = asyncio.run(happens(name, Path(folder), options))
        figures = f"{found.lost:6}{found.doubled:9}{found.aside:7}{found.alerts:8}{time.monotonic() - began:9.1f}"
        say(f"{name:18}{options.times:6}{found.written:9,}{figures}")
        rows += [Row(f"{name} {what}", float(figure), "rows") for what, figure in found._asdict().items()]
    return rows


def _options() -> Options:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--locked", type=float, default=30.0, help="seconds that the database is locked for")
    parser.add_argument("--only", default="", choices=["", *FAULTS, *alert_faults.FAULTS])
    return Options(**vars(parser.parse_args()))


if __name__ == "__main__":
    import logging

    logging.disable(logging.CRITICAL)  # what goes wrong is what is asked for
    main()
