"""A gateway that is cut off from the server of its database: nothing is lost, nothing doubled, little is said."""

import asyncio
import contextlib
import json
import logging
import os
import shutil
import signal

import pytest
from sqlalchemy import func, select, text

from blocklists.rulebook import Severity
from reporting import reach
from reporting.database import opened
from reporting.models import AlertRow, BreachRow, JournalRow, OutboxRow
from reporting.reach import AwayError
from reporting.spent import DAY, Spent
from tests.support import network, postgres
from tests.support.journals import breach, follower, open_journal

SETTINGS = (*postgres.QUICK, "wal_writer_delay=10s")
"""What need not be durable waits for the disk for ten seconds, and is gone when the server is killed before."""


@pytest.fixture(scope="module")
def own():
    """A server that tests may kill."""
    postgres.installed()
    with postgres.running(*SETTINGS) as running:
        yield running


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(reach, "FIRST", 0.02)
    monkeypatch.setattr(reach, "LONGEST", 0.1)


@pytest.fixture
async def database(own):
    async with opened(own.new()) as opened_database:
        yield opened_database


@pytest.fixture
def ingest(database, spool):
    with contextlib.closing(follower(database, spool)) as following:
        yield following


@contextlib.contextmanager
def stopped(server, how=signal.SIGQUIT):
    """No server during the block."""
    server.stop(how)
    try:
        yield
    finally:
        server.start(*SETTINGS)


async def until(ingest, database, count):
    """Take in until *count* breaches are there."""
    async with asyncio.timeout(60):
        while True:
            await ingest.step()
            with contextlib.suppress(AwayError):
                async with database.reading() as session:
                    if await session.scalar(select(func.count()).select_from(BreachRow)) >= count:
                        return
            await asyncio.sleep(0.02)


async def writers_process(database):
    """The server's process for our writing connection, once there is one."""
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(AwayError):
                async with database.writing(durable=False) as session:
                    return await session.scalar(text("SELECT pg_backend_pid()"))
            await asyncio.sleep(0.02)


async def hosts(database):
    async with database.reading() as session:
        return list(await session.scalars(select(BreachRow.host).order_by(BreachRow.at_ns)))


def expected(count):
    return [breach(number).host for number in range(count)]


async def test_while_the_server_is_away_journals_wait_and_then_are_taken_in_once(
    own, database, journal, ingest, caplog
):
    for number in range(5):
        journal.write(breach(number))
    await until(ingest, database, 5)
    with stopped(own, signal.SIGINT):
        for number in range(5, 9):
            journal.write(breach(number))
        for _ in range(20):
            assert await ingest.step() == 0
            await asyncio.sleep(0.02)
        assert database.reach.away > 0
        assert ingest.lag > 0
        assert (ingest.failures, ingest.tampered) == (0, 0)
        assert [record.levelno for record in caplog.records] == [logging.ERROR]
        assert "The database's server has been away for" in caplog.text
    await until(ingest, database, 9)
    assert await hosts(database) == expected(9)
    assert database.reach.away == 0
    assert "is there again" in caplog.text


async def test_what_a_killed_server_forgot_is_read_from_the_journals_again(own, database, journal, spool, ingest):
    with contextlib.closing(open_journal(spool, instance=1, sealed_seed=b"sealed")) as ended:
        ended.write(breach(0))
    for number in range(1, 6):
        journal.write(breach(number))
    await until(ingest, database, 6)
    await ingest.step()
    with stopped(own):  # the commits above had not reached the disk
        journal.write(breach(6))
    await until(ingest, database, 7)
    assert await hosts(database) == expected(7)
    await ingest.step()
    async with database.reading() as session:
        found = await session.execute(select(JournalRow.instance, JournalRow.state, JournalRow.chain))
        assert sorted(found.all()) == [(0, "reading", "verified"), (1, "finished", "verified")]
    assert ingest.tampered == 0


async def test_a_process_of_the_server_that_is_killed_in_the_middle_costs_no_row(own, database, journal, ingest):
    killed = 0
    for number in range(0, 300, 3):
        for one in range(number, number + 3):
            journal.write(breach(one))
        await ingest.step()
        if number % 60 == 30:
            os.kill(await writers_process(database), signal.SIGKILL)  # the server ends all others and begins anew
            killed += 1
    await until(ingest, database, 300)
    assert killed == 5
    assert await hosts(database) == expected(300)


async def test_an_alert_of_the_days_without_a_server_is_opened_once_it_is_back(own, database, journal, ingest):
    with stopped(own):
        journal.write(breach(0, severity=Severity.URGENT, theme="self-harm"))
        await ingest.step()
    await until(ingest, database, 1)
    async with database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(AlertRow)) == 1
        (mail,) = await session.scalars(select(OutboxRow))
        assert (mail.state, mail.recipient) == ("waiting", "dsl")
    assert ingest.alerts == 1


async def test_no_journal_is_spent_while_the_server_is_away_nor_when_it_has_just_been_read(
    own, database, journal, spool, ingest
):
    journal.write(breach(0))
    journal.close()
    os.utime(journal.path, ns=(0, 0))  # as if it had been written long ago
    spent = Spent(database, spool, days=30)
    with stopped(own), pytest.raises(AwayError):
        await spent.step()
    await until(ingest, database, 1)
    await ingest.step()
    await spent.step()
    assert list(spool.iterdir()) == [journal.path]
    async with database.reading() as session:
        finished = await session.scalar(select(JournalRow.finished_ns))
    later = Spent(database, spool, days=30, now_ns=lambda: finished + 31 * DAY)
    await later.step()
    assert list(spool.iterdir()) == []


@pytest.mark.skipif(not (network.USABLE and shutil.which("nft")), reason="only root may cut a network of its own")
def test_a_cable_that_is_pulled_is_noticed_by_both_sides_and_the_lock_is_free_again(tmp_path):
    postgres.installed()
    with network.Network(tmp_path) as inside:
        told, _ = inside.start("-m", "tests.support.pulled_cable").communicate(timeout=200)
    found = json.loads(told)
    assert found["held"] == "1"
    assert 0.5 < found["noticed"] < 60  # it was the silence that told, and it does not take hours
    assert found["at_once"] < 0.05 * found["noticed"] + 0.5
    assert (found["names"], found["lost"]) == (["before", "after"], 1)
