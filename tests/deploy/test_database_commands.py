"""`schoolgate database carry`."""

import asyncio
import contextlib
import json

import pytest
from sqlalchemy import func, select

from deploy import config, setup
from reporting import places
from reporting.database import as_url, only_process, opened
from reporting.models import BreachRow
from tests.support import postgres
from tests.support.commands import schoolgate
from tests.support.journals import breach, follower, open_journal

COUNT = 6


@pytest.fixture(scope="module")
def server():
    """A PostgreSQL server of the tests' own."""
    postgres.installed()
    with postgres.running() as running:
        yield running


@pytest.fixture
def school(tmp_path):
    """A school with some breaches in its database's file."""
    made = setup.init(tmp_path / "school", "Test School", shown_by="A. Okafor")
    school = config.load(made.folder / config.NAME)
    asyncio.run(fill(school))
    return school


async def fill(school):
    with contextlib.closing(open_journal(school.files.spool, sealed_seed=b"sealed")) as written:
        for number in range(COUNT):
            written.write(breach(number))
    async with opened(file_of(school)) as database:
        with contextlib.closing(follower(database, school.files.spool)) as ingest:
            while await ingest.step():
                pass


def file_of(school):
    return school.path(school.config.reporting.database)


def written_for(school, url):
    """The school's configuration with its database at *url* of a server; the file of before."""
    file = file_of(school)
    address = url.replace("postgresql+asyncpg:", "postgresql:")
    text = school.file.read_text().replace('database = "database/schoolgate.db"', f'database = "{address}"')
    school.file.write_text(text)
    return file


def carried(school, file, *more):
    return schoolgate("database", "carry", str(file), *more, "--config", str(school.file))


async def breaches(school, url):
    known = places.school_of("school", school.files.keys / "journal.key")
    async with opened(url, school=known) as database, database.reading() as session:
        return await session.scalar(select(func.count()).select_from(BreachRow))


def test_a_file_is_carried_over_once_and_the_second_time_refused(server, school):
    url = server.new()
    file = written_for(school, url)
    done = carried(school, file)
    assert done.returncode == 0, done.stderr
    assert f"{COUNT:>14,}  breaches" in done.stdout
    assert "The file is as it was." in done.stdout
    assert done.stderr == ""
    assert asyncio.run(breaches(school, url)) == COUNT
    again = carried(school, file)
    assert (again.returncode, again.stderr.count("\n")) == (1, 1)
    assert "is not empty: there are rows in" in again.stderr
    assert asyncio.run(breaches(school, url)) == COUNT


def test_scripts_are_told_the_rows_of_each_table_and_people_of_a_key_to_take_along(server, school):
    file = written_for(school, server.new())
    elsewhere = file.with_name("elsewhere") / "old.db"
    elsewhere.parent.mkdir()
    file.rename(elsewhere)
    (elsewhere.parent / "second-step.key").write_bytes(b"key")
    done = carried(school, elsewhere, "--json")
    told = json.loads(done.stdout)
    assert told["tables"]["breaches"] == COUNT
    assert told["rows"] == sum(told["tables"].values())
    assert told["database"].startswith("postgresql://schoolgate@/school")
    assert done.stderr.startswith(f"Put {elsewhere.parent / 'second-step.key'} into {school.folder / 'database'} too")


def test_whoever_has_the_file_or_the_server_open_is_to_be_stopped_first(server, school):
    url = server.new()
    file = written_for(school, url)
    with only_process(file):
        refused = carried(school, file)
    assert refused.returncode == 1
    assert "Another reporting process (pid " in refused.stderr

    async def beside():
        async with opened(url, school=places.school_of("school", school.files.keys / "journal.key")):
            return await asyncio.to_thread(carried, school, file)

    refused = asyncio.run(beside())
    assert refused.returncode == 1
    assert "Another reporting process has the database" in refused.stderr
    assert as_url(url).database in refused.stderr


def test_without_a_server_in_the_configuration_a_sentence_says_what_to_write(school):
    refused = carried(school, file_of(school))
    assert refused.returncode == 1
    assert "reporting.database: it is a file. Write the server's address there first" in refused.stderr
