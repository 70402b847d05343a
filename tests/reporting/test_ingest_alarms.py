"""What ingest makes of damage, tampering, silence and trouble: an alarm once, and nothing else is lost."""

import asyncio
import logging
import os
import resource
import time

import pytest

from reporting import ingest as ingest_module
from reporting import seed
from reporting.alerts import HOUR
from reporting.ingest import SILENCE
from reporting.models import BreachRow, DamagedRow, JournalRow
from tests.support.full_disk import nothing_written
from tests.support.journals import AT, breach, drained, open_journal


async def test_a_torn_tail_is_kept_for_a_look_and_is_no_damage(journal, follow, rows):
    journal.write(breach())
    end = journal.end
    journal.write(breach(1))
    journal.close()
    os.truncate(journal.path, journal.path.stat().st_size - 3)
    ingest = follow()
    await drained(ingest)
    (row,) = await rows(DamagedRow)
    assert row.reason.startswith("torn:")
    assert row.offset == end
    assert (ingest.damaged, ingest.tampered) == (0, 0)
    assert (await rows(JournalRow))[0].state == "finished"


async def test_a_damaged_frame_is_set_aside_and_the_rest_goes_on(journal, follow, rows):
    offsets = [journal.write(breach(number)) for number in range(3)]
    with journal.path.open("r+b") as file:
        file.seek(offsets[1] + 60)
        file.write(b"\xff\xff")
    ingest = follow()
    await drained(ingest)
    (row,) = await rows(DamagedRow)
    assert (row.reason, row.offset, len(row.bytes)) == (
        "damaged: the checksum does not match",
        offsets[1],
        offsets[2] - offsets[1],
    )
    assert len(await rows(BreachRow)) == 2
    assert (ingest.damaged, ingest.tampered) == (1, 0)


async def test_a_frame_that_was_taken_out_is_a_tamper_alarm(journal, follow, rows, caplog):
    offsets = [journal.write(breach(number)) for number in range(4)]
    journal.close()
    content = journal.path.read_bytes()
    journal.path.write_bytes(content[: offsets[1]] + content[offsets[2] :])
    ingest = follow()
    await drained(ingest)
    assert ingest.tampered == 1
    assert "Tamper alarm" in caplog.text
    assert (await rows(JournalRow))[0].chain == "broken"
    breaches = await rows(BreachRow)
    assert len(breaches) == 3
    assert "tampered" in breaches[1].extra


async def test_a_file_that_became_shorter_than_what_was_read_is_a_tamper_alarm_once(journal, follow, rows):
    for number in range(3):
        journal.write(breach(number))
    journal.close()
    await drained(follow())
    os.truncate(journal.path, journal.path.stat().st_size - 10)
    for _ in range(2):
        ingest = follow()
        await ingest._remember()
        await drained(ingest)
        await drained(ingest)
    (row,) = await rows(DamagedRow)
    assert "its end was cut off" in row.reason
    assert (await rows(JournalRow))[0].state == "cut"


@pytest.mark.parametrize("restarted", [True, False])
async def test_a_file_that_is_taken_away_before_it_ended_is_a_tamper_alarm(journal, follow, rows, restarted):
    journal.write(breach())
    ingest = follow()
    await drained(ingest)
    journal.write(breach(1))
    journal.path.unlink()
    if restarted:
        ingest.close()
        ingest = follow()
        await ingest._remember()
    await drained(ingest)
    (row,) = await rows(DamagedRow)
    assert row.reason.startswith("tampered: the journal's file was")
    assert len(await rows(BreachRow)) == (1 if restarted else 2)
    assert (await rows(JournalRow))[0].state == "cut"


async def test_a_living_writer_without_a_heartbeat_is_one_alarm_until_it_is_heard_again(journal, follow, rows):
    now = [0.0]
    ingest = follow(monotonic=lambda: now[0])
    journal.heartbeat(AT)
    await drained(ingest)
    now[0] += SILENCE - 1
    await drained(ingest)
    assert ingest.tampered == 0
    now[0] += 2
    await drained(ingest)
    await drained(ingest)
    assert ingest.tampered == 1
    journal.heartbeat(AT)
    await drained(ingest)
    await drained(ingest)
    now[0] += SILENCE + 2
    await drained(ingest)
    assert ingest.tampered == 2
    assert "no heartbeat" in (await rows(DamagedRow))[0].reason


async def test_a_writer_that_was_silent_before_reporting_started_is_heard_out_first(journal, follow):
    now = [0.0]
    journal.heartbeat(AT)
    await drained(follow(monotonic=lambda: now[0]))
    now[0] += 10 * SILENCE
    again = follow(monotonic=lambda: now[0])
    await drained(again)
    assert again.tampered == 0
    now[0] += SILENCE + 1
    await drained(again)
    assert again.tampered == 1


async def test_a_clock_that_is_put_forward_makes_no_writer_silent(journal, follow, rows):
    clock = [time.time_ns()]
    ingest = follow(now_ns=lambda: clock[0], monotonic=lambda: 0.0)
    journal.heartbeat(clock[0])
    await drained(ingest)
    clock[0] += HOUR  # the next heartbeat, with the right time, is up to a minute away
    await drained(ingest)
    assert ingest.tampered == 0
    assert [row.chain for row in await rows(JournalRow)] == ["verified"]


async def test_a_clock_that_is_put_back_hides_no_silence(journal, follow):
    clock, now = [time.time_ns()], [0.0]
    ingest = follow(now_ns=lambda: clock[0], monotonic=lambda: now[0])
    journal.heartbeat(clock[0])
    await drained(ingest)
    clock[0] -= HOUR
    now[0] += SILENCE + 1
    await drained(ingest)
    assert ingest.tampered == 1


