"""What is different where the database is on a PostgreSQL server."""

import hashlib
import logging
import os
import subprocess
import sys

import msgspec
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from reporting import database_server, host_search, intake
from reporting.database import DatabaseInUseError, UnusableDatabaseError, as_url, opened, shown
from reporting.log_models import BreachNameRow
from reporting.models import AccountRow, AlertBreachRow, BreachRow, JournalRow, Table
from reporting.room import KEPT, Room
from reporting.settings import ReportingSettings, ServerSettings
from reporting.spent import DAY, Spent
from tests.support.journals import breach, follower, open_journal

REMOTE = ReportingSettings(database="postgresql://schoolgate@db.school.test/schoolgate")

NAME = ("text", "theme", "category", "profile")


@pytest.fixture
async def database(on_server):
    async with opened(on_server) as opened_database:
        yield opened_database


def account(name):
    return AccountRow(name=name, roles="dsl", password_hash="x", created_ns=1)


async def accounts(database):
    async with database.reading() as session:
        return await session.scalar(select(func.count()).select_from(AccountRow))


async def taken_in(database, spool, **more):
    ingest = follower(database, spool, **more)
    while await ingest.step():
        pass
    await ingest.step()
    ingest.close()


async def test_the_migrations_make_exactly_the_tables_and_indexes_of_the_models(database):
    def ours(name, _kind, _parents):
        return name != "ix_breach_names_trigrams"  # the server's own way to search

    def differences(connection):
        return compare_metadata(MigrationContext.configure(connection, opts={"include_name": ours}), Table.metadata)

    async with database._writer.begin() as connection:
        assert await connection.run_sync(differences) == []
    async with database.reading() as session:
        found = set((await session.scalars(text("select indexname from pg_indexes"))).all())
    assert {index.name for table in Table.metadata.tables.values() for index in table.indexes} <= found


async def test_a_reader_cannot_write_and_sees_one_moment(database):
    with pytest.raises(DBAPIError, match="read-only transaction"):
        async with database.reading() as session:
            await session.execute(text("delete from accounts"))
    async with database.reading() as session:
        before = await session.scalar(select(func.count()).select_from(AccountRow))
        async with database.writing() as writing:
            writing.add(account("a"))
        assert await session.scalar(select(func.count()).select_from(AccountRow)) == before == 0
    assert await accounts(database) == 1


async def test_foreign_keys_hold_and_what_raises_is_undone(database):
    with pytest.raises(IntegrityError):  # noqa: PT012 - what stands before it is undone
        async with database.writing() as session:
            session.add(account("a"))
            await session.flush()
            session.add(AlertBreachRow(alert=1, breach=1))
    assert await accounts(database) == 0


@pytest.mark.parametrize(("durable", "commit"), [(True, "on"), (False, "off")])
async def test_only_what_must_survive_a_power_cut_waits_for_the_disk(database, durable, commit):
    async with database.writing(durable=not durable):
        pass
    async with database.writing(durable=durable) as session:
        assert await session.scalar(text("show synchronous_commit")) == commit


async def test_a_breach_that_is_there_already_is_refused_and_nothing_of_its_batch_stays(database):
    row = intake.breach_row(breach(), {}, "a.journal", 10)
    async with database.writing() as session:
        session.add(intake.new_journal("a.journal", None, 1))
        await session.flush()
        await intake._insert(await session.connection(), [row])
    with pytest.raises(IntegrityError, match="uq_breaches_journal_offset") as refused:  # noqa: PT012
        async with database.writing() as session:
            session.add(account("a"))
            await session.flush()
            await intake._insert(await session.connection(), [row | {"offset": 20}, row])
    assert row["host"] not in str(refused.value).partition("\n")[0]
    assert await accounts(database) == 0
    async with database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(BreachRow)) == 1


async def test_a_search_by_site_goes_by_trigrams_where_the_server_has_them(database):
    names = [hashlib.md5(b"%d" % number).hexdigest() for number in range(5_000)]
    async with database.writing() as session:
        await database_server.add_new(
            await session.connection(), BreachNameRow.__table__, NAME, [(name, "", "", "") for name in sorted(names)]
        )
        await session.execute(text("analyze breach_names"))
    async with database.reading() as session:
        query = host_search._containing(session, names[7][5:17])
        assert list(await session.scalars(query)) == [names[7]]
        compiled = query.compile(database._readers.sync_engine, compile_kwargs={"literal_binds": True})
        for other in ("seqscan", "indexscan", "indexonlyscan"):  # so few names are as fast by other ways
            await session.execute(text(f"set local enable_{other} = off"))
        plan = (await session.execute(text(f"EXPLAIN {compiled}"))).all()
    assert "ix_breach_names_trigrams" in str(plan)


async def test_without_the_servers_trigrams_all_else_is_made_and_that_is_said(cluster, caplog):
    url = cluster.new()
    name = as_url(url).database
    cluster.say("CREATE ROLE guest LOGIN")
    cluster.say("GRANT ALL ON SCHEMA public TO guest", name)
    guest = url.replace("schoolgate@", "guest@")
    with caplog.at_level(logging.WARNING):
        async with opened(guest) as database:
            assert await accounts(database) == 0
    assert "Searching by site will be slow" in caplog.text


