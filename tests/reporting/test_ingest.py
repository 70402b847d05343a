import asyncio
import contextlib
import logging
import os
import resource
import subprocess
import sys
import time

import msgspec
import pytest
from sqlalchemy import event, func, select, true

from blocklists.rulebook import Severity
from reporting import host_search, intake, seed
from reporting import ingest as ingest_module
from reporting.alerts import HOUR
from reporting.breach import Clean, Heartbeat, Repeat, Visit
from reporting.ingest import SILENCE
from reporting.models import AlertRow, BreachRow, DamagedRow, JournalRow, OutboxRow, VisitRow
from tests.support.databases import opened
from tests.support.full_disk import nothing_written
from tests.support.journals import AT, breach, follower, open_journal


@pytest.fixture
async def database(where):
    async with opened(where) as opened_database:
        yield opened_database


@pytest.fixture
def spool(tmp_path):
    folder = tmp_path / "spool"
    folder.mkdir()
    return folder


@pytest.fixture
def journal(spool):
    opened_journal = open_journal(spool, sealed_seed=b"sealed")
    yield opened_journal
    opened_journal.close()


@pytest.fixture
def follow(database, spool):
    """Make an Ingest of the spool; all are closed at the end."""
    with contextlib.ExitStack() as stack:

        def following(**fields):
            made = follower(database, spool, **fields)
            stack.callback(made.close)
            return made

        yield following


@pytest.fixture
def rows(database):
    async def reading(table):
        async with database.reading() as session:
            return list((await session.scalars(select(table))).all())

    return reading


async def drained(ingest):
    async with asyncio.timeout(30):
        while await ingest.step():
            pass


async def test_the_evidence_of_a_scanned_page_is_kept_with_its_breach(journal, follow, rows):
    journal.write(breach(rule="score 166 of 100", evidence="casino +60"))
    await drained(follow())
    (row,) = await rows(BreachRow)
    assert (row.rule, row.extra) == ("score 166 of 100", {"evidence": "casino +60"})


async def test_pages_that_were_found_clean_are_told_and_are_no_rows(journal, follow, rows):
    found = []
    clean = Clean(1, AT, "proxy", "river.test", b"12345678")
    journal.write(clean)
    await drained(follow(found_clean=found.extend))
    assert found == [clean]
    assert not await rows(BreachRow)
    assert not await rows(DamagedRow)


async def test_a_breach_is_in_the_database_as_it_was_written(journal, follow, rows):
    offset = journal.write(breach(person=4, path="/a"))
    ingest = follow()
    await drained(ingest)
    (row,) = await rows(BreachRow)
    written = msgspec.structs.asdict(breach(person=4, path="/a"))
    expected = {name: value for name, value in written.items() if name not in {"v", "type", "evidence"}}
    assert {name: getattr(row, name) for name in expected} == expected
    assert (row.journal, row.offset, row.count, row.last_ns) == (journal.name, offset, 1, row.at_ns)
    assert ingest.breaches == {Severity.NOTE: 1}


async def test_the_journal_is_remembered_with_its_place_and_its_chain(journal, follow, rows):
    for number in range(3):
        journal.write(breach(number))
    await drained(follow())
    (row,) = await rows(JournalRow)
    assert (row.site, row.kind, row.instance, row.state, row.chain) == ("school", "dns", 0, "reading", "verified")
    assert (row.offset, row.count, row.head) == (journal.end, 3, journal.head)


async def test_what_was_taken_in_is_not_taken_in_again_by_a_new_process(journal, follow, rows):
    for number in range(5):
        journal.write(breach(number))
    await drained(follow())
    journal.write(breach(5))
    again = follow()
    await drained(again)
    assert [row.at_ns for row in await rows(BreachRow)] == [breach(number).at_ns for number in range(6)]
    assert again.tampered == 0


async def test_repeats_are_added_to_their_breach_in_the_same_batch_and_later(journal, follow, rows):
    of = journal.write(breach())
    journal.write(Repeat(v=1, of=of, count=3, first_ns=AT + 1, last_ns=AT + 4))
    ingest = follow()
    await drained(ingest)
    journal.write(Repeat(v=1, of=of, count=2, first_ns=AT + 5, last_ns=AT + 9))
    journal.write(Repeat(v=1, of=of, count=1, first_ns=AT + 2, last_ns=AT + 3))
    await drained(ingest)
    (row,) = await rows(BreachRow)
    assert (row.count, row.last_ns) == (7, AT + 9)


async def test_samples_are_added_to_their_breach_in_the_same_batch_and_later(journal, follow, rows):
    first, second = journal.write(breach()), journal.write(breach(1))
    journal.write(Repeat(v=1, of=first, count=1, first_ns=AT, last_ns=AT, hosts=("a.test",)))
    ingest = follow()
    await drained(ingest)
    for of, hosts in ((first, ("b.test", "c\0.test", "no name", "")), (second, ("d.test",)), (first, ())):
        journal.write(Repeat(v=1, of=of, count=1, first_ns=AT, last_ns=AT, hosts=hosts))
    await drained(ingest)
    assert [row.samples for row in await rows(BreachRow)] == ["a.test b.test c\ufffd.test", "d.test"]


