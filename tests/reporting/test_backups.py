import asyncio
import sqlite3
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from reporting import backups, rebuild, sqlite_file, troubles
from reporting.database import opened
from reporting.mending import DamagedDatabaseError, Mending
from reporting.models import BreachRow, DamagedRow
from reporting.nightly import HOUR, Nightly, due_since
from reporting.settings import BackupSettings
from tests.support.full_disk import fill
from tests.support.journals import breach, follower, open_journal

NOW = 1_800_000_000 * 10**9
"""08:00 UTC on Friday 15 January 2027."""
LONDON = ZoneInfo("Europe/London")


@pytest.fixture
def place(tmp_path):
    """Where a test's database, backups and spool are."""
    for name in ("database", "spool"):
        (tmp_path / name).mkdir()
    return Place(tmp_path)


class Place:
    def __init__(self, folder: Path):
        self.file = folder / "database" / "school.db"
        self.backups = folder / "database" / "backups"
        self.spool = folder / "spool"

    def journal(self, first, count, *, close=True):
        """A journal with *count* breaches that are told apart by their numbers."""
        journal = open_journal(self.spool, sealed_seed=b"sealed")
        for number in range(first, first + count):
            journal.write(breach(number))
        if close:
            journal.close()
        return journal

    def make(self, now_ns=NOW, keep=14):
        return backups.make(self.file, self.backups, keep=keep, now_ns=now_ns)

    async def take_in(self):
        """Open the database, mended if need be, and take in what the spool has."""
        async with opened(self.file, mend=lambda file: rebuild.mended(file, self.backups, NOW)) as database:
            ingest = follower(database, self.spool)
            await ingest._remember()
            while await ingest.step():
                pass
            ingest.close()
            return await self.numbers(database)

    @staticmethod
    async def numbers(database):
        """The breaches' numbers in the order in which they came in."""
        async with database.reading() as session:
            assert await session.scalar(select(func.count()).select_from(DamagedRow)) == 0
            times = (await session.scalars(select(BreachRow.at_ns).order_by(BreachRow.id))).all()
        return [at - breach(0).at_ns for at in times]

    def nightly(self, database, clock, **settings):
        given = BackupSettings(folder=str(self.backups), **settings)
        return Nightly(database, self.file, self.spool, given, zone=lambda: LONDON, now_ns=lambda: clock[0])


async def test_a_backup_is_whole_private_and_one_file(place):
    place.journal(0, 5)
    await place.take_in()
    made = place.make()
    assert (made.name, made.stat().st_mode & 0o777) == ("schoolgate-20270115T080000Z.db", 0o600)
    assert place.backups.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in place.backups.iterdir()] == [made.name]
    assert sqlite_file.damage(made) == ""
    assert sqlite_file.breaches(made) == 5


async def test_a_backup_is_of_one_moment_while_rows_come_in(place):
    place.journal(0, 3_000)
    async with opened(place.file) as database:
        ingest = follower(database, place.spool)
        made = asyncio.create_task(asyncio.to_thread(place.make))
        while await ingest.step():
            pass
        backup = await made
        ingest.close()
    rebuild.put_back(backup, place.file, NOW)
    assert await place.take_in() == list(range(3_000))


async def test_only_the_newest_are_kept(place):
    await place.take_in()
    made = [place.make(NOW + hours * HOUR, keep=3) for hours in range(5)]
    assert backups.all_in(place.backups) == [*reversed(made[2:])]


def test_no_backup_is_written_over_a_file_that_is_none(place, tmp_path):
    sqlite3.connect(place.file).close()
    (tmp_path / "schoolgate.toml").write_text("site = 'oak'")
    with pytest.raises(OSError, match="is no backup; nothing was written over it"):
        backups.write(place.file, tmp_path / "schoolgate.toml")
    assert (tmp_path / "schoolgate.toml").read_text() == "site = 'oak'"


async def test_a_journal_goes_once_two_backups_have_its_rows_and_a_living_one_stays(place):
    ended, living = place.journal(0, 3), place.journal(3, 3, close=False)
    await place.take_in()
    await place.take_in()
    place.make(NOW)
    assert backups.remove_dispensable(place.backups, place.spool) == 0
    place.make(NOW + HOUR)
    assert backups.remove_dispensable(place.backups, place.spool) == 1
    assert (ended.path.exists(), living.path.exists()) == (False, True)
    assert sorted(await place.take_in()) == list(range(6))
    living.close()


