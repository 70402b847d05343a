import asyncio
import contextlib
import functools
import ssl
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import trustme
from sqlalchemy import select, text, update

from blocklists.rulebook import Severity
from reporting import intake, notify
from reporting.alerts import HOUR, Desk
from reporting.frames import Frame
from reporting.mail import SECOND, notice
from reporting.models import OutboxRow
from reporting.notify import AT_ONCE, NO_ANSWER, WAITS, Outbox, next_attempt
from reporting.settings import ContactSettings, MailSettings, MailTls
from tests.support.databases import opened
from tests.support.full_disk import fill, nothing_written
from tests.support.journals import AT, breach
from tests.support.smtp import smtp_sink

CONTACTS = ContactSettings(dsl="dsl@school.test", dsl_confirmed=True, headteacher="head@school.test")
SMUGGLED = "a@b.test\r\nBcc: x@y.test"
LONDON = ZoneInfo("Europe/London")


def write(number, severity, act_by_ns):
    return notice(number, severity, act_by_ns, link="https://safe.school.test", zone=LONDON)


@contextlib.asynccontextmanager
async def opened_at(place):
    async with opened(place) as opened_database:
        async with opened_database.writing() as session:
            session.add(intake.new_journal("a.journal", None, AT))
        yield opened_database


@pytest.fixture
async def database(tmp_path):
    async with opened_at(tmp_path / "school.db") as opened_database:
        yield opened_database


async def raised(database, number=0, contacts=CONTACTS, profile="ks2"):
    """An alert about an urgent breach, with its mail in the outbox."""
    urgent = breach(
        number,
        severity=Severity.URGENT,
        theme="radicalisation",
        category="extremism",
        host="secret.harm.test",
        path="/private",
        rule="rule.harm.test",
        list="listed",
        person=41 + number,
        profile=profile,
    )
    batch = intake.sorted_out([Frame(number, number + 1, urgent, {})], "a.journal", AT)
    desk = Desk(contacts=contacts, column=lambda profile: profile, write=write)
    async with database.writing() as session:
        await intake.store(session, batch, desk, AT)


@pytest.fixture
def raise_alert(database):
    return functools.partial(raised, database)


def mail(sink, **fields):
    host, port = sink.address
    return MailSettings(**({"host": host, "port": port, "sender": "schoolgate@school.test"} | fields))


async def looked(outbox):
    """One look at the outbox, until all that it started is over; how many mails were sent."""
    before = outbox.sent
    async with asyncio.TaskGroup() as tasks:
        await outbox.look(tasks)
    return outbox.sent - before


async def outbox_rows(database):
    async with database.reading() as session:
        return list((await session.scalars(select(OutboxRow).order_by(OutboxRow.id))).all())


async def test_an_alert_reaches_the_dsl_as_a_number_and_a_link(database, raise_alert):
    async with smtp_sink() as sink, asyncio.timeout(60):
        await raise_alert()
        assert await looked(Outbox(database, mail(sink), CONTACTS)) == 1
    (letter,) = sink.letters
    assert letter.recipients == ["dsl@school.test"]
    assert letter.message["Subject"] == "Schoolgate alert 1001: Urgent"
    body = letter.message.get_content()
    assert "https://safe.school.test/alerts/1001" in body
    assert "within the hour (by 23:13 on Tuesday 14 November 2023)" in body
    (row,) = await outbox_rows(database)
    assert (row.state, row.attempts, row.last_error) == ("sent", 1, "")
    assert row.sent_ns is not None


async def test_no_header_and_no_line_of_a_mail_says_what_happened_or_to_whom(database, raise_alert):
    async with smtp_sink() as sink, asyncio.timeout(60):
        await raise_alert()
        await looked(Outbox(database, mail(sink), CONTACTS))
    text = sink.letters[0].raw.decode().casefold()
    leaks = ["harm", "secret", "private", "10.0.0.7", "ks2", "listed", "person", "gambling", "category", "41"]
    assert [word for word in leaks if word in text] == []


async def test_a_mail_server_that_is_away_is_tried_again_with_growing_waits_and_never_given_up(database, raise_alert):
    now = [AT]
    async with smtp_sink() as sink, asyncio.timeout(20):
        outbox = Outbox(database, mail(sink), CONTACTS, now_ns=lambda: now[0])
        await raise_alert()
        sink.refuses = "451 later"
        for attempt in range(1, 9):
            assert await looked(outbox) == 0
            (row,) = await outbox_rows(database)
            assert row.attempts == attempt
            assert row.due_ns == now[0] + WAITS[min(attempt, len(WAITS)) - 1] * SECOND
            assert "451" in row.last_error
            assert await looked(outbox) == 0
            assert sink.tried == attempt
            now[0] = row.due_ns
        assert (outbox.failed, outbox.waiting, outbox.oldest_ns) == (8, 1, AT)
        sink.refuses = ""
        assert await looked(outbox) == 1
    assert (outbox.sent, outbox.waiting, outbox.oldest_ns) == (1, 0, None)


