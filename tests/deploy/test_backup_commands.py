import asyncio
import contextlib
import json

import pytest

from deploy import config, setup
from reporting.database import opened
from reporting.models import AccountRow
from reporting.people_models import AccountStateRow, PersonNameRow, RoleKeyRow
from tests.support.commands import schoolgate
from tests.support.journals import breach, follower, open_journal


@pytest.fixture
def school(tmp_path):
    made = setup.init(tmp_path / "school", "Test School", shown_by="A. Okafor")
    return config.load(made.folder / config.NAME)


@pytest.fixture
def command(school):
    """Run a command on the school."""
    return lambda *words: schoolgate(*words, "--config", str(school.file))


@pytest.fixture
def file(school):
    return school.path(school.config.reporting.database)


async def take_in(school, file):
    async with opened(file) as database:
        ingest = follower(database, school.files.spool)
        while await ingest.step():
            pass
        ingest.close()


def journal(school, count):
    with contextlib.closing(open_journal(school.files.spool, sealed_seed=b"sealed")) as written:
        for number in range(count):
            written.write(breach(number))


def test_a_backup_and_the_journals_since_give_back_every_breach_once(school, command, file):
    journal(school, 5)
    asyncio.run(take_in(school, file))
    made = json.loads(command("backup", "--json").stdout)
    assert made["breaches"] == 5
    journal(school, 3)
    asyncio.run(take_in(school, file))
    restored = command("restore", made["file"])
    assert restored.returncode == 0, restored.stderr
    assert "What was there before is kept: " in restored.stdout
    asyncio.run(take_in(school, file))
    assert "is whole: 8 breaches" in command("backup", str(school.folder / "copy.db")).stdout


def test_without_a_database_one_sentence_says_so(command, file):
    refused = command("backup")
    assert refused.returncode == 1
    assert refused.stderr == f"{file}: there is no database yet; reporting makes it when it first starts\n"


def test_nothing_is_put_back_while_reporting_runs(school, command, file):
    async def tried():
        async with opened(file):
            made = json.loads((await asyncio.to_thread(command, "backup", "--json")).stdout)
            return await asyncio.to_thread(command, "restore", made["file"])

    refused = asyncio.run(tried())
    assert refused.returncode == 1
    assert "stop it first" in refused.stderr


def test_a_check_changes_nothing_and_names_the_journals_that_are_gone(school, command, file):
    written = open_journal(school.files.spool, sealed_seed=b"sealed")
    for number in range(5):
        written.write(breach(number))
    asyncio.run(take_in(school, file))
    made = json.loads(command("backup", "--json").stdout)
    written.close()
    written.path.unlink()
    before = sorted(path.name for path in file.parent.iterdir())
    checked = command("restore", "--check", made["file"])
    assert checked.returncode == 0
    assert "5 breaches; nothing was changed" in checked.stdout
    assert written.name in checked.stderr
    assert sorted(path.name for path in file.parent.iterdir()) == before


def test_keys_that_are_kept_apart_from_a_backup_are_asked_for_where_they_are_missing(school, command, file):
    async def keep():
        async with opened(file) as database, database.writing() as session:
            session.add(AccountRow(id=1, name="ann", roles="dsl", password_hash="x", created_ns=1))
            await session.flush()
            session.add(AccountStateRow(account=1, totp_secret=b"sealed", totp_since_ns=1))
            session.add(RoleKeyRow(role="dsl", public=b"public", created_ns=1))
            await session.flush()
            name = {"person": 7, "role": "dsl", "sealed": b"sealed", "month": "2026-11"}
            session.add(PersonNameRow(**name, written_ns=1, written_by=1))

    asyncio.run(keep())
    made = json.loads(command("backup", "--json").stdout)["file"]
    folder = file.parent
    for options in (["--check"], []):
        says = command("restore", *options, made).stderr
        assert f"{folder / 'second-step.key'} is not there: put it there before reporting starts" in says
        assert f"{folder / 'month-keys'} has no key of 2026-11: schoolgate month-keys restore FOLDER puts it" in says
    (folder / "second-step.key").write_bytes(bytes(32))
    (folder / "month-keys").mkdir(exist_ok=True)
    (folder / "month-keys/2026-11-dsl-0123456789abcdef.key").write_bytes(b"key")
    assert command("restore", "--check", made).stderr == ""


@pytest.mark.parametrize("options", [["--check"], []])
def test_a_file_that_is_no_backup_is_refused(school, command, options):
    refused = command("restore", *options, str(school.file))
    assert refused.returncode == 1
    assert "is no database of Schoolgate" in refused.stderr


@pytest.mark.parametrize(("words", "does"), [(["backup"], "pg_dump"), (["restore", "schoolgate.toml"], "pg_restore")])
def test_a_database_on_a_server_is_its_administrators_to_copy(school, command, words, does):
    text = school.file.read_text()
    old = 'database = "database/schoolgate.db"'
    assert old in text
    school.file.write_text(text.replace(old, 'database = "postgresql://schoolgate@db.school.test/schoolgate"'))
    refused = command(words[0], *(str(school.folder / name) for name in words[1:]))
    assert refused.returncode == 1
    says = "reporting.database: it is on a PostgreSQL server, not a file of this machine."
    assert refused.stderr.startswith(f"{school.file}: {says} {does}")
    assert not (school.folder / "postgresql:").exists()
