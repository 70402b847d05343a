"""A database with a year of an invented trust's breaches, for benches: as many as wanted, the same each time.

Names are made of syllables. A few sites have most of the entries and most sites have few, some are held for the DSL,
some are sealed, a few got through; the newest entries are of today. Rows go in by the sqlite3 module, without their
indexes, which are built at the end: through `Ingest` five million would take minutes.
"""

import random
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg

from blocklists.rulebook import Severity
from reporting.database import opened
from tests.support import postgres

JOURNAL = "demo-dns-0-0011223344556677.journal"
YEAR = 365 * 86_400 * 10**9
PIECE = 50_000
CATEGORIES = (
    ("gambling", "", Severity.NOTE, 8), ("games", "", Severity.NONE, 30), ("social", "", Severity.NOTE, 20),
    ("shopping", "", Severity.NONE, 15), ("video", "", Severity.NONE, 12), ("dating", "", Severity.NOTE, 3),
    ("bypass", "bypass", Severity.NOTE, 5), ("self_harm", "self-harm", Severity.URGENT, 1),
    ("extremism", "radicalisation", Severity.CONCERN, 1), ("malware", "malware", Severity.NONE, 4),
    ("", "", Severity.NONE, 1),
)  # fmt: skip
PROFILES = (("ks1", 5), ("ks2", 25), ("ks3", 30), ("ks4", 20), ("ks5", 10), ("staff", 10))


def site_names(count: int, chance: random.Random) -> list[str]:
    """*count* names that are nobody's."""
    syllables = [first + second for first in "bcdfghjklmnprstvz" for second in "aeiou"]
    found: dict[str, None] = {}
    while len(found) < count:
        word = "".join(chance.choices(syllables, k=chance.randint(2, 5)))
        found[f"{chance.choice(('', 'www.', 'cdn.', 'm.'))}{word}.{chance.choice(('test', 'example', 'invalid'))}"] = (
            None
        )
    return list(found)


async def fill(file: Path, count: int, *, now_ns: int | None = None, seed: int = 6) -> None:
    """Make a database at *file* with *count* breaches up to *now_ns*."""
    async with opened(file):
        pass
    now = now_ns or time.time_ns()
    with sqlite3.connect(file, isolation_level=None) as database:
        database.executescript("PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY; PRAGMA cache_size = -400000;")
        indexes = database.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'breaches' AND sql NOTNULL"
        ).fetchall()
        database.execute("BEGIN")
        for name, _ in indexes:
            database.execute(f"DROP INDEX {name}")
        database.execute("INSERT INTO journals VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)", _journal(database))
        columns, places = _columns()
        chance = random.Random(seed)
        rows = _rows(count, now, chance)
        while piece := [row for _, row in zip(range(PIECE), rows, strict=False)]:
            database.executemany(f"INSERT INTO breaches ({columns}) VALUES ({places})", piece)
        for _, sql in indexes:
            database.execute(sql)
        for text in ("host", "samples"):
            database.execute(
                f"INSERT OR IGNORE INTO breach_names (text, theme, category, profile) SELECT DISTINCT {text}, theme,"
                f" category, profile FROM breaches WHERE {text} != '' AND reason != 'sealed'"
            )
        database.execute("COMMIT")
        database.execute("PRAGMA journal_mode = WAL")
    database.close()


async def fill_server(url: str, count: int, *, seed: int = 6) -> None:
    """The same in the empty database at *url*, on a PostgreSQL server."""
    async with opened(url):
        pass
    database = await postgres.connected(url)
    try:
        await _fill_server(database, count, random.Random(seed))
    finally:
        await database.close()


async def _fill_server(database: asyncpg.Connection, count: int, chance: random.Random) -> None:
    await database.execute("SET maintenance_work_mem = '400MB'; SET max_parallel_maintenance_workers = 0")
    indexes = await database.fetch(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'breaches' AND indexname LIKE 'ix%'"
    )
    for name, _ in indexes:
        await database.execute(f"DROP INDEX {name}")
    await database.execute(
        "INSERT INTO journals VALUES ($1, 'demo', 'dns', 0, 0, '', 0, 0, '', 'finished', 'verified', 0, 0)", JOURNAL
    )
    rows = _rows(count, time.time_ns(), chance)
    await database.copy_records_to_table("breaches", records=rows, columns=COLUMNS)
    for _, definition in indexes:
        await database.execute(definition)
    for text in ("host", "samples"):
        await database.execute(
            f"INSERT INTO breach_names (text, theme, category, profile) SELECT DISTINCT {text}, theme, category,"
            f" profile FROM breaches WHERE {text} != '' AND reason != 'sealed' ON CONFLICT DO NOTHING"
        )
    await database.execute("VACUUM (ANALYZE)")  # what the server does by itself within minutes


COLUMNS = (
    "journal", "offset", "kind", "at_ns", "source", "address", "client", "device", "person", "profile", "host", "path",
    "reason", "category", "theme", "severity", "list", "rule", "policy", "flood", "samples", "terms", "count",
    "last_ns", "extra",
)  # fmt: skip


def _columns() -> tuple[str, str]:
    return ", ".join(f'"{name}"' for name in COLUMNS), ", ".join("?" * len(COLUMNS))


def _journal(database: sqlite3.Connection) -> tuple[object, ...]:
    """A row of `journals` by the order of its columns: text, number or bytes as each wants."""
    given = {"name": JOURNAL, "site": "demo", "kind": "dns", "state": "finished", "chain": "verified"}
    empty = {"VARCHAR": "", "BIGINT": 0, "BLOB": b"", "INTEGER": 0}
    return tuple(given.get(name, empty[kind]) for _, name, kind, *_ in database.execute("PRAGMA table_info(journals)"))


def _rows(count: int, now: int, chance: random.Random) -> Iterator[tuple[object, ...]]:
    names = site_names(max(500, min(150_000, count // 25)), chance)
    labels = [chance.choices(CATEGORIES, [weight for *_, weight in CATEGORIES])[0] for _ in names]
    profiles, weights = [name for name, _ in PROFILES], [weight for _, weight in PROFILES]
    span = YEAR * min(1.0, count / 1_000_000)
    step = span / max(count, 1)
    for number in range(count):
        place = int(len(names) * chance.random() ** 4)  # few sites have most entries
        category, theme, severity, _ = labels[place]
        person = chance.randint(1, 3_000) if chance.random() < 0.8 else 0
        at_ns = int(now - span + step * (number + chance.random()))
        sealed = chance.random() < 0.00002
        kind = "got_through" if chance.random() < 0.0005 else "concern" if chance.random() < 0.01 else "stopped"
        flood = not sealed and chance.random() < 0.01
        host = "" if sealed else names[place]
        yield (
            JOURNAL, number, kind, at_ns, "proxy" if chance.random() < 0.4 else "dns",
            f"10.{20 + person % 4}.{person % 250}.{person // 250}", 0, person % 1_500, person,
            chance.choices(profiles, weights)[0], host, "/page" if chance.random() < 0.3 else "",
            "sealed" if sealed else "category", "illegal" if sealed else category, "illegal" if sealed else theme,
            int(Severity.ILLEGAL if sealed else severity), category or "iwf", "c0ffee" * 10 if sealed else host, 1,
            flood, " ".join(chance.choices(names, k=2)) if flood else "", "", chance.randint(1, 9), at_ns, "{}",
        )  # fmt: skip
