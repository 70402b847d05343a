"""What a purge takes, what needs a month, and how reporting finishes one; keys of months and their record."""

import json

import pytest
from sqlalchemy import select

from reporting import incidents, purging, triage
from reporting.accounts import Account
from reporting.incidents import Owner
from reporting.keyring import Keyring
from reporting.models import AccountRow, AlertRow
from reporting.month_copies import NoCopyError, copy, put_back
from reporting.month_keys import FOLDER, RECORD, MonthKeys, PurgedMonthError, begins_ns, folder_of, month_of
from reporting.names import Names, UnwritableNameError
from reporting.people_models import PersonNameRow
from reporting.purging import Doomed, Purged, UnreadableError
from reporting.sealing import new_pair
from tests.support.databases import opened
from tests.support.staff_pages import PASSWORD, QUICK

DSL = Account(1, "ann", frozenset({"dsl"}))
OLD, KEPT = "2026-02", "2026-03"


@pytest.fixture
def months(tmp_path):
    return MonthKeys(tmp_path / FOLDER)


@pytest.fixture
async def database(where):
    async with opened(where) as database:
        async with database.writing() as session:
            session.add(AccountRow(id=DSL.id, name="ann", roles="dsl", password_hash="x", created_ns=1))
        yield database


def purge(months, before):
    """Put a purge on record, as the command does before it touches a key."""
    months.folder.mkdir(exist_ok=True)
    line = {"v": 1, "at": "2026-11-27T10:00:00+00:00", "before": before, "by": "A. Okafor", "reason": "Over"}
    with (months.folder / RECORD).open("a") as record:
        record.write(json.dumps(line) + "\n")


async def write(database, months, **named):
    """Write names of the people 1 and so on down, each in a month; returns the DSL's keys."""
    keyring = Keyring(database, QUICK, lambda: 1)
    await keyring.open("log-in", DSL, PASSWORD)
    for person, (name, month) in enumerate(named.items(), 1):
        names = Names(database, months, lambda month=month: begins_ns(month))
        await names.write(person, name, pupil=True, by=DSL.id)
    return keyring.opened("log-in")


async def alert(database, at_ns):
    """An alert about person 1, and an open incident of it."""
    async with database.writing() as session:
        row = AlertRow(
            number=7, opened_ns=at_ns, severity=3, theme="self-harm", audience="dsl", subject="person:1", profile="ks2",
            act_by_ns=at_ns, count=1, last_ns=at_ns,
        )  # fmt: skip
        session.add(row)
        await session.flush()
        made = await incidents.make(session, Owner("dsl", "", "ks2"), DSL.id, at_ns)
        await triage.link(session, triage.Hand(row.id, DSL.id, at_ns), made.id, made.number)


async def test_each_database_says_beside_reporting_what_goes_and_what_is_needed(database, months):
    await write(database, months, Ada=OLD, Ben=OLD, Cy=KEPT)
    asked = await purging.looked_up(database.url, None, None, KEPT)
    assert asked == (Doomed(names=2, later=0, unsealed=0), [])
    await alert(database, begins_ns(KEPT))
    asked = await purging.looked_up(database.url, None, None, KEPT)
    assert asked == (Doomed(names=2, later=1, unsealed=0), [(101, OLD)]), "the name of whom it is about is of then"


async def test_reporting_finishes_a_purge_that_is_on_record_once(database, months, caplog):
    keys = await write(database, months, Ada=OLD, Ben=KEPT)
    names, purged = Names(database, months, lambda: begins_ns(KEPT)), Purged(database, months)
    caplog.set_level("INFO", "schoolgate.purge")
    await purged.step()
    assert [await names.name(person, keys) for person in (1, 2)] == ["Ada", "Ben"]
    purge(months, KEPT)
    assert await names.name(1, keys) is None, "what is on record counts before the key is gone"
    assert not await names.known(1)
    await purged.step()
    await purged.step()
    assert [month for month, _ in months.files()] == [KEPT]
    async with database.reading() as session:
        assert [row.person for row in await session.scalars(select(PersonNameRow))] == [2]
    assert [one.message for one in caplog.records] == ["Names of months before 2026-03 were purged: 1 rows went."]


async def test_what_keeps_a_purge_from_its_end_is_said_and_it_is_tried_again(database, months, caplog):
    await write(database, months, Ada=OLD)
    purge(months, KEPT)
    purged, [(_, key)] = Purged(database, months), months.files()
    kept = key.read_bytes()
    key.unlink()
    key.mkdir()
    await purged.step()
    assert "A purge could not be finished, and is tried again" in caplog.text
    key.rmdir()
    key.write_bytes(kept)
    await purged.step()
    assert months.files() == []


