import asyncio
import contextlib
import os
import shutil
import subprocess

import pytest
from sqlalchemy import select

from reporting import database as databases
from reporting.recorder import Recorder
from tests.support import postgres
from tests.support.clock import Clock
from tests.support.databases import opened
from tests.support.journals import AT, follower, open_journal


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MiB of our own."""
    if os.geteuid() or not shutil.which("mount"):
        pytest.skip("only root may mount a small file system; other tests let the system or the database refuse")
    place = tmp_path / "small"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], check=False).returncode:
        pytest.skip("this machine lets nobody mount a small file system")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture(scope="session")
def cluster():
    """A PostgreSQL server of the tests' own."""
    postgres.installed()
    with postgres.running() as running:
        yield running


@pytest.fixture(scope="session")
def migrated(cluster):
    """A database with all tables on that server, for copies."""
    url = cluster.new()
    asyncio.run(_migrate(url))
    return url


async def _migrate(url):
    async with databases.opened(url):
        pass


@pytest.fixture
def on_server(cluster, migrated):
    """The address of a new database on a PostgreSQL server."""
    return cluster.copy_of(migrated)


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def where(request, tmp_path):
    """Where a new database is to be: the tests that ask for it run with each."""
    return tmp_path / "school.db" if request.param == "SQLite" else request.getfixturevalue("on_server")


@pytest.fixture
async def database(where):
    """An empty database, of either kind."""
    async with opened(where) as opened_database:
        yield opened_database


@pytest.fixture
def spool(tmp_path):
    folder = tmp_path / "spool"
    folder.mkdir()
    return folder


@pytest.fixture
def journal(spool):
    """A journal in *spool* that is being written."""
    opened_journal = open_journal(spool, sealed_seed=b"sealed")
    yield opened_journal
    opened_journal.close()


@pytest.fixture
def follow(database, spool):
    """Make an Ingest of the spool; all are closed at the end."""
    with contextlib.ExitStack() as stack:

        def following(**fields):
            made = follower(database, spool, **fields)
            stack.callback(made.close)
            return made

        yield following


@pytest.fixture
def rows(database):
    """Read all rows of a table."""

    async def reading(table):
        async with database.reading() as session:
            return list((await session.scalars(select(table))).all())

    return reading


@pytest.fixture
def clock():
    return Clock(1000.0)


@pytest.fixture
def recorder(journal, clock):
    """A recorder of *journal* by *clock*, where it is always the same moment."""
    return Recorder(journal, monotonic=clock, now_ns=lambda: AT)
