"""A purge destroys what opens names, in each backup too: tried with real backups, purges and restores."""

import asyncio
import contextlib
import json
import shutil
import subprocess
import time

import pytest
from sqlalchemy import select

from deploy import config, setup
from reporting import incidents, sealing, triage
from reporting.accounts import Account
from reporting.incidents import Owner
from reporting.keyring import Keyring
from reporting.models import AccountRow, AlertRow
from reporting.month_keys import MonthKeys, begins_ns, folder_of, month_of
from reporting.names import Names
from reporting.people_models import PersonNameRow
from reporting.purging import Purged
from tests.support.commands import COMMAND, schoolgate
from tests.support.databases import opened
from tests.support.staff_pages import PASSWORD, QUICK

DSL = Account(1, "ann", frozenset({"dsl"}))
OLD, KEPT = "2026-02", "2026-03"
BY = ("--by", "A. Okafor", "--reason", "The year that we keep is over")


class School:
    """A school in a folder, with what a test does to its names and how it runs commands on it."""

    def __init__(self, folder):
        self.settings = config.load(setup.init(folder, "Test School", shown_by="A. Okafor").folder / config.NAME)
        self.file = self.settings.path(self.settings.config.reporting.database)
        self.file.parent.mkdir()
        self.months = MonthKeys(folder_of(str(self.file), self.settings.files.state))

    def command(self, *words):
        return schoolgate(*words, "--config", str(self.settings.file))

    @contextlib.asynccontextmanager
    async def log_in(self, now_ns):
        """The names and the keys of the DSL, who logs in at *now_ns*."""
        async with opened(self.file) as database:
            async with database.writing() as session:
                if await session.get(AccountRow, DSL.id) is None:
                    session.add(AccountRow(id=DSL.id, name="ann", roles="dsl", password_hash="x", created_ns=1))
            keyring, names = Keyring(database, QUICK, lambda: now_ns), Names(database, self.months, lambda: now_ns)
            await keyring.open("log-in", DSL, PASSWORD)
            await names.renew(keyring.opened("log-in"))
            yield database, names, keyring.opened("log-in")

    async def write(self, **written):
        """Write down names of the people 1 and so on, each in a month, by its name."""
        for person, (name, month) in enumerate(written.items(), 1):
            async with self.log_in(begins_ns(month.replace("_", "-"))) as (_, names, _keys):
                await names.write(person, name, pupil=True, by=DSL.id)

    async def read(self, *people, now_ns=None):
        async with self.log_in(now_ns or begins_ns(KEPT)) as (_, names, keys):
            return [await names.name(person, keys) for person in people]


@pytest.fixture
def school(tmp_path):
    return School(tmp_path / "school")


async def alert(database, at_ns, subject="person:1"):
    """An alert about *subject*; returns its id."""
    async with database.writing() as session:
        row = AlertRow(
            number=7, opened_ns=at_ns, severity=3, theme="self-harm", audience="dsl", subject=subject, profile="ks2",
            act_by_ns=at_ns, count=1, last_ns=at_ns,
        )  # fmt: skip
        session.add(row)
        await session.flush()
        return row.id


def test_a_name_of_a_purged_month_opens_neither_here_nor_out_of_a_backup_of_before(school):
    asyncio.run(school.write(Ada=OLD, Ben=KEPT))
    before = json.loads(school.command("backup", "--json").stdout)["file"]
    assert asyncio.run(school.read(1, 2)) == ["Ada", "Ben"]
    purged = school.command("purge", "--before", KEPT, *BY, "--yes", "--json")
    assert purged.returncode == 0, purged.stderr
    assert json.loads(purged.stdout) == {
        "before": KEPT, "months": [OLD], "names": 1, "later": 0, "done": True, "unsealed": 0,
    }  # fmt: skip
    assert asyncio.run(school.read(1, 2)) == [None, "Ben"]
    restored = school.command("restore", before)
    assert restored.returncode == 0, restored.stderr
    assert asyncio.run(school.read(1, 2)) == [None, "Ben"], "the password and the rows are there, the key is not"
    [line] = school.months.record()
    assert (line.by, line.reason, line.before) == ("A. Okafor", BY[3], KEPT)