async def test_a_journal_that_ended_in_order_is_not_missed(journal, follow):
    now = [0.0]
    ingest = follow(monotonic=lambda: now[0])
    journal.heartbeat(time.time_ns())
    await drained(ingest)
    journal.close()
    now[0] += 10 * SILENCE
    await drained(ingest)
    assert ingest.tampered == 0


async def test_without_the_key_a_journal_is_taken_in_unverified(journal, follow, rows):
    journal.write(breach())
    await drained(follow(unseal=lambda _sealed: None))
    assert [row.chain for row in await rows(JournalRow)] == ["unverified"]
    assert len(await rows(BreachRow)) == 1


async def test_a_real_sealed_seed_verifies_the_chain(spool, tmp_path, follow, rows):
    seed.new_keys(tmp_path / "journal.key", tmp_path / "journal.pub")
    opened_seed, sealed = seed.seal((tmp_path / "journal.pub").read_bytes())
    private = (tmp_path / "journal.key").read_bytes()
    journal = open_journal(spool, seed=opened_seed, sealed_seed=sealed)
    journal.write(breach())
    journal.close()
    ingest = follow(unseal=lambda text: seed.unseal(private, text))
    await drained(ingest)
    assert [row.chain for row in await rows(JournalRow)] == ["verified"]
    assert ingest.tampered == 0


@pytest.mark.parametrize("private", [b"", b"half a key", bytes(32), bytes(33)])
def test_what_is_no_key_or_another_opens_no_seed(tmp_path, private):
    seed.new_keys(tmp_path / "journal.key", tmp_path / "journal.pub")
    _, sealed = seed.seal((tmp_path / "journal.pub").read_bytes())
    assert seed.unseal(private, sealed) is None


async def test_a_damaged_header_loses_no_record(journal, follow, rows):
    journal.write(breach())
    with journal.path.open("r+b") as file:
        file.write(b"XXXX")
    await drained(follow())
    assert len(await rows(BreachRow)) == 1
    (row,) = await rows(JournalRow)
    assert (row.site, row.kind, row.chain) == ("school", "dns", "unverified")


async def test_one_journal_in_trouble_does_not_stop_another(journal, spool, follow, rows, caplog):
    (spool / "a-link-0-0011223344556677.journal").symlink_to("/etc/passwd")
    os.mkfifo(spool / "b-pipe-0-0011223344556677.journal")
    (spool / ".hidden.journal").write_text("x")
    (spool / "notes.txt").write_text("x")
    journal.write(breach())
    ingest = follow()
    with caplog.at_level(logging.ERROR):
        await drained(ingest)
    assert len(await rows(BreachRow)) == 1
    assert ingest.failures == 2
    assert "a-link-0-0011223344556677.journal could not be taken in" in caplog.text


@pytest.mark.parametrize("where", ["SQLite"], indirect=True)  # what a name is does not depend on it
@pytest.mark.parametrize(
    "name",
    [
        "x\x1b[2J\n2027-01-01 00:00:00 reporting-0 INFO all is well.journal",
        "school-dns-0-0011223344556677\n.journal",
        "school-dns-0-0011223344556677.journal\n.journal",
        "school-dns-0-001122334455667.journal",
        "school-dns-0-00112233445566GG.journal",
        "school-dns--1-0011223344556677.journal",
        "sch\u202eool-dns-0-0011223344556677.journal",
        "school-dns-\u0660-0011223344556677.journal",
        os.fsdecode(b"\xff-dns-0-0011223344556677.journal"),
    ],
)
async def test_a_file_whose_name_is_no_journals_is_counted_said_once_and_left_alone(
    journal, spool, follow, rows, caplog, name
):
    (spool / name).write_bytes(journal.path.read_bytes())
    journal.write(breach())
    ingest = follow()
    await drained(ingest)
    assert [row.name for row in await rows(JournalRow)] == [journal.name]
    assert await rows(DamagedRow) == []
    (said,) = [record.getMessage() for record in caplog.records if record.name == "schoolgate.ingest"]
    assert said.isprintable()
    assert ingest.strange == 1


async def test_a_spool_that_cannot_be_listed_for_a_moment_is_no_tamper_alarm(journal, follow, rows, caplog):
    ingest = follow()
    await drained(ingest)
    journal.write(breach())
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, allowed[1]))  # what is open stays open, nothing more is
    try:
        assert await ingest.step() == 0
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, allowed)
    assert "Too many open files" in caplog.text
    await drained(ingest)
    assert (ingest.tampered, len(await rows(BreachRow))) == (0, 1)


async def test_a_full_disk_at_the_start_ends_nothing_and_its_alarm_is_raised_once_there_is_room(
    journal, spool, follow, rows, database, monkeypatch
):
    monkeypatch.setattr(ingest_module, "TROUBLE", 0.01)
    journal.write(breach())
    await drained(follow())
    journal.path.unlink()
    another = open_journal(spool, instance=1)
    another.write(breach(1))
    ingest = follow()
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        with nothing_written(database):
            running = tasks.create_task(ingest.run())
            while ingest.failures < 3:  # noqa: ASYNC110 - counts are for scrapes, nobody is told of them
                await asyncio.sleep(0.01)
            assert ingest.lag > 0
        while len(await rows(BreachRow)) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert not running.done()
        running.cancel()
    another.close()
    (row,) = await rows(DamagedRow)
    assert row.reason == "tampered: the journal's file was gone before it was read to its end"


async def test_a_missing_spool_is_said_and_survived(follow, spool, caplog):
    spool.rmdir()
    assert await follow().step() == 0
    assert "cannot be read" in caplog.text
