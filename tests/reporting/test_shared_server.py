"""Several schools in one database of a PostgreSQL server: each in its own schema, and none in another's."""

import asyncio
import contextlib
import re
import subprocess
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from reporting import purging
from reporting.database import DatabaseInUseError, UnusableDatabaseError, as_url, opened
from reporting.log_models import BreachNameRow
from reporting.models import BreachRow, JournalRow, Table
from reporting.site_schema import School
from tests.support.journals import breach, follower, open_journal

ELMWOOD, OAKFIELD = School("Elmwood", "aa" * 16), School("oakfield", "bb" * 16)
DOCUMENT = Path(__file__).parents[2] / "docs/how-to/database-on-a-server.md"


def lines_of(heading):
    """The SQL that the how-to gives under *heading*, block by block."""
    section = DOCUMENT.read_text().partition(heading)[2].partition("\n## ")[0]
    return re.findall(r"```sql\n(.*?)```", section, re.DOTALL)


@pytest.fixture
def shared(cluster):
    """The address of a database without tables."""
    return cluster.new()


def name_of(url):
    return as_url(url).database


def say(cluster, url, statement):
    return cluster.say(statement, name_of(url))


async def take_in(url, school, spool, *hosts):
    """Have the *school* take in a breach of each of *hosts*; all hosts that it has then."""
    spool.mkdir(exist_ok=True)
    with contextlib.closing(open_journal(spool, site=school.site, sealed_seed=b"sealed")) as journal:
        for number, host in enumerate(hosts):
            journal.write(breach(number, host=host))
    async with opened(url, school=school) as database:
        ingest = follower(database, spool)
        while await ingest.step():
            pass
        await ingest.step()
        ingest.close()
        return await hosts_of(database)


async def hosts_of(database):
    async with database.reading() as session:
        return list(await session.scalars(select(BreachRow.host).order_by(BreachRow.id)))


async def refused(url, school):
    with pytest.raises(UnusableDatabaseError) as error:
        async with opened(url, school=school):
            pass
    return str(error.value)


async def test_schools_share_a_database_and_each_sees_its_own_rows_alone(cluster, shared, tmp_path):
    assert await take_in(shared, ELMWOOD, tmp_path / "a", "one.test", "two.test") == ["one.test", "two.test"]
    assert await take_in(shared, OAKFIELD, tmp_path / "b", "three.test") == ["three.test"]
    found = "SELECT table_schema FROM information_schema.tables WHERE table_name = 'alembic_version' ORDER BY 1"
    assert say(cluster, shared, found).split() == ["elmwood", "oakfield"]
    assert say(cluster, shared, "SELECT count(*) FROM elmwood.breaches") == "2"


async def test_what_a_purge_would_take_is_looked_up_among_the_schools_own_rows(cluster, shared, tmp_path):
    await take_in(shared, ELMWOOD, tmp_path / "a", "one.test")
    await take_in(shared, OAKFIELD, tmp_path / "b", "two.test")
    name = "INSERT INTO oakfield.person_names VALUES (7, 'dsl', 'sealed', 1, 1, '2026-10')"
    say(cluster, shared, f"SET session_replication_role = replica; {name}")
    names = [(await purging.looked_up(shared, None, school, "2027-01"))[0].names for school in (ELMWOOD, OAKFIELD)]
    assert names == [0, 1]


async def test_two_schools_are_open_at_once_and_a_second_process_of_one_is_refused(shared):
    async with opened(shared, school=ELMWOOD), opened(shared, school=OAKFIELD) as database:
        assert await hosts_of(database) == []
        with pytest.raises(DatabaseInUseError, match="Another reporting process has the"):
            async with opened(shared, school=ELMWOOD):
                pass


async def test_in_a_schema_the_tables_and_indexes_are_exactly_those_of_the_models(shared):
    def ours(name, _kind, _parents):
        return name != "ix_breach_names_trigrams"

    def differences(connection):
        return compare_metadata(MigrationContext.configure(connection, opts={"include_name": ours}), Table.metadata)

    async with opened(shared, school=ELMWOOD) as database:
        async with database._writer.begin() as connection:
            assert await connection.run_sync(differences) == []
        async with database.reading() as session:
            assert await session.scalar(text("SELECT to_regclass('elmwood.ix_breach_names_trigrams')"))
            assert await session.scalar(select(func.count()).select_from(BreachNameRow)) == 0