async def test_no_mail_server_at_all_is_a_failed_attempt_with_a_reason(database, raise_alert, caplog):
    async with smtp_sink() as sink:
        settings = mail(sink)
    await raise_alert()
    await looked(Outbox(database, settings, CONTACTS))
    (row,) = await outbox_rows(database)
    assert (row.state, row.attempts) == ("waiting", 1)
    assert row.last_error
    assert "was not sent, attempt 1" in caplog.text


async def test_one_address_that_fails_does_not_hold_up_the_next_mail(database, raise_alert):
    async with smtp_sink() as sink, asyncio.timeout(60):
        await raise_alert(0)
        await raise_alert(1)
        async with database.writing() as session:
            smuggled = {"recipient": "chair", "address": SMUGGLED}
            await session.execute(update(OutboxRow).where(OutboxRow.id == 1).values(**smuggled))
        assert await looked(Outbox(database, mail(sink), CONTACTS)) == 1
    assert [letter.recipients for letter in sink.letters] == [["dsl@school.test"]]
    assert "Bcc" not in sink.letters[0].raw.decode()
    assert [row.state for row in await outbox_rows(database)] == ["waiting", "sent"]


async def test_an_address_that_was_mended_is_used_for_what_waits_and_the_old_one_only_for_want_of_another(
    database, raise_alert
):
    wrong = ContactSettings(dsl="dls@school.test", dsl_confirmed=True, headteacher="head@school.test")
    async with smtp_sink() as sink, asyncio.timeout(60):
        await raise_alert(0, wrong)
        sink.refuses = "550 no such user"
        await looked(Outbox(database, mail(sink), wrong, now_ns=lambda: AT))
        sink.refuses = ""
        assert await looked(Outbox(database, mail(sink), CONTACTS, now_ns=lambda: AT + HOUR)) == 1
        await raise_alert(1, wrong)
        assert await looked(Outbox(database, mail(sink), ContactSettings(), now_ns=lambda: AT + HOUR)) == 1
    assert [letter.recipients for letter in sink.letters] == [["dsl@school.test"], ["dls@school.test"]]
    assert [row.address for row in await outbox_rows(database)] == ["dsl@school.test", "dls@school.test"]


async def test_after_a_clock_that_was_ahead_a_waiting_mail_is_tried_at_once(database, raise_alert):
    now = [AT + 24 * HOUR]
    async with smtp_sink() as sink, asyncio.timeout(60):
        await raise_alert()
        outbox = Outbox(database, mail(sink), CONTACTS, now_ns=lambda: now[0])
        sink.refuses = "451 later"
        await looked(outbox)
        sink.refuses = ""
        now[0] = AT
        assert await looked(outbox) == 1


async def test_on_a_full_disk_no_mail_goes_out_and_once_there_is_room_it_goes_once(small_disk):
    async with opened_at(small_disk / "school.db") as database, smtp_sink() as sink, asyncio.timeout(30):
        await raised(database)
        outbox = Outbox(database, mail(sink), CONTACTS)
        filler = fill(small_disk)
        for _ in range(3):
            assert await looked(outbox) == 0
        assert (sink.tried, outbox.troubles) == (0, 3)
        filler.unlink()
        assert await looked(outbox) == 1
        assert await looked(outbox) == 0
        assert [(row.state, row.attempts) for row in await outbox_rows(database)] == [("sent", 1)]
    assert len(sink.letters) == 1


async def test_a_mail_that_went_and_could_not_be_written_down_is_not_sent_again(database, raise_alert, caplog):
    now = [AT]
    async with smtp_sink() as sink, asyncio.timeout(30):
        await raise_alert()
        sink.held["dsl@school.test"] = asyncio.Event()
        outbox = Outbox(database, mail(sink), CONTACTS, now_ns=lambda: now[0])
        sending = asyncio.create_task(looked(outbox))
        await sink.until(1)
        with nothing_written(database):
            sink.held["dsl@school.test"].set()
            assert await sending == 1
            for _ in range(3):
                now[0] += HOUR
                assert await looked(outbox) == 0
            assert await looked(Outbox(database, mail(sink), CONTACTS)) == 0, "nor by another process meanwhile"
        assert await looked(outbox) == 0
        (row,) = await outbox_rows(database)
        assert (row.state, row.sent_ns, row.attempts) == ("sent", AT, 1)
        assert (outbox.troubles, outbox.waiting) == (4, 0)
    assert len(sink.letters) == 1
    assert "database or disk is full" in caplog.text


