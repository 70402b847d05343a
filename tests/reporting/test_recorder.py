import asyncio
import contextlib
import logging
import time
import tracemalloc

import pytest

from blocklists.rulebook import Severity
from reporting import recorder as recorder_module
from reporting import runs as runs_module
from reporting import waiting as waiting_module
from reporting.breach import Breach, Heartbeat, Repeat, Visit
from reporting.frames import read_frames
from reporting.journal import JournalFullError
from reporting.recorder import Recorder
from reporting.runs import LONGEST_GRAVE, ROWS, RUNS_EACH, SAMPLES, WINDOW
from tests.support.journals import AT, SEED, again, breach
from tests.support.killed_child import told_until_killed

PUPIL = breach().address


def records(journal):
    return [frame.record for frame in read_frames(journal.path, seed=SEED)]


def told(journal):
    """How many requests the journal tells of."""
    return sum(1 if isinstance(r, Breach) else r.count for r in records(journal) if isinstance(r, Breach | Repeat))


def test_the_first_of_a_run_is_in_the_file_when_first_returns(recorder, journal):
    assert recorder.first("a", breach()) == "a"
    assert records(journal) == [breach()]
    assert recorder.written == 1


def test_more_of_the_same_key_is_counted_and_not_written(recorder, journal):
    recorder.first("a", breach())
    assert again(recorder, (PUPIL, "a"), AT + 5)
    recorder.first("a", breach())
    recorder.runs_of(PUPIL)["a"].add(AT + 7)
    assert records(journal) == [breach()]
    assert recorder.repeats == 3


def test_what_is_counted_on_a_run_is_written_within_the_window_though_somebody_logs_in(recorder, journal, clock):
    recorder.first("a", breach(person=1))
    again(recorder, (PUPIL, "a"), AT + 1)
    recorder.first("a", breach(person=2))
    again(recorder, (PUPIL, "a"), AT + 2)
    clock.now += WINDOW
    recorder.sweep()
    first, second, *repeats = records(journal)
    assert (first.person, second.person) == (1, 2)
    assert [(repeat.count, repeat.first_ns) for repeat in repeats] == [(1, AT + 1), (1, AT + 2)]


def test_300_log_ins_write_nothing_but_the_rows_of_those_who_logged_in(recorder, journal):
    for number in range(300):
        recorder.first("a", breach(address=f"10.0.1.{number % 256}", person=1))
    written = recorder.written
    for number in range(300):
        recorder.first("a", breach(address="10.0.1.1", person=number + 2, severity=Severity.URGENT))
    assert recorder.written == written + 300
    recorder.flush()
    assert told(journal) == 600


def test_again_without_a_run_says_no(recorder):
    assert not again(recorder, (PUPIL, "a"), AT)
    recorder.first("a", breach())
    assert not again(recorder, (PUPIL, "b"), AT)
    assert not again(recorder, ("10.0.0.8", "a"), AT)


def test_repeats_are_written_as_one_record_within_the_window(recorder, journal, clock):
    recorder.first("a", breach())
    of = records(journal) and next(read_frames(journal.path)).offset
    for number in (3, 4, 5):
        again(recorder, (PUPIL, "a"), AT + number)
    recorder.sweep()
    assert len(records(journal)) == 1
    clock.now += WINDOW
    recorder.sweep()
    assert records(journal)[1] == Repeat(v=1, of=of, count=3, first_ns=AT + 3, last_ns=AT + 5)
    assert WINDOW + 2 * recorder_module.SWEEP < 10


def test_a_run_goes_on_while_it_is_repeated_and_ends_after_a_window_without(recorder, journal, clock):
    recorder.first("a", breach())
    for number in range(3):
        again(recorder, (PUPIL, "a"), AT + number)
        clock.now += WINDOW
        recorder.sweep()
    assert [type(record) for record in records(journal)] == [Breach, Repeat, Repeat, Repeat]
    clock.now += WINDOW
    recorder.sweep()
    assert not again(recorder, (PUPIL, "a"), AT)
    recorder.first("a", breach(1))
    assert records(journal)[-1] == breach(1)


