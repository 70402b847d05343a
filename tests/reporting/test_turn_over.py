"""A process goes on in a new journal when one is long."""

import asyncio
import contextlib

import msgspec
import pytest
from sqlalchemy import func, select

from blocklists.rulebook import Severity
from reporting.breach import Breach, Repeat
from reporting.chain import MOST_TURNS, next_seed, turned
from reporting.frames import Reader, read_frames
from reporting.models import BreachRow, DamagedRow, JournalRow
from reporting.recorder import Recorder
from tests.support.databases import opened
from tests.support.journals import AT, SEED, again, breach, follower, open_journal


@pytest.fixture
def recorder(spool):
    made = Recorder(open_journal(spool, sealed_seed=b"sealed"), longest=20_000)
    yield made
    made.journal.close()


def journals(spool):
    """The records of each journal, the first journal first, all chains checked."""
    found = {}
    for path in spool.glob("*.journal"):
        with Reader(path) as reader:
            found[reader.header.turn] = [frame.record for frame in read_frames(path, seed=SEED)]
    return [found[turn] for turn in range(len(found))]


def test_the_next_seed_is_found_from_the_first_and_no_seed_from_the_next():
    assert turned(SEED, 0) == SEED
    assert turned(SEED, 2) == next_seed(next_seed(SEED))
    assert len({turned(SEED, turn) for turn in range(50)}) == 50


@pytest.mark.parametrize("turn", [-1, MOST_TURNS + 1, 2**63])
def test_a_turn_beyond_all_bounds_costs_nothing_and_checks_nothing(spool, turn):
    journal = open_journal(spool, turn=turn)
    journal.close()
    with Reader(journal.path) as reader:
        reader.verify(SEED)
        assert not reader.checks


async def test_every_breach_and_repeat_is_in_one_of_the_journals_and_names_a_breach_of_its_own(recorder, spool):
    for turn in range(3):
        for number in range(10):
            recorder.first(f"{number}", breach(number, address="10.0.0.8"))
            again(recorder, ("10.0.0.8", f"{number}"), AT + turn)
        await recorder.turn_over()
    found = journals(spool)
    assert [sum(isinstance(record, Breach) for record in each) for each in found] == [10, 10, 10, 0]
    assert [sum(record.count for record in each if isinstance(record, Repeat)) for each in found] == [10, 10, 10, 0]
    assert recorder.lost == 0


async def test_the_chains_of_all_hold_and_every_row_comes_in_once(recorder, spool, tmp_path):
    async with opened(tmp_path / "school.db") as database:
        ingest = follower(database, spool)
        for turn in range(3):
            for number in range(10):
                recorder.first(f"{turn} {number}", breach(10 * turn + number))
            await recorder.turn_over()
            while await ingest.step():
                pass
        ingest.close()
        async with database.reading() as session:
            rows = (await session.scalars(select(JournalRow).order_by(JournalRow.started_ns))).all()
            assert await session.scalar(select(func.count()).select_from(BreachRow)) == 30
            assert not await session.scalar(select(func.count()).select_from(DamagedRow))
    assert [(row.state, row.chain) for row in rows] == [*[("finished", "verified")] * 3, ("reading", "verified")]


async def test_a_long_journal_is_gone_on_from_by_itself(recorder, spool):
    running = asyncio.create_task(recorder.run())
    async with asyncio.timeout(20):
        number = 0
        while len(list(spool.glob("*.journal"))) < 3:
            number += 1
            recorder.first(f"{number}", breach(number, address=f"10.1.{number // 250}.{number % 250}"))
            await asyncio.sleep(0)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    recorder.journal.close()
    numbers = [record.at_ns - AT for each in journals(spool) for record in each if isinstance(record, Breach)]
    assert numbers == list(range(1, number + 1))


async def test_what_is_grave_is_durable_when_told_so_while_the_journal_changes(recorder):
    recorder.first("a", breach(severity=Severity.URGENT))
    old = recorder.journal
    await asyncio.gather(recorder.turn_over(), recorder.durable())
    assert recorder.journal is not old
    assert not old.dirty
    await recorder.durable()
    assert recorder.syncing.unsynced == 0


async def test_where_no_new_journal_can_be_made_the_old_one_goes_on(recorder, spool, caplog):
    spool.rename(spool.with_name("away"))
    old = recorder.journal
    await recorder.turn_over()
    assert recorder.journal is old
    recorder.first("a", breach())
    assert (recorder.written, recorder.lost) == (1, 0)
    assert "cannot be written" in caplog.text


def test_a_version_before_this_leaves_the_chain_of_a_later_journal_unchecked(spool):
    first = open_journal(spool, sealed_seed=b"sealed")
    second = first.following()
    with Reader(first.path) as one, Reader(second.path) as two:
        assert (one.header.sealed_seed, one.header.sealed) == (b"sealed", b"sealed")
        assert (two.header.sealed_seed, two.header.sealed) == (b"", b"sealed")
        assert msgspec.structs.asdict(two.header)["turn"] == 1
    first.close()
    second.close()
