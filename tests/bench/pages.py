"""How long the staff pages take over a log of many breaches: each page and each kind of search, p50 and p95.

    python -m tests.bench.pages [--breaches 200000 1000000 5000000] [--asks 40] [--folder FOLDER]
        [--database sqlite postgresql]

A real server on loopback before a real SQLite file; one reader, a technician, asks for one page after another, and
searches for another value each time. The goal is 150 ms for the 95th of 100. A page has 50 entries of the log.
The live tail is the time from the commit of a new entry until a reader who looks every 300 ms, as the page's script
does, has heard of it; taking in adds 200 ms at most. Databases are kept in FOLDER, if it is named, for another time.
Beside the time stands the CPU that a page took, server and reader together: believe it where the machine is busy. With
`postgresql` the same is asked before a PostgreSQL server of the bench's own, as Debian sets it up but for the room of
its memory; its CPU is not ours and not in the figure.
Prints a table and writes build/bench/pages.json.
"""

import argparse
import asyncio
import itertools
import random
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from reporting.models import BreachRow
from reporting.web.pseudonyms import Pseudonyms
from tests.bench.report import Row, say, write
from tests.support import postgres
from tests.support.many_breaches import CATEGORIES, PROFILES, fill, fill_server, site_names
from tests.support.staff_pages import running

GOAL = 150.0
"""Milliseconds."""

KEY = b"the bench's key of pseudonyms"
CPU = ", CPU of server and reader"
TAILED = "live tail"
SHARED = "shared_buffers=512MB"
TAIL = 20
"""New entries of which the tail is timed."""

type Query = dict[str, str]


def main() -> None:
    """Measure, print, write."""
    options = _options()
    rows, rounds = [], {}
    for count, database in itertools.product(options.breaches, options.database):
        times = asyncio.run(_measured(options, count)) if database == "sqlite" else _on_server(options, count)
        which = f"{count:,} breaches" + (", PostgreSQL" if database != "sqlite" else "")
        rounds[which] = times
        say(f"\n{which}")
        for what, figures in times.items():
            if what.endswith(CPU):
                rows.append(Row(f"{what}, {which}", figures[0], "ms"))
                continue
            p50, p95 = statistics.median(figures), _p95(figures)
            rows.append(Row(f"{what}, {which}", p95, "ms p95", f"the goal of {GOAL:.0f} ms", GOAL / p95))
            over = "  OVER" if p95 > GOAL and what != TAILED else ""
            cpu = f" {times[what + CPU][0]:8.1f} ms of CPU" if what + CPU in times else ""
            say(f"  {what:40} {p50:8.1f} ms p50 {p95:8.1f} ms p95{cpu}{over}")
    write("pages", rows, {"sqlite": sqlite3.sqlite_version}, rounds)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--breaches", type=int, nargs="+", default=[200_000, 1_000_000, 5_000_000])
    parser.add_argument("--asks", type=int, default=40, help="how often each page is asked for")
    parser.add_argument("--folder", type=Path, help="keep SQLite's databases here")
    databases = ("sqlite", "postgresql")
    parser.add_argument("--database", nargs="+", choices=databases, default=["sqlite"], help="what holds the log")
    return parser.parse_args()


def _p95(figures: list[float]) -> float:
    return sorted(figures)[min(len(figures) - 1, int(len(figures) * 0.95))]


async def _measured(options: argparse.Namespace, count: int) -> dict[str, list[float]]:
    with tempfile.TemporaryDirectory(prefix="schoolgate-bench-") as scratch:
        kept = (options.folder or Path(scratch)) / f"breaches-{count}.db"
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            began = time.perf_counter()
            await fill(kept, count)
            say(f"made {count:,} breaches in {time.perf_counter() - began:.0f} s, {kept.stat().st_size / 1e6:,.0f} MB")
        school = Path(scratch) / "school"
        school.mkdir()
        shutil.copyfile(kept, school / "schoolgate.db")
        async with running(school, pseudonym_key=KEY) as pages, pages.logged_in("technician") as browser:
            return await _asked(pages, browser, options.asks, count)


def _on_server(options: argparse.Namespace, count: int) -> dict[str, list[float]]:
    with postgres.running(postgres.FULL, SHARED) as server, tempfile.TemporaryDirectory(prefix="schoolgate-") as folder:
        return asyncio.run(_measured_on_server(server.new(), Path(folder), options.asks, count))


async def _measured_on_server(url: str, folder: Path, asks: int, count: int) -> dict[str, list[float]]:
    began = time.perf_counter()
    await fill_server(url, count)
    say(f"made {count:,} breaches in {time.perf_counter() - began:.0f} s, {await _megabytes(url):,.0f} MB")
    async with running(folder, url, pseudonym_key=KEY) as pages, pages.logged_in("technician") as browser:
        return await _asked(pages, browser, asks, count)


async def _megabytes(url: str) -> float:
    database = await postgres.connected(url)
    try:
        return float(await database.fetchval("SELECT pg_database_size(current_database())")) / 1e6
    finally:
        await database.close()