async def test_a_second_gateway_with_one_site_is_refused_before_it_reads_or_writes(cluster, shared, tmp_path):
    await take_in(shared, ELMWOOD, tmp_path / "a", "one.test")
    says = await refused(shared, School("elmwood", "cc" * 16))
    assert "another gateway with the site elmwood writes into it" in says
    assert "give this one another site in schoolgate.toml" in says
    assert (
        say(cluster, shared, "SELECT convert_from(value, 'UTF8') FROM elmwood.meta WHERE name = 'gateway'") == "aa" * 16
    )
    async with opened(shared, school=ELMWOOD):
        says = await refused(shared, School("elmwood", "cc" * 16))
        assert "another gateway with the site elmwood" in says, "and not that the other is to be stopped"
    with pytest.raises(UnusableDatabaseError, match="another gateway with the site elmwood"):
        await purging.looked_up(shared, None, School("elmwood", "cc" * 16), "2027-01")
    assert await take_in(shared, ELMWOOD, tmp_path / "a2", "two.test") == ["one.test", "two.test"]
    say(cluster, shared, re.search(r"DELETE FROM .*'", says)[0])
    assert await take_in(shared, School("elmwood", "cc" * 16), tmp_path / "c", "three.test") != []
    assert "another gateway" in await refused(shared, ELMWOOD)


async def test_a_server_that_takes_nothing_is_said_in_one_sentence(cluster, shared):
    say(cluster, shared, f'ALTER DATABASE "{name_of(shared)}" SET default_transaction_read_only = on')
    says = await refused(shared, ELMWOOD)
    assert says.startswith("The database postgresql://"), says
    assert "cannot be used: cannot execute CREATE SCHEMA in a read-only transaction" in says
    assert "\n" not in says


async def test_a_role_that_may_not_read_what_is_in_its_schema_is_told_so(cluster, shared, roles, tmp_path):
    elmwood, _ = roles
    await take_in(elmwood, ELMWOOD, tmp_path / "a", "one.test")
    say(cluster, shared, "ALTER TABLE elmwood.meta OWNER TO CURRENT_USER; REVOKE ALL ON elmwood.meta FROM elmwood")
    assert "cannot be used: permission denied for table meta" in await refused(elmwood, ELMWOOD)


async def test_a_site_that_was_changed_is_refused_with_the_line_that_mends_it(cluster, shared, tmp_path):
    await take_in(shared, ELMWOOD, tmp_path / "a", "one.test")
    renamed = School("Ashdown", ELMWOOD.gateway)
    says = await refused(shared, renamed)
    assert "is in the schema elmwood, and its site is now Ashdown" in says
    say(cluster, shared, re.search(r"ALTER SCHEMA .* TO \"\w+\"", says)[0])
    assert await take_in(shared, renamed, tmp_path / "b", "two.test") == ["one.test", "two.test"]


async def test_tables_in_public_stay_there_and_another_school_comes_beside_them(cluster, on_server, tmp_path):
    assert await take_in(on_server, ELMWOOD, tmp_path / "a", "one.test") == ["one.test"]
    assert say(cluster, on_server, "SELECT count(*) FROM public.breaches") == "1"
    assert await take_in(on_server, OAKFIELD, tmp_path / "b", "two.test") == ["two.test"]
    assert await take_in(on_server, ELMWOOD, tmp_path / "c", "three.test") == ["one.test", "three.test"]


async def test_a_gateway_that_cannot_read_its_key_stays_in_public_and_marks_nothing(cluster, on_server, tmp_path):
    await take_in(on_server, ELMWOOD, tmp_path / "a", "one.test")
    assert await take_in(on_server, School("Elmwood"), tmp_path / "b", "two.test") == ["one.test", "two.test"]
    assert say(cluster, on_server, "SELECT convert_from(value, 'UTF8') FROM meta WHERE name = 'gateway'") == "aa" * 16


async def test_tables_in_public_of_another_site_are_left_alone(cluster, on_server, tmp_path):
    async with opened(on_server) as database, database.writing() as session:  # as the version before left them
        session.add(
            JournalRow(name="j", site="elmwood", kind="dns", instance=0, started_ns=1, sealed_seed=b"", head=b"")
        )
    assert await take_in(on_server, OAKFIELD, tmp_path / "b", "two.test") == ["two.test"]
    assert say(cluster, on_server, "SELECT count(*) FROM public.breaches") == "0"