def test_a_sweep_stops_after_its_slice_and_says_that_there_is_more(recorder, clock):
    for number in range(5):
        recorder.first(number, breach(number))
    clock.now += WINDOW
    assert recorder.sweep(most=3)
    assert not recorder.sweep(most=3)
    assert not again(recorder, (PUPIL, 4), AT)


@pytest.fixture
def full_disk(journal, monkeypatch):
    """Until it is undone the journal takes nothing."""

    def full(_frame):
        raise JournalFullError(28, "no room")

    monkeypatch.setattr(journal, "_append", full)
    return monkeypatch


def test_what_the_disk_does_not_take_waits_and_is_written_once_in_its_order(recorder, journal, full_disk, caplog):
    recorder.first("a", breach())
    assert again(recorder, (PUPIL, "a"), AT)
    recorder.first("b", breach(1))
    assert (recorder.waiting, recorder.lost, records(journal)) == (2, 0, [])
    assert [record.levelno for record in caplog.records] == [logging.ERROR], "it is said once"
    full_disk.undo()
    recorder.first("c", breach(2))
    assert records(journal) == [breach(), breach(1), breach(2)]
    recorder.flush()
    assert told(journal) == 4
    assert (recorder.waiting, recorder.lost, recorder.repeats) == (0, 0, 1)


def test_what_waits_is_tried_again_with_each_sweep(recorder, journal, full_disk):
    recorder.first("a", breach())
    recorder.sweep()
    assert recorder.waiting == 1
    full_disk.undo()
    recorder.sweep()
    assert records(journal) == [breach()]


def test_what_is_counted_while_a_breach_waits_is_written_behind_it_whether_its_run_goes_on_or_not(
    recorder, journal, clock, full_disk
):
    for name, after in (("goes on", WINDOW), ("is over", LONGEST_GRAVE)):
        recorder.first(name, breach(severity=Severity.URGENT))
        assert again(recorder, (PUPIL, name), AT)
        clock.now += after
        recorder.sweep()
    full_disk.undo()
    recorder.flush()
    assert told(journal) == 4


def test_counts_of_a_breach_that_is_on_record_wait_too(recorder, journal, clock, full_disk):
    full_disk.undo()
    recorder.first("a", breach())
    assert again(recorder, (PUPIL, "a"), AT)
    full_disk.setattr(journal, "_append", lambda _frame: (_ for _ in ()).throw(OSError(5, "Input/output error")))
    clock.now += WINDOW
    recorder.sweep()
    assert again(recorder, (PUPIL, "a"), AT + 1)
    recorder.flush()
    assert recorder.waiting == 1
    full_disk.undo()
    recorder.flush()
    assert [r for r in records(journal) if isinstance(r, Repeat)] == [Repeat(1, journal_start(journal), 2, AT, AT + 1)]


def journal_start(journal):
    """The offset of the first record."""
    return next(frame.offset for frame in read_frames(journal.path, seed=SEED))


def test_the_grave_still_wait_where_there_is_no_room_for_others_and_what_is_lost_is_counted(recorder, clock, full_disk):
    full_disk.setattr(waiting_module, "MOST", 2)
    full_disk.setattr(waiting_module, "MOST_GRAVE", 3)
    for number in range(3):
        recorder.first(number, breach(number))
    assert again(recorder, (PUPIL, 2), AT)
    recorder.first("grave", breach(severity=Severity.URGENT))
    assert (recorder.waiting, recorder.lost) == (3, 1)
    clock.now += WINDOW
    recorder.sweep()
    assert recorder.lost == 2, "with what was counted on it"


def test_a_run_whose_counts_have_nowhere_to_wait_loses_them_and_says_so(recorder, journal, full_disk):
    full_disk.undo()
    recorder.first("a", breach())
    assert again(recorder, (PUPIL, "a"), AT)
    full_disk.setattr(journal, "_append", lambda _frame: (_ for _ in ()).throw(OSError(5, "Input/output error")))
    full_disk.setattr(waiting_module, "MOST", 0)
    recorder.flush()
    assert (recorder.waiting, recorder.lost) == (0, 1)