async def _asked(pages: Any, browser: Any, asks: int, count: int) -> dict[str, list[float]]:
    chance = random.Random(count)
    names = site_names(max(500, min(150_000, count // 25)), random.Random(6))
    people = Pseudonyms(KEY, pages.live.policy.zone, time.time_ns)
    found = {}
    for what, (path, query) in _pages(names, people, chance).items():
        await browser.get(path, params=query())  # what is read for the first time is the disk's business
        spent = time.process_time()
        found[what] = [await _timed(browser, path, query()) for _ in range(asks)]
        found[what + CPU] = [(time.process_time() - spent) / asks * 1e3]
    older = (await browser.get("/breaches", params={"format": "json"})).json()["older"]
    found["the log, 20 pages back"] = await _back(browser, older)
    found["an entry and why"] = [
        await _timed(browser, f"/breaches/{chance.randint(1, count)}", {}) for _ in range(asks)
    ]
    found[TAILED] = await _tail(pages, browser, count)
    return found


def _pages(names: list[str], people: Pseudonyms, chance: random.Random) -> dict[str, tuple[str, Callable[[], Query]]]:
    def word(place: Callable[[], float]) -> str:
        return names[int(len(names) * place())].rpartition(".")[0].rpartition(".")[2]

    def common() -> float:
        return chance.random() ** 8

    def pseudonym_of() -> str:
        return people.called(chance.randint(1, 3_000), time.time_ns())

    def day() -> Query:
        back = chance.randint(2, 300)
        begin = time.strftime("%Y-%m-%dT00:00", time.gmtime(time.time() - back * 86_400))
        end = time.strftime("%Y-%m-%dT00:00", time.gmtime(time.time() - (back - 1) * 86_400))
        return {"since": begin, "until": end}

    log = "/breaches"
    return {
        "today": ("/", dict),
        "health": ("/health", dict),
        "the log": (log, dict),
        "site, a common one": (log, lambda: {"host": word(common)}),
        "site, a rare one": (log, lambda: {"host": word(lambda: 0.9 + chance.random() / 10)}),
        "site, two letters": (log, lambda: {"host": word(common)[:2]}),
        "site, three letters": (log, lambda: {"host": word(common)[:3]}),
        "site that nobody met": (log, lambda: {"host": f"q{word(common)}x"}),
        "site that is held": (log, lambda: {"host": word(common), "category": "self_harm"}),
        "client": (log, lambda: {"address": f"10.{20 + (n := chance.randint(1, 3_000)) % 4}.{n % 250}.{n // 250}"}),
        "device": (log, lambda: {"device": str(chance.randint(1, 1_499))}),
        "person": (log, lambda: {"person": pseudonym_of()}),
        "category": (log, lambda: {"category": chance.choice(CATEGORIES)[0]}),
        "profile": (log, lambda: {"profile": chance.choice(PROFILES)[0]}),
        "severity, the gravest": (log, lambda: {"severity": "ILLEGAL"}),
        "kind, the rarest": (log, lambda: {"kind": "got_through"}),
        "a day": (log, day),
        "profile and category and day": (log, lambda: {"profile": "ks3", "category": "dating", **day()}),
        "profile and kind, rare together": (log, lambda: {"profile": "ks1", "kind": "got_through"}),
        "two common things, never together": (log, lambda: {"category": "games", "severity": "NOTE"}),
        "site and profile": (log, lambda: {"host": word(common), "profile": chance.choice(PROFILES)[0]}),
        "the API, 50 entries": ("/api/breaches", lambda: {"host": word(common)}),
    }


async def _timed(browser: Any, path: str, query: Query) -> float:
    began = time.perf_counter()
    answer = await browser.get(path, params=query)
    spent = (time.perf_counter() - began) * 1e3
    assert answer.status_code == 200, (path, query, answer.text[:300])
    return spent


async def _back(browser: Any, older: str) -> list[float]:
    found = []
    for _ in range(20):
        began = time.perf_counter()
        older = (await browser.get(older)).json()["older"]
        found.append((time.perf_counter() - began) * 1e3)
    return found


async def _tail(pages: Any, browser: Any, count: int) -> list[float]:
    """Milliseconds from the commit until the reader has heard."""
    found = []
    async with pages.database.reading() as session:
        row = await session.get(BreachRow, count)
    usual = {name.name: getattr(row, name.name) for name in BreachRow.__table__.columns if name.name != "id"}
    for number in range(TAIL):
        await asyncio.sleep(0.1 + number % 5 / 10)  # at any moment between two looks
        above = (await browser.get("/breaches/newest", params={"above": "0"})).json()["newest"]
        looking = asyncio.create_task(_looked(browser, above))
        await asyncio.sleep(random.Random(number).random() * 0.3)
        async with pages.database.writing(durable=False) as session:
            await session.execute(insert(BreachRow), [{**usual, "offset": 10**9 + number, "at_ns": time.time_ns()}])
        committed = time.perf_counter()
        found.append((await looking - committed) * 1e3)
    return found


async def _looked(browser: Any, above: int) -> float:
    while True:
        news = (await browser.get("/breaches/newest", params={"above": str(above)})).json()
        if news["fresh"]:
            await browser.get("/breaches")
            return time.perf_counter()
        await asyncio.sleep(0.3)


if __name__ == "__main__":
    main()