async def test_a_failure_that_could_not_be_written_down_keeps_its_wait(database, raise_alert):
    async with smtp_sink() as sink, asyncio.timeout(30):
        await raise_alert()
        sink.refuses = "451 later"
        sink.held["dsl@school.test"] = asyncio.Event()
        outbox = Outbox(database, mail(sink), CONTACTS, now_ns=lambda: AT)
        trying = asyncio.create_task(looked(outbox))
        await sink.until(1, tried=True)
        with nothing_written(database):
            sink.held["dsl@school.test"].set()
            await trying
            assert [row.last_error for row in await outbox_rows(database)] == [NO_ANSWER]
        assert await looked(outbox) == 0
        (row,) = await outbox_rows(database)
        assert "451" in row.last_error
        assert (row.attempts, row.due_ns, sink.tried) == (1, AT + WAITS[0] * SECOND, 1)


async def test_neither_a_database_that_cannot_be_read_nor_one_that_cannot_be_written_ends_it(
    database, raise_alert, monkeypatch
):
    monkeypatch.setattr(notify, "LOOK", 0.01)
    async with smtp_sink() as sink, asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        outbox = Outbox(database, mail(sink), CONTACTS)
        await raise_alert()
        async with database.writing() as session:
            await session.execute(text("ALTER TABLE outbox RENAME TO elsewhere"))
        running = tasks.create_task(outbox.run())
        while outbox.troubles < 4:  # noqa: ASYNC110 - counts are for scrapes, nobody is told of them
            await asyncio.sleep(0.01)
        with nothing_written(database):
            before = outbox.troubles
            while outbox.troubles < before + 4:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        async with database.writing() as session:
            await session.execute(text("ALTER TABLE elsewhere RENAME TO outbox"))
        await sink.until(1)
        assert not running.done()
        running.cancel()
    assert len(sink.letters) == 1


async def test_a_server_that_is_slow_over_one_mail_holds_up_no_other_and_gets_that_one_once(
    database, raise_alert, monkeypatch
):
    monkeypatch.setattr(notify, "LOOK", 0.01)
    now = [AT]
    async with smtp_sink() as sink, asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        await raise_alert(0)
        sink.held["dsl@school.test"] = asyncio.Event()
        outbox = Outbox(database, mail(sink), CONTACTS, now_ns=lambda: now[0])
        running = tasks.create_task(outbox.run())
        await sink.until(1)
        for number in range(1, 4):
            now[0] += HOUR  # the slow one is due again and again
            await raise_alert(number, profile="staff")
            await sink.until(1 + number)
        sink.held["dsl@school.test"].set()
        while outbox.sent < 4:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        running.cancel()
    recipients = [letter.recipients[0] for letter in sink.letters]
    assert recipients == ["dsl@school.test"] + 3 * ["head@school.test"]


async def test_no_more_than_a_few_mails_are_on_their_way_at_once(database, raise_alert):
    async with smtp_sink() as sink, asyncio.timeout(30):
        for number in range(AT_ONCE + 2):
            await raise_alert(number)
        sink.held["dsl@school.test"] = asyncio.Event()
        outbox = Outbox(database, mail(sink), CONTACTS)
        async with asyncio.TaskGroup() as tasks:
            await outbox.look(tasks)
            await sink.until(AT_ONCE)
            await outbox.look(tasks)
            assert sink.tried == AT_ONCE
            sink.held["dsl@school.test"].set()
        assert await looked(outbox) == 2
    assert len({letter.message["Message-ID"] for letter in sink.letters}) == AT_ONCE + 2 == len(sink.letters)


async def test_two_that_look_at_the_same_mail_send_it_once(database, raise_alert):
    async with smtp_sink() as sink, asyncio.timeout(30):
        await raise_alert()
        several = [Outbox(database, mail(sink), CONTACTS) for _ in range(4)]
        assert sum(await asyncio.gather(*map(looked, several))) == 1
    assert len(sink.letters) == 1


