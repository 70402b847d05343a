import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import tracemalloc

import pytest

from blocklists.rulebook import Severity
from reporting import recorder as recorder_module
from reporting.breach import Breach, Heartbeat, Repeat
from reporting.frames import read_frames
from reporting.journal import JournalFullError
from reporting.recorder import LONGEST_GRAVE, WINDOW, Recorder
from tests.support.journals import AT, SEED, breach, open_journal


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def journal(tmp_path):
    opened = open_journal(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def recorder(journal, clock):
    return Recorder(journal, monotonic=clock, now_ns=lambda: AT)


def records(journal):
    return [frame.record for frame in read_frames(journal.path, seed=SEED)]


def test_the_first_of_a_run_is_in_the_file_when_first_returns(recorder, journal):
    assert recorder.first("a", breach())
    assert records(journal) == [breach()]
    assert recorder.written == 1


def test_more_of_the_same_key_is_counted_and_not_written(recorder, journal):
    recorder.first("a", breach())
    assert recorder.again("a", AT + 5)
    assert not recorder.first("a", breach(6))
    assert records(journal) == [breach()]
    assert recorder.repeats == 2


def test_again_without_a_run_says_no(recorder):
    assert not recorder.again("a", AT)


def test_repeats_are_written_as_one_record_within_the_window(recorder, journal, clock):
    recorder.first("a", breach())
    of = records(journal) and next(read_frames(journal.path)).offset
    for number in (3, 4, 5):
        recorder.again("a", AT + number)
    recorder.sweep()
    assert len(records(journal)) == 1
    clock.now += WINDOW
    recorder.sweep()
    assert records(journal)[1] == Repeat(v=1, of=of, count=3, first_ns=AT + 3, last_ns=AT + 5)
    assert WINDOW + 2 * recorder_module.SWEEP < 10


def test_a_run_goes_on_while_it_is_repeated_and_ends_after_a_window_without(recorder, journal, clock):
    recorder.first("a", breach())
    for number in range(3):
        recorder.again("a", AT + number)
        clock.now += WINDOW
        recorder.sweep()
    assert [type(record) for record in records(journal)] == [Breach, Repeat, Repeat, Repeat]
    clock.now += WINDOW
    recorder.sweep()
    assert not recorder.again("a", AT)
    assert recorder.first("a", breach(1))


def test_open_runs_are_bounded_and_the_oldest_is_written_before_it_is_let_go(recorder, journal, monkeypatch):
    monkeypatch.setattr(recorder_module, "RUNS", 3)
    for number in range(3):
        recorder.first(number, breach(number))
    recorder.again(0, AT + 9)
    assert recorder.first(3, breach(3))
    assert [record.count for record in records(journal) if isinstance(record, Repeat)] == [1]
    assert not recorder.again(0, AT)
    assert recorder.again(1, AT)


def test_a_sweep_stops_after_its_slice_and_says_that_there_is_more(recorder, clock):
    for number in range(5):
        recorder.first(number, breach(number))
    clock.now += WINDOW
    assert recorder.sweep(most=3)
    assert not recorder.sweep(most=3)
    assert not recorder.again(4, AT)


def test_with_no_room_the_caller_hears_no_error_and_the_loss_is_counted_and_said_once(
    recorder, journal, clock, monkeypatch, caplog
):
    def full(_frame):
        raise JournalFullError(28, "no room")

    monkeypatch.setattr(journal, "_append", full)
    with caplog.at_level(logging.ERROR):
        assert not recorder.first("a", breach())
        assert recorder.again("a", AT)
        assert not recorder.first("b", breach())
    assert recorder.lost == 2
    assert len(caplog.records) == 1
    monkeypatch.undo()
    clock.now += WINDOW
    recorder.sweep()
    assert recorder.lost == 3
    assert recorder.first("a", breach())
    assert records(journal) == [breach()]


async def test_durable_returns_after_a_sync_that_began_after_the_write(recorder, journal):
    recorder.first("a", breach())
    await recorder.durable()
    assert not journal.dirty


async def test_concurrent_callers_of_durable_share_a_sync(recorder, journal, monkeypatch):
    syncs = []
    sync, gate = journal.sync, threading.Event()

    def counted():
        gate.wait(5)
        syncs.append(journal.end)
        sync()

    monkeypatch.setattr(journal, "sync", counted)
    recorder.first("a", breach())
    waiting = [asyncio.create_task(recorder.durable()) for _ in range(20)]
    await asyncio.sleep(0)
    recorder.first("b", breach(1))
    waiting += [asyncio.create_task(recorder.durable()) for _ in range(20)]
    gate.set()
    await asyncio.gather(*waiting)
    assert len(syncs) <= 2
    assert not journal.dirty


async def test_a_sync_that_fails_is_counted_and_not_raised(recorder, journal, monkeypatch, caplog):
    def fails():
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(journal, "sync", fails)
    recorder.first("a", breach())
    await recorder.durable()
    recorder.flush()
    assert recorder.sync_failures == 2
    assert "cannot be written" in caplog.text


@contextlib.asynccontextmanager
async def running(recorder):
    async with asyncio.timeout(10):
        task = asyncio.create_task(recorder.run())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def until(condition):
    async with asyncio.timeout(5):
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
        recorder.again("a", AT + 1)
    found = records(journal)
    assert [type(record) for record in found] == [Heartbeat, Breach, Repeat, Heartbeat]
    assert found[-1].count == 3
    assert not journal.dirty


async def test_run_writes_repeats_by_itself(journal, monkeypatch):
    monkeypatch.setattr(recorder_module, "WINDOW", 0.05)
    monkeypatch.setattr(recorder_module, "SWEEP", 0.01)
    recorder = Recorder(journal)
    async with running(recorder):
        recorder.first("a", breach())
        recorder.again("a", AT + 1)
        await until(lambda: any(isinstance(record, Repeat) for record in records(journal)))


def test_again_on_an_open_run_keeps_nothing_per_call(recorder):
    recorder.first("a", breach())
    recorder.again("a", AT)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(10_000):
        recorder.again("a", AT)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 1_000


def test_kill_9_loses_no_breach_whose_first_returned(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", _CHILD, str(tmp_path)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    told = b""
    while told.count(b"\n") < 300:
        told += os.read(child.stdout.fileno(), 4096) or pytest.fail("the child ended")
    child.send_signal(signal.SIGKILL)
    told += child.stdout.read()
    child.stdout.close()
    child.wait()
    (path,) = tmp_path.glob("*.journal")
    hosts = {frame.record.host for frame in read_frames(path, seed=SEED) if isinstance(frame.record, Breach)}
    assert {breach(int(number)).host for number in told.split(b"\n")[:-1]} <= hosts


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
        assert recorder.first(number, breach(number))
        recorder.again(number, 5)
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
        recorder.again("a", AT) or recorder.first("a", breach(severity=severity))
        recorder.sweep()
    recorder.again("a", AT) or recorder.first("a", breach(severity=severity))
    assert sum(isinstance(record, Breach) for record in records(journal)) == breaches