async def test_a_damaged_backup_lets_no_journal_go(place):
    ended = place.journal(0, 3)
    await place.take_in()
    damage(place.make(NOW))
    place.make(NOW + HOUR)
    backups.remove_dispensable(place.backups, place.spool)
    assert ended.path.exists()


async def test_a_journal_that_has_grown_since_the_backups_stays(place):
    ended = place.journal(0, 3)
    await place.take_in()
    place.make(NOW)
    place.make(NOW + HOUR)
    with ended.path.open("ab") as file:
        file.write(b"more")
    assert backups.remove_dispensable(place.backups, place.spool) == 0


async def test_what_came_after_a_backup_is_read_again_from_the_journals_and_nothing_twice(place):
    place.journal(0, 4)
    living = place.journal(4, 3, close=False)
    await place.take_in()
    backup = place.make()
    living.write(breach(7))
    living.close()
    place.journal(8, 2)
    assert sorted(await place.take_in()) == list(range(10))
    aside = rebuild.put_back(backup, place.file, NOW)
    assert sqlite_file.breaches(aside) == 10
    assert sorted(await place.take_in()) == list(range(10))


async def test_a_backup_that_is_damaged_or_none_of_ours_is_not_put_back(place, tmp_path):
    place.journal(0, 4)
    await place.take_in()
    broken = place.make()
    damage(broken)
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE other (a)")
    connection.close()
    for file in (broken, other):
        with pytest.raises(sqlite_file.NoBackupError):
            rebuild.put_back(file, place.file, NOW)
    assert await place.take_in() == list(range(4))


def test_a_restore_says_which_journals_it_cannot_read_on_in(place):
    journal = place.journal(0, 4, close=False)
    asyncio.run(place.take_in())
    backup = place.make()
    assert rebuild.lost(backup, place.spool) == []
    journal.close()
    journal.path.unlink()
    assert rebuild.lost(backup, place.spool) == [journal.name]