def test_a_backup_holds_no_key_of_a_month(school):
    asyncio.run(school.write(Ada=OLD))
    made = json.loads(school.command("backup", "--json").stdout)["file"]
    [(_, key)] = school.months.files()
    sealed = key.read_bytes()[32:]
    assert sealed not in school.settings.path(made).read_bytes()
    assert (key.stat().st_mode & 0o777, key.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_new_machine_reads_what_was_not_purged_from_a_backup_and_a_copy_of_the_keys(school, tmp_path):
    asyncio.run(school.write(Ada=OLD, Ben=KEPT))
    copy, made = tmp_path / "stick", tmp_path / "elsewhere.db"
    assert "2 keys written" in school.command("month-keys", "copy", str(copy)).stdout
    assert school.command("backup", str(made)).returncode == 0
    purged = school.command("purge", "--before", KEPT, *BY, "--yes")
    assert purged.returncode == 0, purged.stderr
    updated = school.command("month-keys", "copy", str(copy))
    assert "0 keys written, 1 destroyed" in updated.stdout
    new = School(tmp_path / "new")
    assert new.command("restore", str(made)).returncode == 0
    assert asyncio.run(new.read(1, 2)) == [None, None], "a backup alone opens no name"
    shutil.rmtree(new.months.folder, ignore_errors=True)
    put = new.command("month-keys", "restore", str(copy))
    assert "1 keys written" in put.stdout, put.stderr
    assert asyncio.run(new.read(1, 2)) == [None, "Ben"]
    assert new.months.limit() == KEPT, "what was purged stays so"


def test_a_key_that_somebody_puts_back_from_an_old_copy_opens_nothing_where_it_was_purged(school, tmp_path):
    asyncio.run(school.write(Ada=OLD))
    shutil.copytree(school.months.folder, tmp_path / "old")
    assert school.command("purge", "--before", KEPT, *BY, "--yes").returncode == 0
    assert "0 keys written" in school.command("month-keys", "restore", str(tmp_path / "old")).stdout
    for key in (tmp_path / "old").glob("*.key"):
        shutil.copy(key, school.months.folder)
    assert asyncio.run(school.read(1)) == [None]

    async def again():
        async with opened(school.file) as database:
            await Purged(database, school.months).step()
            async with database.reading() as session:
                return list(await session.scalars(select(PersonNameRow)))

    assert asyncio.run(again()) == []
    assert school.months.files() == [], "and reporting destroys it again"


def test_a_month_that_an_open_incident_needs_is_not_purged(school):
    async def open_incident(*, is_open):
        async with school.log_in(begins_ns(OLD)) as (database, _, _keys):
            about = await alert(database, begins_ns(OLD)) if is_open else None
            async with database.writing() as session:
                if about:
                    row = await incidents.make(session, Owner("dsl", "person:1", "ks2"), DSL.id, begins_ns(KEPT))
                    await triage.link(session, triage.Hand(about, DSL.id, 1), row.id, row.number)
                    return
                row = await session.scalar(select(incidents.IncidentRow))
                await incidents.set_state(session, row, DSL.id, begins_ns(KEPT), is_open=False)

    asyncio.run(school.write(Ada=OLD))
    asyncio.run(open_incident(is_open=True))
    refused = school.command("purge", "--before", KEPT, *BY, "--yes")
    assert refused.returncode == 1
    assert refused.stderr == f"--before {KEPT}: incident 101 is open and needs {OLD}; close it first\n"
    assert asyncio.run(school.read(1, now_ns=begins_ns(OLD))) == ["Ada"]
    asyncio.run(open_incident(is_open=False))
    assert school.command("purge", "--before", KEPT, *BY, "--yes").returncode == 0


def test_the_name_of_somebody_with_something_later_on_record_is_told_and_lives_on_after_a_log_in(school):
    async def later():
        async with opened(school.file) as database:
            await alert(database, begins_ns(KEPT))

    asyncio.run(school.write(Ada=OLD, Ben=OLD))
    asyncio.run(later())
    checked = school.command("purge", "--before", KEPT, *BY, "--check", "--json")
    assert json.loads(checked.stdout)["later"] == 1
    assert "Of 1 of these people something later is on record" in checked.stderr
    assert asyncio.run(school.read(1, 2, now_ns=begins_ns(KEPT))) == ["Ada", "Ben"], "a log-in in the later month"
    assert school.command("purge", "--before", KEPT, *BY, "--yes").returncode == 0
    assert asyncio.run(school.read(1, 2)) == ["Ada", None]


def test_it_asks_first_and_nothing_happens_without_a_yes(school):
    asyncio.run(school.write(Ada=OLD))
    words = [*COMMAND, "purge", "--before", KEPT, *BY, "--config", str(school.settings.file)]
    for answer, done in (("n\n", False), ("", False), ("y\n", True)):
        asked = subprocess.run(words, input=answer, capture_output=True, text=True, timeout=60, check=False)
        assert "This cannot be taken back" in asked.stderr
        assert asked.returncode == (0 if done else 1)
        assert asyncio.run(school.read(1)) == [None if done else "Ada"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--before", "2026", *BY), "--before: write a month"),
        (("--before", "2999-01", *BY), "its names are still written"),
        (("--before", KEPT, "--by", " ", "--reason", "long enough"), "--by: write a name"),
        (("--before", KEPT, "--by", "A. Okafor", "--reason", "x"), "--reason: say in a few words why"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(school, words, says):
    asyncio.run(school.write(Ada=OLD))
    refused = school.command("purge", *words, "--yes")
    assert refused.returncode == 1
    assert says in refused.stderr
    assert asyncio.run(school.read(1)) == ["Ada"]


def test_without_a_database_one_sentence_says_so(school):
    refused = school.command("purge", "--before", KEPT, *BY, "--yes")
    assert refused.returncode == 1
    assert refused.stderr == f"{school.file}: there is no database yet; reporting makes it when it first starts\n"


def test_keys_are_copied_neither_to_where_they_are_nor_beside_backups(school, tmp_path):
    asyncio.run(school.write(Ada=OLD))
    school.command("backup", str(tmp_path / "schoolgate-20260101T000000Z.db"))
    school.command("backup")
    stick = tmp_path / "stick"
    stick.mkdir()
    school.command("backup", str(stick / "of-friday.db"))
    refused = school.command("month-keys", "copy", str(stick))
    assert "keys and backups of the database do not belong in one place" in refused.stderr
    for place in (school.months.folder, school.file.parent / "backups", school.file.parent / "backups/keys", tmp_path):
        assert school.command("month-keys", "copy", str(place)).returncode == 1, place
    assert "has no keys of months" in school.command("month-keys", "restore", str(tmp_path)).stderr


def test_a_name_from_before_months_had_keys_stays_readable_and_is_sealed_anew_at_a_log_in(school):

    async def as_before():
        async with school.log_in(begins_ns(OLD)) as (database, names, keys):
            await names.write(1, "Ada", pupil=True, by=DSL.id)
            async with database.writing() as session:
                row = await session.scalar(select(PersonNameRow))
                public = sealing.X25519PrivateKey.from_private_bytes(keys["dsl"]).public_key().public_bytes_raw()
                row.month, row.sealed = "", sealing.seal(public, b"Ada", b"schoolgate name 1 1")
            assert await names.name(1, keys) == "Ada"

    async def month():
        async with opened(school.file) as database, database.reading() as session:
            return (await session.scalar(select(PersonNameRow))).month

    asyncio.run(as_before())
    checked = school.command("purge", "--before", KEPT, *BY, "--check")
    assert "1 of the names are of before months had keys" in checked.stderr
    assert asyncio.run(school.read(1)) == ["Ada"]
    assert asyncio.run(month()) == OLD, "the month of when it was written"
    assert school.command("purge", "--before", KEPT, *BY, "--yes").returncode == 0
    assert asyncio.run(school.read(1)) == [None]


def test_a_server_that_is_away_is_said_in_one_sentence(school):
    text = school.settings.file.read_text()
    address = 'database = "postgresql://schoolgate@127.0.0.1:1/schoolgate"'
    school.settings.file.write_text(text.replace('database = "database/schoolgate.db"', address))
    refused = school.command("purge", "--before", KEPT, *BY, "--check")
    assert refused.returncode == 1
    says = "The database postgresql://schoolgate@127.0.0.1:1/schoolgate cannot be used: "
    assert (refused.stderr.count("\n"), says in refused.stderr) == (1, True), refused.stderr


def test_this_month_itself_is_never_purged(school):
    this = month_of(time.time_ns())
    asyncio.run(school.write(Ada=OLD, Ben=this))
    assert school.command("purge", "--before", this, *BY, "--yes").returncode == 0
    assert asyncio.run(school.read(1, 2, now_ns=time.time_ns())) == [None, "Ben"]