async def test_the_documented_step_moves_public_into_a_schema_with_all_rows(cluster, on_server, tmp_path):
    school = School("school", "dd" * 16)
    await take_in(on_server, school, tmp_path / "a", "one.test")
    (step,) = lines_of("### A database from before there were schemas")
    say(cluster, on_server, step)
    assert await take_in(on_server, school, tmp_path / "b", "two.test") == ["one.test", "two.test"]
    assert say(cluster, on_server, "SELECT to_regclass('public.breaches') IS NULL") == "t"
    assert await take_in(on_server, OAKFIELD, tmp_path / "c", "three.test") == ["three.test"]


@pytest.fixture
def roles(cluster, shared):
    """The addresses by which two schools reach *shared*, each with a role of its own made by the documented lines."""
    once, each = lines_of("## Several schools in one database")[:2]
    database = name_of(shared)
    say(cluster, shared, once.replace("DATABASE schoolgate", f"DATABASE {database}"))
    schools = ("elmwood", "oakfield")
    for school in schools:
        lines = each.replace("DATABASE schoolgate", f"DATABASE {database}").replace("elmwood", school)
        say(cluster, shared, lines)
    yield [shared.replace("schoolgate@", f"{school}@") for school in schools]
    for school in schools:
        say(cluster, shared, f"DROP OWNED BY {school} CASCADE")
        say(cluster, shared, f"DROP ROLE {school}")


async def test_with_a_role_for_each_school_none_reads_or_changes_anothers(cluster, shared, roles, tmp_path):
    elmwood, oakfield = roles
    await take_in(elmwood, ELMWOOD, tmp_path / "a", "one.test")
    async with opened(elmwood, school=ELMWOOD) as database, database.reading() as session:
        assert await session.scalar(text("SELECT to_regclass('elmwood.ix_breach_names_trigrams')"))
    assert await take_in(oakfield, OAKFIELD, tmp_path / "b", "two.test") == ["two.test"]
    async with opened(oakfield, school=OAKFIELD) as database:
        tables = sorted(Table.metadata.tables)
        for statement in (
            *(f"SELECT * FROM elmwood.{table}" for table in tables),
            "DELETE FROM elmwood.breaches",
            "UPDATE elmwood.meta SET value = ''",
            "DROP TABLE elmwood.breaches",
            "CREATE TABLE elmwood.more (a int)",
            "CREATE FUNCTION public.lower(text) RETURNS text LANGUAGE sql AS 'SELECT 1::text'",
            "CREATE SCHEMA more",
            "SET ROLE elmwood",
        ):
            with pytest.raises(DBAPIError, match=r"permission denied|must be owner"):
                async with database.writing() as session:
                    await session.execute(text(statement))
    says = await refused(oakfield, School("elmwood", "bb" * 16))
    assert "the schema elmwood is there, and our role may not use it" in says


async def test_a_role_that_may_make_no_schema_is_told_the_line_for_its_administrator(cluster, shared, roles):
    elmwood, _ = roles
    says = await refused(elmwood, School("ashdown", "ee" * 16))
    line = re.search(r"CREATE SCHEMA .*\"", says)[0]
    assert line == 'CREATE SCHEMA "ashdown" AUTHORIZATION "elmwood"'
    assert "there is no schema ashdown, as this gateway's site is ashdown" in says
    say(cluster, shared, line)
    async with opened(elmwood, school=School("ashdown", "ee" * 16)) as database:
        assert await hosts_of(database) == []


def test_one_schools_rows_are_dumped_and_put_back_without_the_others(cluster, shared, tmp_path):
    asyncio.run(take_in(shared, ELMWOOD, tmp_path / "a", "one.test"))
    asyncio.run(take_in(shared, OAKFIELD, tmp_path / "b", "two.test"))
    dump = tmp_path / "dump"
    places = ["-h", str(cluster.folder), "-U", "schoolgate"]
    programs = cluster._programs
    subprocess.run(
        [programs / "pg_dump", *places, "-Fc", "--schema=elmwood", f"--file={dump}", name_of(shared)], check=True
    )
    say(cluster, shared, "DELETE FROM elmwood.breaches; DELETE FROM oakfield.breaches")
    subprocess.run(
        [programs / "pg_restore", *places, "--clean", "--if-exists", f"--dbname={name_of(shared)}", dump], check=True
    )
    assert asyncio.run(take_in(shared, ELMWOOD, tmp_path / "a", "three.test")) == ["one.test", "three.test"]
    assert say(cluster, shared, "SELECT count(*) FROM oakfield.breaches") == "0"
