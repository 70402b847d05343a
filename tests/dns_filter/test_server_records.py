"""What a worker puts on record of what it closes: before the answer, once, and no more than a disk takes."""

import asyncio
import contextlib
import threading

import pytest

from reporting.breach import Repeat
from reporting.frames import read_frames
from reporting.runs import ROWS
from tests.support.dns_client import (
    SERVFAIL,
    addresses,
    ask,
)
from tests.support.eventually import eventually
from tests.support.school import LISTS

KS2 = "127.0.0.1"


async def test_a_breach_is_on_record_before_its_answer(running):
    await ask(running.dns, "www.gambling.test")

    (breach,) = running.breaches()
    assert (breach.host, breach.profile, breach.category, breach.rule, breach.address, breach.source) == (
        "www.gambling.test",
        "ks2",
        "gambling",
        "gambling.test",
        KS2,
        "dns",
    )


async def test_repeats_are_counted_and_not_written_one_by_one(running):
    for _ in range(5):
        await ask(running.dns, "gambling.test")
    await ask(running.dns, "gambling.test", "AAAA")

    assert (len(running.breaches()), running.recorder.repeats) == (1, 5)
    running.recorder.flush()
    counts = [f.record.count for f in read_frames(running.journal.path) if isinstance(f.record, Repeat)]
    assert counts == [5]


async def test_an_urgent_breach_is_durable_before_its_answer(running, monkeypatch):
    synced = []
    real = running.journal.sync

    def sync():
        real()
        synced.append(running.journal.count)

    monkeypatch.setattr(running.journal, "sync", sync)
    monkeypatch.setattr("reporting.syncing.SOON", 60.0)
    await ask(running.dns, "harm.test")

    assert synced
    assert running.breaches()[0].theme == "self-harm"


@contextlib.asynccontextmanager
async def a_disk_that_hangs(running, monkeypatch):
    """No sync of the journal ends before this does."""
    hangs, real = threading.Event(), running.journal.sync

    def sync():
        hangs.wait()
        real()

    monkeypatch.setattr(running.journal, "sync", sync)
    try:
        yield
    finally:
        hangs.set()


async def test_a_repeat_of_an_urgent_breach_that_is_durable_waits_for_no_disk(running, monkeypatch):
    await ask(running.dns, "a.harm.test")
    async with a_disk_that_hangs(running, monkeypatch):
        answers = [addresses(await ask(running.dns, f"{name}.harm.test")) for name in "abcdefgh"]

    assert answers == [["192.0.2.99"]] * 8
    assert len(running.breaches()) == 1


async def test_a_client_with_urgent_breaches_without_number_takes_the_places_of_nobody_else(
    running, school, monkeypatch
):
    school.compile({**LISTS, "harm": [f"n{number}.harm.example" for number in range(1000)]})

    async def closed():
        return addresses(await ask(running.dns, "x.n0.harm.example")) == ["192.0.2.99"]

    async def at_the_limit():
        return sum(task.done() for task in waiting) > 400

    await eventually(closed)
    async with a_disk_that_hangs(running, monkeypatch):
        waiting = [asyncio.create_task(ask(running.dns, f"n{n}.harm.example", seconds=20.0)) for n in range(1, 1000)]
        others = await ask(running.dns, "learning.test", source="127.0.0.8")
        await eventually(at_the_limit)
        refused = [task.result().header.rcode for task in waiting if task.done()]

    answers = await asyncio.gather(*waiting)
    assert addresses(others) == ["192.0.2.8"]
    assert set(refused) == {SERVFAIL}
    assert {tuple(addresses(a)) for a in answers if a.header.rcode != SERVFAIL} == {("192.0.2.99",)}
    assert {row.host for row in running.breaches()} >= {f"n{n}.harm.example" for n in range(1, 1000)}


async def test_many_urgent_breaches_at_once_are_each_on_record_and_share_their_syncs(running, school, monkeypatch):
    names = [f"n{number}.harm.example" for number in range(40)]
    school.compile({**LISTS, "harm": names})
    synced, on_record = [], []
    real = running.journal.sync

    def sync():
        before = running.journal.count
        real()
        synced.append(before)

    async def closed(name):
        answer = await ask(running.dns, name)
        hosts = [getattr(frame.record, "host", "") for frame in read_frames(running.journal.path)]
        on_record.append(hosts.count(name) == 1 and hosts.index(name) < max(synced))
        return addresses(answer) == ["192.0.2.99"]

    async def in_force():
        return addresses(await ask(running.dns, "x.n0.harm.example")) == ["192.0.2.99"]

    await eventually(in_force)
    monkeypatch.setattr(running.journal, "sync", sync)
    monkeypatch.setattr("reporting.syncing.SOON", 60.0)
    assert all(await asyncio.gather(*(closed(name) for name in names[1:])))
    assert all(on_record)
    assert 0 < len(synced) < len(names) / 2


async def test_names_of_one_rule_are_one_run_that_tells_of_three(running):
    for name in ("a.games.test", "b.games.test", "c.games.test", "d.games.test", "casino.test"):
        await ask(running.dns, name)
    running.recorder.flush()

    assert [breach.host for breach in running.breaches()] == ["a.games.test", "casino.test"]
    (repeat,) = [f.record for f in read_frames(running.journal.path) if isinstance(f.record, Repeat)]
    assert (repeat.count, repeat.hosts) == (3, ("b.games.test", "c.games.test"))


async def test_a_run_tells_of_names_that_others_had_asked_for_before(running):
    names = ("a.games.test", "b.games.test", "c.games.test", "d.games.test")
    for source in ("127.0.0.1", "127.0.0.21"):
        for name in (*names, *names):
            await ask(running.dns, name, source=source)
    running.recorder.flush()

    repeats = [f.record for f in read_frames(running.journal.path) if isinstance(f.record, Repeat)]
    assert [(repeat.count, repeat.hosts) for repeat in repeats] == [(7, ("b.games.test", "c.games.test"))] * 2


async def test_a_flood_is_counted_by_the_hit_path_and_leaves_others_their_rows(running, school):
    names = [f"n{number}.bets.example" for number in range(ROWS + 40)]
    school.compile({**LISTS, "gambling": names})

    async def in_force():
        return addresses(await ask(running.dns, names[0])) == ["192.0.2.99"]

    await eventually(in_force)
    for name in names[1:]:
        await ask(running.dns, name)
    records = running.journal.count
    for name in names:
        await ask(running.dns, name)
    assert running.journal.count == records
    rows = running.breaches()
    await ask(running.dns, names[-1], source="127.0.0.9")

    assert sum(row.flood for row in rows) == 1
    assert [(row.host, row.flood) for row in running.breaches()[len(rows) :]] == [(names[-1], False)]


@pytest.mark.parametrize("name", ["adverts.test", "helpline.test", "www.helpline.test", "learning.test"])
async def test_quiet_helpline_and_open_names_are_not_journalled(running, name):
    await ask(running.dns, name)
    await ask(running.dns, name)

    assert running.breaches() == []


async def test_a_full_journal_leaves_a_block_a_block(running, monkeypatch):
    def full(record):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(running.journal, "write", full)
    for _ in range(2):
        assert addresses(await ask(running.dns, "gambling.test")) == ["192.0.2.99"]
        assert addresses(await ask(running.dns, "harm.test")) == ["192.0.2.99"]
    assert running.recorder.waiting > 0