@contextlib.asynccontextmanager
async def running(recorder):
    async with asyncio.timeout(60):
        task = asyncio.create_task(recorder.run())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def until(condition):
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - a file says nothing when it changes
            await asyncio.sleep(0.005)


async def test_run_syncs_by_itself_soon_after_a_write(journal):
    recorder = Recorder(journal)
    async with running(recorder):
        await until(lambda: not journal.dirty and journal.count)
        recorder.first("a", breach())
        began = time.monotonic()
        await until(lambda: not journal.dirty)
        assert time.monotonic() - began < 2


async def test_run_begins_with_a_heartbeat_and_ends_with_counts_and_another(journal):
    recorder = Recorder(journal, now_ns=lambda: AT)
    async with running(recorder):
        await until(lambda: journal.count == 1)
        recorder.first("a", breach())
        again(recorder, (PUPIL, "a"), AT + 1)
    found = records(journal)
    assert [type(record) for record in found] == [Heartbeat, Breach, Repeat, Heartbeat]
    assert found[-1].count == 3
    assert not journal.dirty


async def test_run_writes_repeats_by_itself(journal, monkeypatch):
    monkeypatch.setattr(runs_module, "WINDOW", 0.05)
    monkeypatch.setattr(recorder_module, "SWEEP", 0.01)
    recorder = Recorder(journal)
    async with running(recorder):
        recorder.first("a", breach())
        again(recorder, (PUPIL, "a"), AT + 1)
        await until(lambda: any(isinstance(record, Repeat) for record in records(journal)))


def test_again_on_an_open_run_keeps_nothing_per_call(recorder):
    recorder.first("a", breach())
    again(recorder, (PUPIL, "a"), AT)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(10_000):
        again(recorder, (PUPIL, "a"), AT)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 1_000


def test_kill_9_loses_no_breach_whose_first_returned(tmp_path):
    told = told_until_killed(_CHILD, tmp_path, 300)
    (path,) = tmp_path.glob("*.journal")
    hosts = {frame.record.host for frame in read_frames(path, seed=SEED) if isinstance(frame.record, Breach)}
    assert {breach(int(number)).host for number in told} <= hosts


_CHILD = """
import asyncio, os, sys
from pathlib import Path
from reporting.recorder import Recorder
from tests.support.journals import breach, open_journal

async def main():
    recorder = Recorder(open_journal(Path(sys.argv[1])))
    running = asyncio.create_task(recorder.run())
    number = 0
    while True:
        recorder.first(number, breach(number, address=f"10.0.{number // 250}.{number % 250}"))
        os.write(1, b"%d\\n" % number)
        number += 1
        if number % 10 == 0:
            await asyncio.sleep(0)

asyncio.run(main())
"""


@pytest.mark.parametrize(("severity", "breaches"), [(Severity.URGENT, 2), (Severity.ILLEGAL, 2), (Severity.NOTE, 1)])
def test_a_run_that_asks_for_an_alert_ends_in_time_to_ask_for_another(recorder, journal, clock, severity, breaches):
    recorder.first("a", breach(severity=severity))
    for _ in range(int(LONGEST_GRAVE / 5)):
        clock.now += 5
        again(recorder, (PUPIL, "a"), AT) or recorder.first("a", breach(severity=severity))
        recorder.sweep()
    again(recorder, (PUPIL, "a"), AT) or recorder.first("a", breach(severity=severity))
    assert sum(isinstance(record, Breach) for record in records(journal)) == breaches


def test_a_run_tells_of_three_names_and_no_more(recorder, journal, clock):
    for number in range(5):
        recorder.first("a", breach(number))
    clock.now += WINDOW
    recorder.sweep()
    recorder.first("a", breach(9))
    clock.now += WINDOW
    recorder.sweep()
    assert [record.hosts for record in records(journal)[1:]] == [(breach(1).host, breach(2).host), ()]
    assert SAMPLES == 3


