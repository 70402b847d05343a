import asyncio
import os
import sqlite3
import subprocess
import sys

import alembic.command
import alembic.config
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError, OperationalError

import reporting.log_models  # noqa: F401 - its tables are compared too
from reporting import troubles  # noqa: F401 - its table is one of the models
from reporting.accounts import Accounts
from reporting.database import MIGRATIONS, Database, DatabaseInUseError, as_url, opened
from reporting.models import AccountRow, AlertBreachRow, BreachRow, MetaRow, Table
from tests.support.staff_pages import QUICK


@pytest.fixture
async def database(tmp_path):
    async with opened(tmp_path / "school.db") as opened_database:
        yield opened_database


def account(name):
    return AccountRow(name=name, roles="dsl", password_hash="x", created_ns=1)


async def count(database):
    async with database.reading() as session:
        return await session.scalar(select(func.count()).select_from(AccountRow))


async def test_the_migrations_make_exactly_the_tables_of_the_models(database):
    def ours(name, _kind, _parents):
        return not (name or "").startswith("breach_names_trigrams")  # SQLite's own, which no model describes

    def differences(connection):
        return compare_metadata(MigrationContext.configure(connection, opts={"include_name": ours}), Table.metadata)

    async with database._writer.begin() as connection:
        assert await connection.run_sync(differences) == []


async def test_every_index_of_the_models_is_there(database):
    async with database.reading() as session:
        found = set((await session.scalars(text("select name from sqlite_master where type = 'index'"))).all())
    assert {index.name for table in Table.metadata.tables.values() for index in table.indexes} <= found


async def test_upgrading_again_changes_nothing(database):
    async with database.writing() as session:
        session.add(account("a"))
    await database.upgrade()
    assert await count(database) == 1


async def test_an_account_from_before_names_were_kept_as_typed_still_logs_in(database):
    def back(connection):
        config = alembic.config.Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        config.attributes["connection"] = connection
        alembic.command.downgrade(config, "0008")
        values = "('sam o''neill', 'technician', :hash, 1)"
        old = text(f"insert into accounts (name, roles, password_hash, created_ns) values {values}")
        connection.execute(old, {"hash": QUICK.hash("harbour lantern biscuit")})

    async with database._writer.begin() as connection:
        await connection.run_sync(back)
    await database.upgrade()
    found = await Accounts(database, hasher=QUICK).verify("Sam O'Neill", "harbour lantern biscuit")
    assert found is not None
    assert found.name == "sam o'neill"


async def test_the_file_and_what_lies_beside_it_are_the_owners_only(tmp_path):
    old = os.umask(0o000)
    try:
        async with opened(tmp_path / "school.db") as database:
            async with database.writing() as session:
                session.add(account("a"))
            modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    finally:
        os.umask(old)
    assert set(modes) >= {"school.db", "school.db-wal", "school.db-shm", "school.db.lock"}
    assert set(modes.values()) == {0o600}


async def test_a_file_that_others_may_read_is_closed_to_them(tmp_path):
    (tmp_path / "school.db").touch(mode=0o644)
    async with opened(tmp_path / "school.db"):
        assert (tmp_path / "school.db").stat().st_mode & 0o777 == 0o600


async def test_foreign_keys_hold(database):
    with pytest.raises(IntegrityError):
        async with database.writing() as session:
            session.add(AlertBreachRow(alert=1, breach=1))


async def test_what_raises_inside_writing_is_undone(database):
    with pytest.raises(RuntimeError, match="stop"):  # noqa: PT012 - what stands before the raise is undone
        async with database.writing() as session:
            session.add(account("a"))
            await session.flush()
            raise RuntimeError("stop")
    assert await count(database) == 0


async def test_a_reader_cannot_write(database):
    with pytest.raises(OperationalError, match="readonly"):
        async with database.reading() as session:
            await session.execute(text("delete from accounts"))


