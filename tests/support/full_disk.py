"""A disk without room: a real one, or a database that refuses each commit as one does."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from reporting.database import Database


def fill(folder: Path) -> Path:
    """Take all the room that the file system of *folder* has, and return the file that holds it."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    return filler


@contextlib.contextmanager
def nothing_written(database: Database) -> Iterator[None]:
    """While the block runs, each commit of *database* fails."""
    engine = database._writer.sync_engine
    event.listen(engine, "commit", _refuse)
    try:
        yield
    finally:
        event.remove(engine, "commit", _refuse)


def _refuse(_connection: object) -> None:
    raise OperationalError("commit", {}, OSError("database or disk is full"))