async def test_a_second_reporting_is_refused_until_the_first_is_gone(on_server, monkeypatch):
    monkeypatch.setattr(database_server, "WAIT_MS", 50)
    holder = subprocess.Popen(  # noqa: ASYNC220 - a moment, and nothing else runs
        [sys.executable, "-c", _HOLDER, on_server], stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"open\n"
    with pytest.raises(DatabaseInUseError, match=r"^Another reporting process has the .* open: a process on "):
        async with opened(on_server):
            pass
    monkeypatch.undo()
    holder.kill()
    holder.wait()
    holder.stdout.close()
    async with opened(on_server) as database:
        assert await accounts(database) == 0


_HOLDER = """
import asyncio, sys
from reporting.database import opened

async def main():
    async with opened(sys.argv[1]):
        print("open", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_a_connection_that_the_server_cut_is_made_anew_and_holds_the_lock_again(cluster, on_server, spool):
    async with opened(on_server) as database:
        journal = open_journal(spool, sealed_seed=b"sealed")
        journal.write(breach(1))
        await taken_in(database, spool)
        journal.write(breach(2))
        journal.close()
        name = as_url(on_server).database
        cluster.say(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        await taken_in(database, spool)
        async with database.reading() as session:
            found = list(await session.scalars(select(BreachRow.host).order_by(BreachRow.id)))
        assert found == [breach(1).host, breach(2).host]
        held = "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE locktype = 'advisory'"
        assert cluster.say(f"{held} AND datname = '{name}'") == "1"


async def test_a_server_that_is_down_is_one_sentence_without_a_password(tmp_path):
    url = as_url(f"postgresql://school@/log?host={tmp_path}").set(
        drivername=database_server.DRIVER, password="lantern biscuit"
    )
    with pytest.raises(UnusableDatabaseError) as refused:
        async with opened(url):
            pass
    said = str(refused.value)
    assert said.startswith("The database postgresql://school@/log?host=")
    assert "lantern" not in said
    assert "\n" not in said


def test_the_password_comes_from_its_file_and_is_never_shown(tmp_path):
    (tmp_path / "password").write_text("lantern biscuit\n")
    settings = msgspec.structs.replace(REMOTE, server=ServerSettings(password_file=str(tmp_path / "password")))
    url = database_server.address(settings)
    assert url.password == "lantern biscuit"
    assert shown(url) == REMOTE.database
    assert "lantern" not in str(url)
    assert database_server.address(REMOTE).password is None
    assert database_server.address(ReportingSettings()) == "database/schoolgate.db"


@pytest.mark.parametrize(
    ("database", "protected"),
    [
        ("postgresql://s@db.school.test/log", True),
        ("postgresql://s@10.0.0.5:5433/log", True),
        ("postgresql://s@127.0.0.1/log", False),
        ("postgresql://s@localhost/log", False),
        ("postgresql:///log?host=/run/postgresql", False),
        ("database/schoolgate.db", False),
    ],
)
def test_to_another_machine_the_certificate_is_checked(database, protected):
    tls = database_server.tls(ReportingSettings(database=database))
    assert (tls is not None and tls.check_hostname) is protected


async def test_a_journal_that_was_read_goes_when_its_days_are_over(database, spool):
    now = 1_000 * DAY
    for instance in range(3):
        journal = open_journal(spool, instance=instance, sealed_seed=b"sealed")
        journal.write(breach(instance))
        journal.close()
    for _ in range(3):
        await taken_in(database, spool, now_ns=lambda: now - 31 * DAY)
    late = open_journal(spool, instance=3, sealed_seed=b"sealed")
    late.close()
    for _ in range(3):
        await taken_in(database, spool, now_ns=lambda: now - 29 * DAY)
    old, young, longer, late = sorted(spool.iterdir())
    for path, days in ((old, 31), (young, 29), (longer, 31), (late, 40)):
        os.utime(path, ns=(now - days * DAY, now - days * DAY))
    with longer.open("ab") as file:
        file.write(b"more")
    os.utime(longer, ns=(now - 31 * DAY, now - 31 * DAY))
    spent = Spent(database, spool, days=30, now_ns=lambda: now)
    await spent.step()
    await spent.step()
    assert sorted(spool.iterdir()) == [young, longer, late]
    assert spent.removed == 1
    async with database.reading() as session:
        assert set(await session.scalars(select(JournalRow.state))) == {"finished"}


async def test_a_full_disk_here_is_said_and_no_visit_on_the_server_goes(database, tmp_path):
    room = Room(database, tmp_path / "server", usage=lambda _: (100 * KEPT, 100 * KEPT, 0))
    await room.step()
    assert (room.removed, room.failures, room.share) == (0, 0, 0.0)
    assert list(tmp_path.glob("server*")) == []