def test_more_than_60_rows_of_a_client_in_a_minute_are_one_counted_row(recorder, journal):
    names = {recorder.first(f"category gambling {n}", breach(n, path="/x", list="l", rule="r")) for n in range(1_000)}
    recorder.flush()
    rows = [record for record in records(journal) if isinstance(record, Breach)]
    (flood,) = rows[ROWS:]
    assert (flood.flood, flood.host, flood.path, flood.list, flood.rule) == (True, breach(ROWS).host, "", "", "")
    assert (flood.address, flood.client, flood.category, flood.severity) == (PUPIL, 7, "gambling", Severity.NOTE)
    assert [row.flood for row in rows[:ROWS]] == [False] * ROWS
    (repeat,) = [record for record in records(journal) if isinstance(record, Repeat)]
    assert (repeat.count, repeat.hosts) == (1_000 - ROWS - 1, (breach(ROWS + 1).host, breach(ROWS + 2).host))
    assert len(names) == ROWS + 1
    assert recorder.floods == 1


def test_a_flood_is_counted_under_the_name_that_first_gave(recorder):
    names = [recorder.first(n, breach(n)) for n in range(ROWS + 2)]
    assert names[-1] == names[-2]
    assert again(recorder, (PUPIL, names[-1]), AT)
    assert recorder.runs_of(PUPIL)[names[-1]].count == 2


def test_each_category_has_a_flood_of_its_own(recorder, journal):
    for number in range(ROWS + 20):
        recorder.first(number, breach(number, category=("games", "gambling")[number % 2]))
    floods = [record.category for record in records(journal) if isinstance(record, Breach) and record.flood]
    assert floods == ["games", "gambling"]


def test_after_a_flood_rows_tell_of_each_site_again(recorder, journal, clock):
    for number in range(ROWS + 20):
        recorder.first(number, breach(number))
    clock.now += 60
    recorder.first("late", breach(500))
    assert records(journal)[-1] == breach(500)


@pytest.mark.parametrize("severity", [Severity.URGENT, Severity.ILLEGAL])
def test_what_is_grave_joins_no_flood(recorder, journal, severity):
    for number in range(ROWS + 20):
        recorder.first(number, breach(number))
    for number in range(2 * RUNS_EACH):
        recorder.first(f"grave {number}", breach(number, severity=severity))
    assert [r.host for r in records(journal) if isinstance(r, Breach) and r.severity == severity] == [
        breach(number).host for number in range(2 * RUNS_EACH)
    ]


def test_a_flood_leaves_other_clients_rows_and_runs_as_they_are(recorder, journal):
    recorder.first("a", breach(address="10.0.0.8"))
    for number in range(20_000):
        recorder.first(number, breach(number, severity=(Severity.NOTE, Severity.URGENT)[number % 100 == 0]))
    assert again(recorder, ("10.0.0.8", "a"), AT)
    recorder.first("b", breach(1, address="10.0.0.8"))
    assert records(journal)[-1] == breach(1, address="10.0.0.8")
    assert len(recorder.runs_of(PUPIL)) <= RUNS_EACH


def test_a_flood_of_50000_names_costs_the_journal_less_than_100_records(recorder, journal, clock):
    for number in range(50_000):
        recorder.first(number, breach(number))
        clock.now += 0.001
        recorder.sweep()
    assert recorder.written < 100
    recorder.flush()
    assert told(journal) == 50_000


def test_a_visit_is_written_and_counted(recorder, journal):
    visit = Visit(v=1, minute_ns=AT, source="dns", sites={"bbc.co.uk": 3}, address="10.0.0.7", profile="ks2")
    recorder.visit(visit)
    assert records(journal) == [visit]
    assert (recorder.visits, recorder.visits_lost) == (1, 0)


def test_the_last_room_of_a_journal_is_for_breaches_and_not_for_visits(recorder, journal):
    journal.full = True
    recorder.visit(Visit(v=1, minute_ns=AT, source="dns", sites={"bbc.co.uk": 3}))
    assert records(journal) == []
    assert (recorder.visits, recorder.visits_lost, recorder.lost) == (0, 1, 0)
