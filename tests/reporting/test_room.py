"""What goes when the disk is nearly full, how often it is written to, and where broken pieces are kept."""

import contextlib

import pytest
from sqlalchemy import delete, func, insert, select

from blocklists.rulebook import Severity
from reporting import set_aside, sqlite_file, troubles
from reporting.breach import Visit
from reporting.models import BreachRow, DamagedRow, JournalRow, VisitRow
from reporting.room import KEPT, NEARLY_BYTES, Disk, Room
from reporting.wear import Wear, written_bytes
from tests.support.databases import opened
from tests.support.journals import AT, breach, follower, open_journal

GB = 1 << 30
MINUTE = 60 * 10**9


@pytest.fixture
async def database(tmp_path):
    async with opened(tmp_path / "school.db") as opened_database:
        yield opened_database


@pytest.fixture
def file(tmp_path):
    return tmp_path / "school.db"


async def fill(database, spool, visits):
    """*visits* visits, the oldest last in the table, and three breaches older than all of them."""
    with contextlib.closing(open_journal(spool, sealed_seed=b"sealed")) as journal:
        for number in range(3):
            journal.write(breach(number))
        for number in reversed(range(visits // 50)):
            sites = {f"site{site}.test": 1 for site in range(50)}
            journal.write(Visit(1, AT + number * MINUTE, "dns", sites, address="10.0.0.7", profile="ks2"))
    ingest = follower(database, spool)
    while await ingest.step():
        pass
    ingest.close()


async def figures(database):
    async with database.reading() as session:
        breaches = await session.scalar(select(func.count()).select_from(BreachRow))
        visits, oldest = (await session.execute(select(func.count(), func.min(VisitRow.minute_ns)))).one()
        told = [row.says for row in await troubles.recent(session, AT)]
    return breaches, visits, oldest, told


@pytest.mark.parametrize(
    ("disk", "share", "missing"),
    [
        (Disk(100 * GB, 30 * GB), 0.3, False),
        (Disk(10 * GB, GB - 1), 0.1, True),
        (Disk(10 * GB, GB - 1, 1), 0.1, False),
        (Disk(1000 * GB, NEARLY_BYTES - 1), 0.0, True),
        (Disk(1000 * GB, NEARLY_BYTES), 0.0, False),
        (Disk(0, 0), 1.0, False),
    ],
)
def test_visits_must_go_below_a_tenth_or_two_gigabytes(disk, share, missing):
    assert (round(disk.share, 2), disk.missing) == (share, missing)


async def test_the_oldest_visits_go_until_there_is_room_and_no_breach_does(database, file, spool, caplog):
    await fill(database, spool, 6_000)
    await database.give_back()
    before = file.stat().st_size

    def usage(_folder):
        """A disk on which what the database gives back is free."""
        return 10 * GB, 0, GB // 2 if file.stat().st_size > before * 0.8 else 3 * GB

    room = Room(database, file, now_ns=lambda: AT, usage=usage)
    await room.step()
    breaches, visits, oldest, told = await figures(database)
    assert breaches == 3
    assert 0 < visits < 6_000
    assert room.removed == 6_000 - visits
    assert oldest >= AT + room.removed // 50 * MINUTE
    assert told == [f"The disk was nearly full, so the oldest {room.removed} named visits were removed. No breach was."]
    assert told[0] in caplog.text
    assert file.stat().st_size < before


async def test_a_disk_that_stays_full_takes_all_visits_and_no_breach(database, file, spool):
    await fill(database, spool, 500)
    room = Room(database, file, now_ns=lambda: AT, usage=lambda _: (10_000 * GB, 0, 0))
    for _ in range(3):
        await room.step()
    breaches, visits, _, told = await figures(database)
    assert (breaches, visits, room.removed, room.failures) == (3, 0, 500, 0)
    assert len(told) == 2


async def test_low_room_is_said_once_and_again_after_it_was_well(database, file, spool):
    share = [0.15]
    room = Room(database, file, now_ns=lambda: AT, usage=lambda _: (100 * GB, 0, int(share[0] * 100 * GB)))
    for share[0] in (0.15, 0.14, 0.5, 0.13):
        await room.step()
    *_, told = await figures(database)
    assert sorted(told) == [
        "The disk has only 13% free (13,312 MB). Make room, or use a larger one.",
        "The disk has only 15% free (15,360 MB). Make room, or use a larger one.",
    ]


async def test_room_is_kept_for_the_moment_in_which_nothing_is_left_and_given_up_then(database, file):
    kept = file.with_name("school.db.room")
    room = Room(database, file, usage=lambda _: (100 * GB, 0, 50 * GB))
    await room.step()
    assert (kept.stat().st_size, kept.stat().st_mode & 0o777) == (KEPT, 0o600)
    await Room(database, file, usage=lambda _: (100 * GB, 0, 0)).step()
    assert not kept.exists()


async def test_a_folder_that_is_gone_is_counted_and_said(database, file, caplog):
    def usage(folder):
        raise FileNotFoundError(2, "No such file or directory", str(folder))

    room = Room(database, file, usage=usage)
    await room.step()
    assert room.failures == 1
    assert "No room can be made" in caplog.text


async def test_a_new_database_gives_room_back_to_the_disk(database, file, spool):
    await fill(database, spool, 5_000)
    await database.give_back()
    before = file.stat().st_size
    async with database.writing() as session:
        await session.execute(delete(VisitRow))
    assert sqlite_file.free_inside(file) > 0
    await database.give_back()
    assert file.stat().st_size < before / 2
    assert sqlite_file.free_inside(file) == 0


async def test_transactions_are_counted_by_how_they_are_written(database, spool):
    wear, full, normal = database.wear, database.wear.full, database.wear.normal
    with contextlib.closing(open_journal(spool, sealed_seed=b"sealed")) as journal:
        ingest = follower(database, spool)
        journal.write(breach())
        await ingest.step()
        assert (wear.full - full, wear.normal - normal) == (0, 1)
        journal.write(breach(1, severity=Severity.URGENT))
        await ingest.step()
        assert (wear.full - full, wear.normal - normal) == (1, 1)
        ingest.close()


async def test_what_was_rolled_back_is_not_counted(database):
    before = database.wear.full
    with pytest.raises(RuntimeError, match="stop"):
        async with database.writing():
            raise RuntimeError("stop")
    assert database.wear.full == before


def test_writes_a_minute_are_those_of_the_last_whole_one():
    now = [0.0]
    wear = Wear(lambda: now[0])
    for now[0] in (1.0, 2.0, 59.0, 61.0):
        wear.count(durable=False)
    assert wear.a_minute == 3
    now[0] = 121.0
    assert wear.a_minute == 1
    now[0] = 500.0
    assert wear.a_minute == 0


def test_the_kernel_says_how_much_was_written():
    assert written_bytes() >= 0


async def test_a_broken_piece_is_kept_whole_in_a_file_of_its_own(database, spool, tmp_path):
    folder = tmp_path / "damaged"
    with contextlib.closing(open_journal(spool, sealed_seed=b"sealed")) as journal:
        offsets = [journal.write(breach(number, terms="x" * 20_000)) for number in range(3)]
    with journal.path.open("r+b") as content:
        content.seek(offsets[1] + 60)
        content.write(b"\xff\xff")
    for _ in range(2):
        ingest = follower(database, spool, aside=folder)
        while await ingest.step():
            pass
        ingest.close()
    (piece,) = folder.iterdir()
    assert piece.name == f"{journal.name}-{offsets[1]}"
    assert piece.read_bytes() == journal.path.read_bytes()[offsets[1] : offsets[2]]
    assert (piece.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)
    async with database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(DamagedRow)) == 1
        assert await session.scalar(select(func.count()).select_from(BreachRow)) == 2


def test_who_writes_rubbish_fills_no_disk_with_it(tmp_path, monkeypatch):
    monkeypatch.setattr(set_aside, "MOST", 250)
    set_aside.keep(tmp_path / "damaged", "a.journal", [(offset, bytes(100)) for offset in range(5)])
    set_aside.keep(tmp_path / "damaged", "b.journal", [(1, bytes(100))])
    assert sorted(path.name for path in (tmp_path / "damaged").iterdir()) == ["a.journal-0", "a.journal-1"]


def test_a_folder_that_cannot_be_made_is_said_and_stops_nothing(tmp_path, caplog):
    (tmp_path / "damaged").write_text("in the way")
    set_aside.keep(tmp_path / "damaged", "a.journal", [(0, b"x")])
    assert "could not be copied" in caplog.text


async def test_a_database_that_turns_out_damaged_while_it_is_used_ends_ingest(database, file, spool):
    with contextlib.closing(open_journal(spool, sealed_seed=b"sealed")) as journal:
        journal.write(breach())
        await fill_and_spoil(database, file)
        called = []
        ingest = follower(database, spool, damaged=lambda: called.append(1))
        with pytest.raises(Exception, match=r"malformed|not a database"):
            await ingest.step()
        ingest.close()
    assert called == [1]


async def fill_and_spoil(database, file):
    """Bring everything into the file, and then spoil all of it but its first page."""
    async with database.writing() as session:
        usual = {
            "site": "s",
            "kind": "dns",
            "instance": 0,
            "started_ns": 1,
            "sealed_seed": b"",
            "offset": 0,
            "count": 0,
        }
        rest = {"head": b"", "state": "finished", "chain": "verified", "heartbeat_ns": 0}
        await session.execute(insert(JournalRow), [{"name": f"{n}", **usual, **rest} for n in range(3_000)])
    await database.give_back()
    await database._readers.dispose()
    size = file.stat().st_size
    with file.open("r+b") as content:
        content.seek(4096)
        content.write(b"\xff" * (size - 4096))
    await database._writer.dispose()