def damage(file, share=0.5):
    """Overwrite a part of *file* as a worn-out card does."""
    with file.open("r+b") as content:
        content.seek(int(file.stat().st_size * share) // 4096 * 4096)
        content.write(b"\xff" * 8192)


@pytest.mark.parametrize("how", ["damaged", "no database", "cut", "empty", "gone"])
async def test_a_database_that_cannot_be_used_is_rebuilt_from_backup_and_journals(place, how):
    place.journal(0, 400)
    await place.take_in()
    place.make()
    place.journal(400, 100)
    await place.take_in()
    spoil(place.file, how)
    assert sorted(await place.take_in()) == list(range(500))
    asides = [path for path in place.file.parent.iterdir() if ".damaged-" in path.name]
    assert bool(asides) == (how != "gone")


def spoil(file, how):
    match how:
        case "damaged":
            damage(file)
        case "no database":
            file.write_bytes(b"no database" * 1000)
        case "cut":
            file.write_bytes(file.read_bytes()[:-9000])
        case "empty":
            file.write_bytes(b"")
        case "gone":
            file.unlink()


async def test_the_newest_backup_that_is_whole_is_taken(place):
    place.journal(0, 50)
    await place.take_in()
    place.make(NOW)
    damage(place.make(NOW + HOUR))
    place.file.write_bytes(b"no database")
    says = rebuild.mended(place.file, place.backups, NOW)
    assert "The backup schoolgate-20270115T080000Z.db took its place" in says


async def test_on_a_full_disk_nothing_is_begun_without_what_the_backup_has(place, small_disk):
    place.journal(0, 50)
    await place.take_in()
    place.make()
    place.file = small_disk / "school.db"
    place.file.write_bytes(b"no database")
    filler = fill(small_disk)
    for _ in range(2):
        with pytest.raises(OSError, match="cannot be copied"):
            rebuild.mended(place.file, place.backups, NOW)
        assert not place.file.exists()
    filler.unlink()
    assert "took its place" in rebuild.mended(place.file, place.backups, NOW)
    assert sqlite_file.breaches(place.file) == 50


async def test_a_restore_that_is_cut_off_leaves_one_of_the_two_databases(place, monkeypatch):
    place.journal(0, 5)
    await place.take_in()
    backup = place.make()
    place.journal(5, 5)
    await place.take_in()

    def cut_off(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", cut_off)
        copied = place.file.with_name("school.db.new")
        copied.write_bytes(backup.read_bytes())
        with pytest.raises(KeyboardInterrupt):
            sqlite_file.replace(place.file, copied, "school.db.before")
    assert sorted(await place.take_in()) == list(range(10))


async def test_without_a_backup_the_journals_alone_are_read_again(place):
    place.journal(0, 50)
    await place.take_in()
    place.file.write_bytes(b"no database")
    assert await place.take_in() == list(range(50))


@pytest.mark.parametrize("how", ["damaged", "first"])
async def test_a_large_database_is_looked_over_while_it_is_used(place, monkeypatch, how):
    place.journal(0, 400)
    await place.take_in()
    place.make()
    monkeypatch.setattr(rebuild, "LARGE", 1)
    mending = Mending(place.backups, now_ns=lambda: NOW)
    await mending.look_over(place.file)
    if how == "first":
        place.file.write_bytes(b"no database" * 1000)
        mending.mend(place.file)
        assert mending.rebuilt == 1
        return
    damage(place.file, share=0.8)
    mending.mend(place.file)
    assert mending.rebuilt == 0
    with pytest.raises(DamagedDatabaseError, match="the next start rebuilds it"):
        await mending.look_over(place.file)
    mending.mend(place.file)
    assert mending.rebuilt == 1
    assert not rebuild.suspicion(place.file).exists()
    assert await place.take_in() == list(range(400))


async def test_a_suspicion_that_does_not_come_true_is_dropped(place):
    place.journal(0, 4)
    await place.take_in()
    mending = Mending(place.backups)
    mending.suspect(place.file)
    mending.mend(place.file)
    assert (mending.rebuilt, rebuild.suspicion(place.file).exists()) == (0, False)


async def test_a_whole_database_is_left_alone(place):
    place.journal(0, 50)
    await place.take_in()
    place.make()
    assert rebuild.mended(place.file, place.backups, NOW) == ""


async def test_a_rebuilding_is_counted_said_and_kept_for_todays_page(place, caplog):
    place.journal(0, 50)
    await place.take_in()
    place.make()
    place.file.write_bytes(b"no database")
    mending = Mending(place.backups, now_ns=lambda: NOW)
    async with opened(place.file, mend=mending.mend) as database:
        await mending.tell(database)
        async with database.reading() as session:
            (row,) = await troubles.recent(session, NOW)
            assert not await troubles.recent(session, NOW + 15 * troubles.DAY)
    assert (row.kind, mending.rebuilt) == ("rebuilt", 1)
    assert row.says.startswith("The database was damaged (file is not a database) and is kept as school.db.damaged-")
    assert row.says in caplog.text


async def test_the_same_trouble_is_told_once_with_its_latest_time(place):
    async with opened(place.file) as database, database.writing() as session:
        for hours in range(3):
            await troubles.note(session, "backup", "The disk is full.", NOW + hours * HOUR)
        (row,) = await troubles.recent(session, NOW)
        assert row.at_ns == NOW + 2 * HOUR


@pytest.mark.parametrize(
    ("now", "since"),
    [
        ("2027-01-15T08:00", "2027-01-15T02:00"),
        ("2027-01-15T02:00", "2027-01-15T02:00"),
        ("2027-01-15T01:59", "2027-01-14T02:00"),
        ("2027-06-15T08:00", "2027-06-15T01:00"),
    ],
)
def test_a_backup_is_due_from_the_hour_of_the_schools_own_clock(now, since):
    import datetime

    def at(text):
        return int(datetime.datetime.fromisoformat(f"{text}+00:00").timestamp()) * 10**9

    assert due_since(at(now), 2, LONDON) == at(since)


async def test_each_night_has_one_backup(place):
    clock = [NOW]
    async with opened(place.file) as database:
        nightly = place.nightly(database, clock)
        for hours in (0, 1, 17, 18, 19, 40, 42):
            clock[0] = NOW + hours * HOUR
            assert await nightly.step()
    assert nightly.made == len(backups.all_in(place.backups)) == 3
    assert nightly.failed == 0


async def test_a_backup_that_fails_is_counted_and_told_and_takes_none_away(place, caplog):
    clock = [NOW]
    place.backups.write_text("in the way")
    async with opened(place.file) as database:
        nightly = place.nightly(database, clock)
        assert not await nightly.step()
        async with database.reading() as session:
            (row,) = await troubles.recent(session, NOW)
    assert row.kind == "backup"
    assert (nightly.made, nightly.failed) == (0, 1)
    assert "The backup failed" in caplog.text