async def test_samples_are_bounded_whatever_a_journal_claims(journal, follow, rows):
    of, ingest = journal.write(breach()), follow()
    for number in range(4):
        for _ in range(3):
            hosts = tuple(f"{n}.{'x' * 240}.test" for n in range(9))
            journal.write(Repeat(v=1, of=of, count=1, first_ns=AT, last_ns=AT, hosts=hosts))
        await drained(ingest)
        (row,) = await rows(BreachRow)
        assert row.count == 1 + 3 * (number + 1)
        assert len(row.samples) <= intake.MOST_SAMPLES


async def test_a_visit_is_a_row_for_each_of_its_sites(journal, follow, rows):
    visit = Visit(1, AT, "dns", {"bbc.co.uk": 3, "a.test": 1}, address="10.0.0.7", person=4, profile="ks2")
    offset = journal.write(visit)
    ingest = follow()
    await drained(ingest)
    await drained(follow())
    found = sorted(await rows(VisitRow), key=lambda row: -row.count)
    assert [(row.site, row.count, row.minute_ns, row.address, row.person, row.profile) for row in found] == [
        ("bbc.co.uk", 3, AT, "10.0.0.7", 4, "ks2"),
        ("a.test", 1, AT, "10.0.0.7", 4, "ks2"),
    ]
    assert {(row.journal, row.offset) for row in found} == {(journal.name, offset)}
    assert ingest.visits == 2


async def test_a_visit_that_claims_nonsense_is_taken_in_as_far_as_it_makes_sense(journal, follow, rows):
    journal.write(Visit(1, AT, "dns", {"a\0": 2**63 - 1, "a\ufffd": 5, "": -5}))
    await drained(follow())
    assert {row.site: row.count for row in await rows(VisitRow)} == {"a\ufffd": intake.MOST_REPEATS + 5, "": 0}


async def test_a_repeat_of_nothing_is_set_aside(journal, follow, rows):
    journal.write(Repeat(v=1, of=12345, count=3, first_ns=1, last_ns=2))
    ingest = follow()
    await drained(ingest)
    (row,) = await rows(DamagedRow)
    assert "repeats of a breach that was not taken in" in row.reason
    assert ingest.damaged == 1


async def test_a_journal_whose_writer_is_gone_is_finished_after_its_last_record(journal, follow, rows):
    journal.write(breach())
    ingest = follow()
    await drained(ingest)
    assert (await rows(JournalRow))[0].state == "reading"
    journal.write(breach(1))
    journal.close()
    await drained(ingest)
    (row,) = await rows(JournalRow)
    assert (row.state, row.offset) == ("finished", journal.path.stat().st_size)
    assert len(await rows(BreachRow)) == 2
    assert not ingest._followed


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_journal_without_a_record_is_finished_once(journal, follow, rows, database, restarted):
    journal.close()
    ingest = follow()
    await drained(ingest)
    (row,) = await rows(JournalRow)
    assert (row.state, row.offset) == ("finished", journal.path.stat().st_size)
    if restarted:
        ingest = follow()
        await ingest._remember()
    commits = []
    event.listen(database._writer.sync_engine, "commit", commits.append)
    for _ in range(3):
        assert await ingest.step() == 0
    assert commits == []
    assert not ingest._followed


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


async def test_what_a_newer_writer_says_is_kept(journal, follow, rows, monkeypatch):
    newer = msgspec.to_builtins(breach()) | {"v": 9, "mood": "calm\0", "raw": b"\xff"}
    monkeypatch.setattr("reporting.journal._payload", lambda _record: msgspec.msgpack.encode(newer))
    journal.write(breach())
    mood = msgspec.msgpack.encode({"type": "mood", "v": 9})
    monkeypatch.setattr("reporting.journal._payload", lambda _record: mood)
    journal.write(breach())
    await drained(follow())
    (row,) = await rows(BreachRow)
    assert row.extra == {"mood": "calm\ufffd", "raw": "/w=="}
    (unknown,) = await rows(DamagedRow)
    assert (unknown.reason, unknown.bytes) == ("unknown: a record of the type 'mood'", mood)


@pytest.mark.parametrize("count", [2**64 - 1, 2**63 - 1, -5])
async def test_numbers_that_nobody_counts_to_stop_nothing(spool, follow, rows, monkeypatch, count):
    monkeypatch.setattr("reporting.journal.time.time_ns", lambda: 2**64 - 1)
    journal = open_journal(spool, sealed_seed=b"another seed")
    monkeypatch.undo()
    of = journal.write(breach())
    for number in range(3):
        journal.write(Repeat(v=1, of=of, count=min(count, 2**63 - 1), first_ns=1, last_ns=2**63 - 1))
        journal.write(Heartbeat(v=1, at_ns=2**63 - 1, count=min(count, 2**63 - 1), head=bytes(16)))
        await drained(follow())
        assert (await rows(JournalRow))[0].count == 3 + 2 * number
    journal.close()
    (row,) = await rows(BreachRow)
    assert row.count == 1 + 3 * min(max(count, 0), intake.MOST_REPEATS)


