import asyncio
import contextlib
import json

import pytest

from deploy import config, setup
from reporting.database import opened
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