async def test_a_reader_sees_one_moment_and_does_not_wait_for_the_writer(database):
    async with asyncio.timeout(60), database.reading() as session:
        before = await session.scalar(select(func.count()).select_from(AccountRow))
        async with database.writing() as writing:
            writing.add(account("a"))
            await writing.flush()
            assert await count(database) == 0
        assert await session.scalar(select(func.count()).select_from(AccountRow)) == before == 0
    assert await count(database) == 1


async def test_writers_take_turns(database):
    async def add(number):
        async with database.writing(durable=number % 2 == 0) as session:
            highest = await session.scalar(select(func.count()).select_from(AccountRow))
            await asyncio.sleep(0)
            session.add(account(f"{highest}"))

    async with asyncio.timeout(60):
        await asyncio.gather(*(add(number) for number in range(20)))
    assert await count(database) == 20


@pytest.mark.parametrize(("durable", "synchronous"), [(True, 2), (False, 1)])
async def test_a_durable_transaction_is_fully_synchronous_and_others_are_normal(database, durable, synchronous):
    async with database.writing(durable=not durable):
        pass
    async with database.writing(durable=durable) as session:
        assert await session.scalar(text("pragma synchronous")) == synchronous
        assert await session.scalar(text("pragma journal_mode")) == "wal"
        assert await session.scalar(text("pragma foreign_keys")) == 1


async def test_a_second_reporting_is_refused_with_one_sentence(tmp_path):
    file = tmp_path / "school.db"
    holder = subprocess.Popen(  # noqa: ASYNC220 - a moment, and nothing else runs
        [sys.executable, "-c", _HOLDER, str(file)], stdout=subprocess.PIPE, stdin=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    assert holder.stdout.readline() == b"open\n"
    with pytest.raises(DatabaseInUseError) as refused:
        async with opened(file):
            pass
    assert str(refused.value) == (f"Another reporting process (pid {holder.pid}) has {file} open; stop it first.")
    holder.communicate(timeout=10)
    async with opened(file):
        pass


_HOLDER = """
import asyncio, sys
from reporting.database import opened

async def main():
    async with opened(sys.argv[1]):
        print("open", flush=True)
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""


async def test_a_migration_that_fails_leaves_nothing_behind(tmp_path, monkeypatch):
    file = tmp_path / "school.db"

    def fails(connection):
        connection.execute(text("create table half (a)"))
        raise RuntimeError("the migration failed")

    monkeypatch.setattr("reporting.database._upgrade", fails)
    database = Database(as_url(file))
    with pytest.raises(RuntimeError, match="the migration failed"):
        await database.upgrade()
    await database.close()
    raw = sqlite3.connect(file)
    assert raw.execute("select name from sqlite_master").fetchall() == []
    raw.close()


async def test_bytes_and_64_bit_numbers_come_back_as_they_were(database):
    async with database.writing() as session:
        session.add(MetaRow(name="key", value=b"\0\xff"))
        session.add(AccountRow(name="a", roles="dsl", password_hash="x", created_ns=2**63 - 1))
    async with database.reading() as session:
        assert (await session.get_one(MetaRow, "key")).value == b"\0\xff"
        assert await session.scalar(select(AccountRow.created_ns)) == 2**63 - 1


def test_a_url_is_taken_as_it_is_and_a_path_is_an_sqlite_file():
    assert as_url("postgresql+asyncpg://db/school").get_backend_name() == "postgresql"
    assert str(as_url("/a/b.db")) == "sqlite+aiosqlite:////a/b.db"


async def test_a_hint_which_index_to_walk_is_obeyed(database):
    hinted = select(BreachRow.id).where(BreachRow.profile == "ks2", BreachRow.host == "a.test")
    async with database.reading() as session:
        for name in ("profile", "host"):
            query = hinted.with_hint(BreachRow, f"INDEXED BY ix_breaches_{name}_at_ns", "sqlite")
            compiled = query.compile(database._readers.sync_engine, compile_kwargs={"literal_binds": True})
            plan = (await session.execute(text(f"EXPLAIN QUERY PLAN {compiled}"))).all()
            assert f"ix_breaches_{name}_at_ns" in str(plan)
