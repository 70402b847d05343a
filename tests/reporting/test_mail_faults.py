"""A mail server in trouble, with real SMTP: each alert is delivered at least once, and none more than twice."""

import asyncio
import contextlib
from collections import Counter

import pytest
from sqlalchemy import select

from blocklists.rulebook import Severity
from reporting import intake, mail
from reporting.alert_rules import HOUR, MINUTE
from reporting.alerts import Desk
from reporting.frames import Frame
from reporting.models import OutboxRow
from reporting.notify import Outbox
from reporting.settings import ContactSettings, MailSettings
from tests.support.databases import opened
from tests.support.journals import AT, breach
from tests.support.smtp import smtp_sink

CONTACTS = ContactSettings(dsl="dsl@school.test", dsl_confirmed=True, headteacher="head@school.test")
ALERTS = 6
SECOND = 1_000_000_000


class School:
    """Alerts that are to be told, and a clock that the test moves."""

    def __init__(self, database):
        self.database, self.now = database, AT

    async def raise_alerts(self):
        desk = Desk(
            contacts=CONTACTS, column=lambda profile: profile, write=lambda number, *_: (f"Alert {number}", "-\n")
        )
        urgent = {"severity": Severity.URGENT, "theme": "self-harm", "category": "self_harm"}
        frames = [Frame(n, n + 1, breach(n, person=n + 1, **urgent), {}) for n in range(ALERTS)]
        async with self.database.writing() as session:
            await intake.store(session, intake.sorted_out(frames, "a.journal", AT), desk, AT)

    def outbox(self, sink):
        host, port = sink.address
        settings = MailSettings(host=host, port=port, sender="gate@school.test")
        return Outbox(self.database, settings, CONTACTS, now_ns=lambda: self.now)

    async def pass_time(self, outbox, until, step=30 * SECOND):
        """Let the outbox look each *step* until it is *until*."""
        while self.now < until:
            async with asyncio.TaskGroup() as tasks:
                await outbox.look(tasks)
            self.now += step

    async def states(self):
        async with self.database.reading() as session:
            return Counter(await session.scalars(select(OutboxRow.state)))


@pytest.fixture
async def school(tmp_path):
    async with opened(tmp_path / "school.db") as database:
        async with database.writing() as session:
            session.add(intake.new_journal("a.journal", None, AT))
        made = School(database)
        await made.raise_alerts()
        yield made


def delivered(sink):
    """How often each alert arrived."""
    return Counter(letter.message["Subject"] for letter in sink.letters)


def each_once(sink):
    return delivered(sink) == {f"Alert {1001 + number}": 1 for number in range(ALERTS)}


async def test_a_server_that_refuses_for_an_hour_gets_each_alert_once(school):
    async with smtp_sink() as sink, asyncio.timeout(60):
        outbox = school.outbox(sink)
        sink.refuses = "554 not from you"
        await school.pass_time(outbox, AT + HOUR, MINUTE)
        assert sink.letters == []
        sink.refuses = ""
        await school.pass_time(outbox, AT + HOUR + 20 * MINUTE, MINUTE)
        assert each_once(sink)
    assert await school.states() == {"sent": ALERTS}


async def test_a_server_that_greylists_gets_each_alert_once_at_the_second_try(school):
    seen = set()

    def greylist(envelope):
        known = envelope.content in seen
        seen.add(envelope.content)
        return "" if known else "451 4.7.1 greylisted, try again"

    async with smtp_sink() as sink, asyncio.timeout(60):
        sink.judge = greylist
        await school.pass_time(school.outbox(sink), AT + 5 * MINUTE, 5 * SECOND)
        assert each_once(sink)
        assert sink.tried == 2 * ALERTS


async def test_a_server_that_is_away_for_two_hours_gets_each_alert_once_within_a_quarter_of_an_hour(school):
    async with smtp_sink() as away:
        address = away.address
    async with asyncio.timeout(60):
        outbox = school.outbox(away)
        await school.pass_time(outbox, AT + 2 * HOUR, MINUTE)
        assert outbox.failed >= 2 * ALERTS
        async with smtp_sink(port=address[1]) as sink:
            await school.pass_time(outbox, AT + 2 * HOUR + 16 * MINUTE, MINUTE)
            assert each_once(sink)


@contextlib.asynccontextmanager
async def silent():
    """A server that takes connections and never says a word."""
    talking = []

    async def say_nothing(reader, writer):
        talking.append(writer)
        await reader.read()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for one in talking:
            one.close()
        await server.wait_closed()


async def test_a_server_that_hangs_before_it_says_anything_gets_each_alert_once_when_it_is_well(school, monkeypatch):
    monkeypatch.setattr(mail, "STEP", 0.05)
    async with asyncio.timeout(60):
        async with silent() as port, smtp_sink() as sink:
            address, sink.address = sink.address, ("127.0.0.1", port)
            await school.pass_time(school.outbox(sink), AT + 5 * MINUTE, MINUTE)
            assert await school.states() == {"waiting": ALERTS}
            monkeypatch.setattr(mail, "STEP", 20.0)
            sink.address = address
            await school.pass_time(school.outbox(sink), AT + 25 * MINUTE, MINUTE)
            assert each_once(sink)


async def test_a_server_that_takes_every_mail_and_never_says_so_gets_none_more_than_twice(school, monkeypatch, caplog):
    monkeypatch.setattr(mail, "ANSWER", 0.05)
    async with smtp_sink() as sink, asyncio.timeout(60):
        sink.held["dsl@school.test"] = asyncio.Event()
        outbox = school.outbox(sink)
        await school.pass_time(outbox, AT + 3 * HOUR, 3 * MINUTE)
        sink.held["dsl@school.test"].set()
        assert set(delivered(sink).values()) == {2}
        assert len(delivered(sink)) == ALERTS
    assert await school.states() == {"unanswered": ALERTS}
    assert "has the whole mail and did not answer" in caplog.text


async def test_a_server_that_does_not_answer_once_gets_each_alert_at_most_twice_and_its_word_is_kept(
    school, monkeypatch
):
    monkeypatch.setattr(mail, "ANSWER", 0.05)
    async with smtp_sink() as sink, asyncio.timeout(60):
        sink.held["dsl@school.test"] = asyncio.Event()
        outbox = school.outbox(sink)
        await school.pass_time(outbox, AT + SECOND, SECOND)
        sink.held["dsl@school.test"].set()
        monkeypatch.setattr(mail, "ANSWER", 600.0)
        await school.pass_time(outbox, AT + 30 * MINUTE, MINUTE)
        assert len(delivered(sink)) == ALERTS
        assert max(delivered(sink).values()) == 2
    async with school.database.reading() as session:
        assert set(await session.scalars(select(OutboxRow.receipt))) == {"taken"}