async def test_a_name_can_be_written_down_anew_after_a_purge_and_not_into_a_purged_month(database, months):
    keys = await write(database, months, Ada=OLD)
    purge(months, KEPT)
    now = begins_ns(KEPT)
    names = Names(database, months, lambda: now)
    await names.write(1, "Ada Lovett", pupil=True, by=DSL.id)
    assert await names.name(1, keys) == "Ada Lovett"
    now = begins_ns(OLD)
    with pytest.raises(UnwritableNameError, match="2026-02 was purged"):
        await names.write(2, "Ben", pupil=True, by=DSL.id)


async def test_a_log_in_succeeds_where_no_name_can_be_sealed_anew(database, months, caplog):
    keys = await write(database, months, Ada=OLD)
    await alert(database, begins_ns(KEPT))
    for _, path in months.files():
        path.rename(path.parent.with_name("away"))
    months.folder.rmdir()
    months.folder.touch()
    names = Names(database, months, lambda: begins_ns(KEPT))
    await names.renew(keys)
    assert "Names could not be sealed anew" in caplog.text


async def test_a_database_of_an_earlier_version_is_said_to_be_one(tmp_path):
    (tmp_path / "old.db").touch()
    with pytest.raises(UnreadableError, match="After an update, start reporting once"):
        await purging.looked_up(tmp_path / "old.db", None, None, KEPT)


def test_a_key_of_a_month_is_the_roles_own_and_made_once(months):
    (dsl, dsl_public), (head, head_public) = new_pair(), new_pair()
    public = months.public(KEPT, "dsl", dsl_public)
    assert months.public(KEPT, "dsl", dsl_public) == public
    assert months.opened(KEPT, "dsl", dsl)
    assert months.opened(KEPT, "headteacher", head) is None, "there is none yet"
    months.public(KEPT, "headteacher", head_public)
    assert months.opened(KEPT, "headteacher", dsl) is None
    assert months.opened(KEPT, "headteacher", head) != months.opened(KEPT, "dsl", dsl)
    other, other_public = new_pair()
    months.public(KEPT, "dsl", other_public)
    assert months.opened(KEPT, "dsl", dsl), "a database that was made anew has another key of the role"
    assert months.opened(KEPT, "dsl", other)


def test_files_whose_months_were_exchanged_open_nothing(months):
    private, public = new_pair()
    for month in (OLD, KEPT):
        months.public(month, "dsl", public)
    (_, old), (_, kept) = months.files()
    kept.write_bytes(old.read_bytes())
    assert months.opened(KEPT, "dsl", private) is None


def test_a_destroyed_key_is_written_over_before_it_is_removed(months):
    private, public = new_pair()
    months.public(OLD, "dsl", public)
    [(_, path)] = months.files()
    with path.open("rb") as still_open:
        assert months.destroy(KEPT) == 1
        assert still_open.read() == bytes(112)
    assert months.opened(OLD, "dsl", private) is None
    assert months.destroy(KEPT) == 0


def test_a_torn_line_of_the_record_purges_nothing_and_the_others_hold(months):
    purge(months, OLD)
    with (months.folder / RECORD).open("a") as record:
        record.write(
            '{"v": 1, "at": "x", "before": "2027-01"\n{"at": "", "before": "no month", "by": "", "reason": ""}\n'
        )
    assert months.limit() == OLD
    with pytest.raises(PurgedMonthError):
        months.public("2026-01", "dsl", new_pair()[1])


def test_a_copy_keeps_what_it_has_of_another_content_and_takes_over_what_the_other_purged(months, tmp_path):
    public = new_pair()[1]
    for month in (OLD, KEPT):
        months.public(month, "dsl", public)
    other = MonthKeys(tmp_path / "other")
    assert (copy(months, other.folder).written, copy(months, other.folder).written) == (2, 0)
    (_, old), (_, kept) = months.files()
    kept.write_bytes(b"x" * 112)
    assert copy(months, other.folder).kept == 1
    purge(other, KEPT)
    with pytest.raises(NoCopyError, match="purge of all before 2026-03"):
        copy(months, other.folder)
    done = put_back(other.folder, months)
    assert (done.written, done.destroyed, done.kept) == (0, 1, 1)
    assert (old.exists(), months.limit()) == (False, KEPT)
    with pytest.raises(NoCopyError):
        put_back(tmp_path / "nothing", months)


def test_months_are_utcs(tmp_path):
    assert month_of(begins_ns("2026-07")) == "2026-07"
    assert month_of(begins_ns("2026-07") - 1) == "2026-06"
    assert folder_of(str(tmp_path / "database/x.db"), tmp_path / "state") == tmp_path / "database" / FOLDER
    assert folder_of("postgresql://a@b/c", tmp_path / "state") == tmp_path / "database" / FOLDER