async def test_an_attempt_that_a_crash_cut_off_counts_and_waits_like_a_failed_one(database, raise_alert):
    async with smtp_sink() as sink, asyncio.timeout(30):
        await raise_alert()
        sink.held["dsl@school.test"] = asyncio.Event()
        sending = asyncio.create_task(looked(Outbox(database, mail(sink), CONTACTS, now_ns=lambda: AT)))
        await sink.until(1)
        sending.cancel()
        await asyncio.wait([sending])
        sink.held["dsl@school.test"].set()
        (row,) = await outbox_rows(database)
        assert (row.state, row.attempts, row.last_error) == ("waiting", 1, NO_ANSWER)
        assert row.due_ns == AT + WAITS[0] * SECOND
        assert await looked(Outbox(database, mail(sink), CONTACTS, now_ns=lambda: AT + 1)) == 0
        assert await looked(Outbox(database, mail(sink), CONTACTS, now_ns=lambda: row.due_ns)) == 1


async def test_a_mail_sent_twice_has_the_same_message_id_and_another_mail_has_another(database, raise_alert):
    async with smtp_sink() as sink, asyncio.timeout(60):
        await raise_alert(0)
        await raise_alert(1)
        outbox = Outbox(database, mail(sink), CONTACTS)
        await looked(outbox)
        async with database.writing() as session:  # as if the process had died before it noted that they were sent
            await session.execute(update(OutboxRow).values(state="waiting", due_ns=0))
        await looked(outbox)
    ids = [letter.message["Message-ID"] for letter in sink.letters]
    assert sorted(ids[:2]) == sorted(ids[2:])
    assert len(set(ids)) == 2
    assert all(unique.endswith("@school.test>") for unique in ids)


async def test_an_address_that_was_missing_is_looked_up_again_when_the_mail_is_sent(database, raise_alert):
    async with smtp_sink() as sink, asyncio.timeout(60):
        await raise_alert(contacts=ContactSettings())
        await looked(Outbox(database, mail(sink), ContactSettings()))
        (row,) = await outbox_rows(database)
        assert "no address is known for the role headteacher" in row.last_error
        async with database.writing() as session:
            await session.execute(update(OutboxRow).values(due_ns=0))
        assert await looked(Outbox(database, mail(sink), CONTACTS)) == 1
    assert sink.letters[0].recipients == ["head@school.test"]


async def test_run_sends_what_comes_without_being_asked(database, raise_alert):
    async with smtp_sink() as sink, asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(Outbox(database, mail(sink), CONTACTS).run())
        await raise_alert()
        await sink.until(1)
        running.cancel()
    assert len(sink.letters) == 1


@pytest.fixture
def authority():
    return trustme.CA()


@pytest.fixture
def certificate(authority):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def trust(authority, tmp_path):
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(file)
    return str(file)


@pytest.mark.parametrize(("tls", "side"), [(MailTls.REQUIRED, "tls"), (MailTls.STARTTLS, "starttls")])
async def test_a_mail_goes_out_encrypted_and_logged_in(database, raise_alert, certificate, trust, tls, side):
    password_file = Path(trust).with_name("password")
    password_file.write_text("open sesame\n")
    async with smtp_sink(password="open sesame", **{side: certificate}) as sink, asyncio.timeout(20):
        await raise_alert()
        settings = mail(sink, tls=tls, ca_file=trust, username="gate", password_file=str(password_file))
        sent = await looked(Outbox(database, settings, CONTACTS))
    assert sent == 1, await outbox_rows(database)
    assert (sink.letters[0].encrypted or tls is MailTls.REQUIRED, sink.letters[0].user) == (True, "gate")


async def test_a_certificate_that_nobody_vouches_for_gets_no_mail(database, raise_alert, certificate):
    async with smtp_sink(starttls=certificate) as sink, asyncio.timeout(20):
        await raise_alert()
        assert await looked(Outbox(database, mail(sink, tls=MailTls.STARTTLS), CONTACTS)) == 0
    assert sink.letters == []
    assert "certificate" in (await outbox_rows(database))[0].last_error.casefold()


async def test_a_server_that_offers_no_starttls_gets_no_mail(database, raise_alert, trust):
    async with smtp_sink() as sink, asyncio.timeout(20):
        await raise_alert()
        assert await looked(Outbox(database, mail(sink, tls=MailTls.STARTTLS, ca_file=trust), CONTACTS)) == 0
    assert sink.letters == []


def test_waits_grow_and_stay_at_fifteen_minutes():
    waits = [next_attempt(attempts, 0) // SECOND for attempts in range(1, 9)]
    assert waits == [5, 15, 60, 300, 900, 900, 900, 900]
