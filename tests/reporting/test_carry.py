"""What is in a file goes to a server: every row of every table, or nothing."""

import asyncio
import contextlib
import hashlib
import signal
import sqlite3

import pytest
from sqlalchemy import JSON, Boolean, LargeBinary, String, func, select, text

from blocklists.rulebook import Severity
from reporting import carry as carrying
from reporting.carry import CarryRefusedError, carry
from reporting.database import opened
from reporting.models import BreachRow, Table
from reporting.reach import AwayError
from reporting.site_schema import School
from tests.support import postgres
from tests.support.databases import laid
from tests.support.journals import breach, follower

SCHOOL = School("elmwood", "aa" * 16)
BREACHES = 40


@pytest.fixture
async def file(tmp_path, journal, spool):
    """A database in a file: breaches and alerts by way of a journal, and at least one row in each other table."""
    file = tmp_path / "school.db"
    laid(file)
    for number in range(BREACHES):
        journal.write(breach(number, severity=Severity.URGENT if number == 7 else Severity.NOTE, theme="self-harm"))
    async with opened(file) as database:
        with contextlib.closing(follower(database, spool)) as ingest:
            while await ingest.step():
                pass
        async with database.writing() as session:
            for table in Table.metadata.sorted_tables:
                if not await session.scalar(select(func.count()).select_from(table)):
                    await session.execute(table.insert().values(await made_up(session, table)))
    return file


async def made_up(session, table):
    """A row for *table*: what its columns take, and numbers and names that are there where it must refer to any."""
    return {
        column.name: await session.scalar(select(next(iter(column.foreign_keys)).column).limit(1))
        if column.foreign_keys
        else value_for(column)
        for column in table.columns
        if not (column.foreign_keys and column.nullable)  # two that refer to one account are refused in longer_looks
    }


def value_for(column):
    if isinstance(column.type, Boolean):
        return True
    if isinstance(column.type, LargeBinary):
        return b"\x00\xff\x80"
    if isinstance(column.type, JSON):
        return {"a": [1, "ü"]}
    return f"Ünder £ {column.name}" if isinstance(column.type, String) else 41


async def everything(database):
    """All rows by table, in the order of their keys, without the gateway's mark."""
    async with database.reading() as session:
        return {
            table.name: [
                row
                for row in (await session.execute(select(table).order_by(*table.primary_key))).all()
                if row[0] != "gateway"
            ]
            for table in Table.metadata.sorted_tables
        }


