import asyncio
import subprocess
import sys

import msgspec
import pytest
from sqlalchemy import event, func, select, true

from blocklists.rulebook import Severity
from reporting import host_search, intake
from reporting import ingest as ingest_module
from reporting.breach import Clean, Heartbeat, Repeat, Visit
from reporting.models import AlertRow, BreachRow, DamagedRow, JournalRow, OutboxRow, VisitRow
from tests.support.databases import opened
from tests.support.full_disk import nothing_written
from tests.support.journals import AT, breach, drained, open_journal


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
