"""How much of a journal survives a power cut, and who waits for that."""

import asyncio
import threading

from tests.support.journals import breach


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
    assert recorder.syncing.failures == 2
    assert "cannot be written" in caplog.text


async def test_what_is_not_synced_yet_is_told_by_size_and_age(recorder, journal, clock):
    assert (recorder.syncing.unsynced, recorder.syncing.lag) == (0, 0.0)
    before = journal.end
    recorder.first("a", breach())
    clock.now += 2
    recorder.first("b", breach(1))
    assert (recorder.syncing.unsynced, recorder.syncing.lag) == (journal.end - before, 2.0)
    await recorder.durable()
    assert (recorder.syncing.unsynced, recorder.syncing.lag) == (0, 0.0)


async def test_what_is_written_during_a_sync_still_waits(recorder, journal, clock, monkeypatch):
    sync, written = journal.sync, []

    def writes_meanwhile():
        sync()
        written.append(recorder.first("b", breach(1)))
        clock.now += 1

    monkeypatch.setattr(journal, "sync", writes_meanwhile)
    recorder.first("a", breach())
    await recorder.durable()
    assert recorder.syncing.unsynced > 0
    assert recorder.syncing.lag == 1.0


async def test_a_disk_that_refuses_to_sync_is_seen_by_what_waits(recorder, journal, clock, monkeypatch):
    def fails():
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(journal, "sync", fails)
    recorder.first("a", breach())
    await recorder.durable()
    clock.now += 30
    assert recorder.syncing.lag == 30
    assert recorder.syncing.unsynced > 0