def digest(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()


async def test_every_row_of_every_table_is_there_and_the_file_is_as_it_was(cluster, file, journal, spool, monkeypatch):
    monkeypatch.setattr(carrying, "BATCH", 7)
    async with opened(file) as database:
        before = await everything(database)
    assert all(before.values())
    assert len(before["breaches"]) == BREACHES
    was, heard = digest(file), []
    async with opened(cluster.new(), school=SCHOOL) as server:
        done = await carry(file, server, lambda *told: heard.append(told))
        assert await everything(server) == before
        assert done == {table: len(rows) for table, rows in before.items()}
        assert [told for told in heard if told[0] == "breaches"] == [
            ("breaches", number, BREACHES) for number in (*range(0, BREACHES, 7), BREACHES)
        ]
        journal.write(breach(BREACHES, severity=Severity.URGENT, theme="radicalisation"))
        with contextlib.closing(follower(server, spool)) as ingest:
            while await ingest.step():
                pass
        async with server.reading() as session:  # numbered on, and the journal read on
            assert await session.scalar(select(func.count()).select_from(BreachRow)) == BREACHES + 1
            assert await session.scalar(select(func.max(BreachRow.id))) == max(row.id for row in before["breaches"]) + 1
    assert digest(file) == was
    assert not file.with_name("school.db-wal").exists()


async def test_texts_that_a_server_does_not_take_are_mended(cluster, file):
    with contextlib.closing(sqlite3.connect(file)) as source, source:
        source.execute("INSERT INTO meta (name, value) VALUES (?, ?)", ("a\x00b", "text"))
        source.execute(
            "INSERT INTO accounts (name, roles, password_hash, created_ns) VALUES (CAST(x'ff41' AS TEXT), '', '', 1)"
        )
    async with opened(cluster.new(), school=SCHOOL) as server:
        await carry(file, server)
        async with server.reading() as session:
            assert await session.scalar(text("SELECT value FROM meta WHERE name = 'a\ufffdb'")) == b"text"
            assert await session.scalar(text("SELECT count(*) FROM accounts WHERE name = '\ufffdA'")) == 1


async def test_tables_that_are_not_empty_are_refused_and_stay_as_they_are(cluster, file, spool):
    async with opened(cluster.new(), school=SCHOOL) as server:
        with contextlib.closing(follower(server, spool)) as ingest:
            while await ingest.step():
                pass
        with pytest.raises(CarryRefusedError, match=r'there are rows in "elmwood"\.\w+, which would mix') as refused:
            await carry(file, server)
        assert str(refused.value).endswith('CREATE SCHEMA "elmwood" AUTHORIZATION "schoolgate"')
        async with server.reading() as session:
            assert await session.scalar(select(func.count()).select_from(BreachRow)) == BREACHES


@pytest.mark.parametrize("content", [b"not a database", b""])
async def test_a_file_that_is_no_database_of_ours_is_refused(cluster, tmp_path, content):
    other = tmp_path / "other.db"
    other.write_bytes(content)
    async with opened(cluster.new(), school=SCHOOL) as server:
        with pytest.raises(CarryRefusedError, match="is no SQLite database"):
            await carry(other, server)


async def test_a_database_of_something_else_or_of_another_version_is_refused(cluster, tmp_path, file):
    other = tmp_path / "other.db"
    with contextlib.closing(sqlite3.connect(other)) as made, made:
        made.execute("CREATE TABLE a (b)")
    with contextlib.closing(sqlite3.connect(file)) as source, source:
        source.execute("UPDATE alembic_version SET version_num = '0001'")
    async with opened(cluster.new(), school=SCHOOL) as server:
        with pytest.raises(CarryRefusedError, match="is no database of Schoolgate"):
            await carry(other, server)
        with pytest.raises(CarryRefusedError, match="written by another version"):
            await carry(file, server)


async def test_a_row_that_the_server_does_not_take_leaves_nothing_there(cluster, file):
    with contextlib.closing(sqlite3.connect(file)) as source, source:
        source.execute("UPDATE visits SET client = 'no number'")
    async with opened(cluster.new(), school=SCHOOL) as server:
        with pytest.raises(
            CarryRefusedError, match=r"does not take a row of visits, of those after the first 0: TypeError"
        ):
            await carry(file, server)
        assert not any((await everything(server)).values())


async def test_a_row_that_refers_to_nothing_leaves_nothing_there(cluster, file):
    with contextlib.closing(sqlite3.connect(file)) as source, source:
        source.execute("UPDATE visits SET journal = 'gone'")
    async with opened(cluster.new(), school=SCHOOL) as server:
        with pytest.raises(CarryRefusedError, match="does not take a row of visits"):
            await carry(file, server)
        assert not any((await everything(server)).values())


async def test_what_is_cut_off_in_the_middle_leaves_nothing_and_is_begun_again(cluster, file, monkeypatch):
    monkeypatch.setattr(carrying, "BATCH", 7)

    def stop(table, done, _total):
        if (table, done) == ("breaches", 14):
            raise asyncio.CancelledError

    async with opened(cluster.new(), school=SCHOOL) as server:
        with pytest.raises(asyncio.CancelledError):
            await carry(file, server, stop)
        assert not any((await everything(server)).values())
        assert (await carry(file, server))["breaches"] == BREACHES


async def test_a_server_that_dies_in_the_middle_leaves_nothing_and_it_is_begun_again(file, monkeypatch):
    postgres.installed()
    monkeypatch.setattr(carrying, "BATCH", 7)
    with postgres.running(*postgres.QUICK) as own:

        def die(table, done, _total):
            if (table, done) == ("breaches", 14):
                own.stop(signal.SIGQUIT)

        url = own.new()
        async with opened(url, school=SCHOOL) as server:
            with pytest.raises(AwayError):
                await carry(file, server, die)
        own.start(*postgres.QUICK)
        async with opened(url, school=SCHOOL) as server:
            assert not any((await everything(server)).values())
            assert (await carry(file, server))["breaches"] == BREACHES