async def test_a_damaged_header_loses_no_record(journal, follow, rows):
    journal.write(breach())
    with journal.path.open("r+b") as file:
        file.write(b"XXXX")
    await drained(follow())
    assert len(await rows(BreachRow)) == 1
    (row,) = await rows(JournalRow)
    assert (row.site, row.kind, row.chain) == ("school", "dns", "unverified")


async def test_an_urgent_breach_its_alert_and_its_mail_come_together_or_not_at_all(journal, follow, rows, database):
    journal.write(breach(severity=Severity.URGENT, theme="self-harm"))
    ingest = follow()

    with nothing_written(database):
        assert await ingest.step() == 0
        assert ingest.failures == 1
        assert await rows(BreachRow) == await rows(AlertRow) == await rows(OutboxRow) == []
    assert ingest.lag > 0
    ingest._trouble.clear()
    await drained(ingest)
    await drained(ingest)
    assert [len(await rows(table)) for table in (BreachRow, AlertRow, OutboxRow)] == [1, 1, 1]
    assert (ingest.alerts, ingest.lag) == (1, 0.0)


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


async def test_batches_are_bounded_and_take_turns(spool, follow, rows, monkeypatch):
    monkeypatch.setattr(ingest_module, "BATCH", 10)
    journals = [open_journal(spool, instance=instance, sealed_seed=b"sealed") for instance in range(2)]
    for opened_journal in journals:
        for number in range(25):
            opened_journal.write(breach(number))
    ingest = follow()
    assert await ingest.step() == 20
    assert {row.count for row in await rows(JournalRow)} == {10}
    await drained(ingest)
    assert len(await rows(BreachRow)) == 50
    for opened_journal in journals:
        opened_journal.close()


async def test_run_takes_in_what_comes_within_a_quarter_of_a_second_or_so(journal, follow, rows):
    ingest = follow()
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(ingest.run())
        journal.write(breach())
        while not await rows(BreachRow):  # noqa: ASYNC110 - the database says nothing when it changes
            await asyncio.sleep(0.01)
        running.cancel()
    assert not ingest._followed


async def test_kill_9_in_the_middle_of_a_batch_takes_every_record_in_once(where, spool):
    journal = open_journal(spool, sealed_seed=b"sealed")
    for number in range(1_000):
        urgent = {"severity": Severity.URGENT, "theme": "self-harm", "person": number} if number % 100 == 0 else {}
        journal.write(breach(number, **urgent))
    journal.close()
    deaths = 0
    for point in ("stored", "committed", "stored", "committed", ""):
        child = subprocess.run(  # noqa: ASYNC221 - nothing else runs
            [sys.executable, "-c", _CHILD, str(where), str(spool), point], check=False, timeout=60
        )
        deaths += child.returncode == -9
    assert deaths == 4
    async with opened(where) as database, database.reading() as session:
        times = list((await session.scalars(select(BreachRow.at_ns).order_by(BreachRow.id))).all())
        assert times == [breach(number).at_ns for number in range(1_000)]
        found = await host_search.matching(session, ".gambling", true(), 1_000)
        assert sorted(found or ()) == sorted(breach(number).host for number in range(1_000))
        assert await session.scalar(select(func.count()).select_from(AlertRow)) == 10
        assert await session.scalar(select(func.count()).select_from(OutboxRow)) == 10
        assert await session.scalar(select(JournalRow.state)) == "finished"


_CHILD = """
import asyncio, os, signal, sys
from pathlib import Path
from reporting import ingest, intake
from reporting.database import opened
from tests.support.full_disk import nothing_written
from tests.support.journals import follower

ingest.BATCH = 150
store, tell = intake.store, ingest.Ingest._tell

async def stored(*arguments):
    await store(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)

def committed(*arguments):
    os.kill(os.getpid(), signal.SIGKILL)

async def main():
    database, spool, point = sys.argv[1:]
    if point == "stored":
        intake.store = stored
    if point == "committed":
        ingest.Ingest._tell = committed
    async with opened(database) as opened_database:
        following = follower(opened_database, Path(spool))
        while await following.step():
            pass
        following.close()

asyncio.run(main())
"""


async def test_what_a_writer_wrote_just_before_it_died_is_taken_in(journal, follow, rows, monkeypatch):
    """The writer writes its last record and dies between two looks of the reader at its file."""

    class DiesWhileLookedAt(ingest_module.Reader):
        @property
        def abandoned(self):
            if not DiesWhileLookedAt.dead and DiesWhileLookedAt.quiet:
                DiesWhileLookedAt.dead = True
                journal.write(breach(2))
                journal.close()
            return super().abandoned

        dead = quiet = False

    monkeypatch.setattr(ingest_module, "Reader", DiesWhileLookedAt)
    ingest = follow()
    journal.write(breach(1))
    await drained(ingest)
    DiesWhileLookedAt.quiet = True
    for _ in range(3):
        await drained(ingest)
    assert DiesWhileLookedAt.dead
    assert [row.host for row in await rows(BreachRow)] == [breach(1).host, breach(2).host]
    assert await rows(DamagedRow) == []
