"""The files of coverage that a process killed in the middle of writing one leaves behind.

Tests kill processes; each writes its coverage as an SQLite file when it ends, without a journal, so a kill at that
moment leaves half of one. Coverage warns about it when it puts all files together, and keeps it for the next time.
"""

import contextlib
import sqlite3
from pathlib import Path

TABLES = frozenset({"coverage_schema", "meta", "file", "context", "line_bits", "arc", "tracer"})
"""What a whole file has (coverage.sqldata.SCHEMA)."""


def drop_damaged(folder: Path) -> list[Path]:
    """Remove every `.coverage.*` of *folder* that cannot be read; returns those. Nobody may be writing there."""
    damaged = [file for file in sorted(folder.glob(".coverage.*")) if not _is_whole(file)]
    for file in damaged:
        file.unlink()
    return damaged


def _is_whole(file: Path) -> bool:
    try:
        with contextlib.closing(sqlite3.connect(f"{file.as_uri()}?mode=ro&immutable=1", uri=True)) as data:
            tables = {name for (name,) in data.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            sound = data.execute("PRAGMA integrity_check(1)").fetchone() == ("ok",)
            return sound and tables >= TABLES and data.execute("SELECT 1 FROM coverage_schema").fetchone() is not None
    except sqlite3.DatabaseError:
        return False
