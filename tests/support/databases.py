"""A new database by copying: all steps of its making run once in each process with tests, and not before each test.

What those steps make, and that they run on a file that lacks them, is shown by tests/reporting/test_database.py, which
begins with no file.
"""

import asyncio
import contextlib
import functools
import tempfile
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from reporting import database
from reporting.database import Database


@contextlib.asynccontextmanager
async def opened(where: str | Path, **more: Callable[[Path], object]) -> AsyncIterator[Database]:
    """As `reporting.database.opened`, which opens it; a file that is not there begins with all tables."""
    laid(where)
    async with database.opened(where, **more) as made:
        yield made


def laid(where: str | Path) -> None:
    """Put an empty database with all tables in the file *where*, unless something is there or it is on a server."""
    if "://" not in str(where) and not Path(where).exists():
        Path(where).write_bytes(_with_all_tables())


@functools.cache
def _with_all_tables() -> bytes:
    """The file, made in a loop of its own: whoever asks may have one that runs."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "made.db"
        thread = threading.Thread(target=asyncio.run, args=(_make(file),))
        thread.start()
        thread.join()
        return file.read_bytes()


async def _make(file: Path) -> None:
    async with database.opened(file):
        pass
