import asyncio
import ssl
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import trustme
from sqlalchemy import select, update

from blocklists.rulebook import Severity
from reporting import intake
from reporting.alerts import Desk
from reporting.database import opened
from reporting.frames import Frame
from reporting.mail import SECOND, notice
from reporting.models import OutboxRow
from reporting.notify import WAITS, Outbox, next_attempt
from reporting.settings import ContactSettings, MailSettings, MailTls
from tests.support.journals import AT, breach
from tests.support.smtp import smtp_sink

CONTACTS = ContactSettings(dsl="dsl@school.test", dsl_confirmed=True, headteacher="head@school.test")
SMUGGLED = "a@b.test\r\nBcc: x@y.test"
LONDON = ZoneInfo("Europe/London")


def write(number, severity, act_by_ns):
    return notice(number, severity, act_by_ns, link="https://safe.school.test", zone=LONDON)


@pytest.fixture
async def database(tmp_path):
    async with opened(tmp_path / "school.db") as opened_database:
        async with opened_database.writing() as session:
            session.add(intake.new_journal("a.journal", None, AT))
        yield opened_database


@pytest.fixture
def raise_alert(database):
    async def raising(number=0, contacts=CONTACTS):
        urgent = breach(
            number,
            severity=Severity.URGENT,
            theme="self-harm",
            category="self-harm",
            host="secret.harm.test",
            path="/private",
            rule="rule.harm.test",
            list="listed",
            person=41 + number,
        )
        batch = intake.sorted_out([Frame(number, number + 1, urgent, {})], "a.journal", AT)
        desk = Desk(contacts=contacts, column=lambda profile: profile, write=write)
        async with database.writing() as session:
            await intake.store(session, batch, desk, AT)

    return raising


def mail(sink, **fields):
    host, port = sink.address
    return MailSettings(**({"host": host, "port": port, "sender": "schoolgate@school.test"} | fields))


async def outbox_rows(database):
    async with database.reading() as session:
        return list((await session.scalars(select(OutboxRow).order_by(OutboxRow.id))).all())


async def test_an_alert_reaches_the_dsl_as_a_number_and_a_link(database, raise_alert):
    async with smtp_sink() as sink, asyncio.timeout(10):
        await raise_alert()
        assert await Outbox(database, mail(sink), CONTACTS).send_due() == 1
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
    async with smtp_sink() as sink, asyncio.timeout(10):
        await raise_alert()
        await Outbox(database, mail(sink), CONTACTS).send_due()
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
            assert await outbox.send_due() == 0
            (row,) = await outbox_rows(database)
            assert row.attempts == attempt
            assert row.due_ns == now[0] + WAITS[min(attempt, len(WAITS)) - 1] * SECOND
            assert "451" in row.last_error
            assert await outbox.send_due() == 0
            assert sink.tried == attempt
            now[0] = row.due_ns
        assert (outbox.failed, outbox.waiting, outbox.oldest_ns) == (8, 1, AT)
        sink.refuses = ""
        assert await outbox.send_due() == 1
    assert (outbox.sent, outbox.waiting, outbox.oldest_ns) == (1, 0, None)


async def test_no_mail_server_at_all_is_a_failed_attempt_with_a_reason(database, raise_alert, caplog):
    async with smtp_sink() as sink:
        settings = mail(sink)
    await raise_alert()
    await Outbox(database, settings, CONTACTS).send_due()
    (row,) = await outbox_rows(database)
    assert (row.state, row.attempts) == ("waiting", 1)
    assert row.last_error
    assert "was not sent, attempt 1" in caplog.text


async def test_one_address_that_fails_does_not_hold_up_the_next_mail(database, raise_alert):
    async with smtp_sink() as sink, asyncio.timeout(10):
        await raise_alert(0)
        await raise_alert(1)
        async with database.writing() as session:
            await session.execute(
                update(OutboxRow).where(OutboxRow.id == 1).values(address="a@b.test\r\nBcc: x@y.test")
            )
        assert await Outbox(database, mail(sink), CONTACTS).send_due() == 1
    assert [letter.recipients for letter in sink.letters] == [["dsl@school.test"]]
    assert "Bcc" not in sink.letters[0].raw.decode()
    assert [row.state for row in await outbox_rows(database)] == ["waiting", "sent"]


async def test_a_mail_sent_twice_has_the_same_message_id_and_another_mail_has_another(database, raise_alert):
    async with smtp_sink() as sink, asyncio.timeout(10):
        await raise_alert(0)
        await raise_alert(1)
        outbox = Outbox(database, mail(sink), CONTACTS)
        await outbox.send_due()
        async with database.writing() as session:  # as if the process had died before it noted that they were sent
            await session.execute(update(OutboxRow).values(state="waiting"))
        await outbox.send_due()
    ids = [letter.message["Message-ID"] for letter in sink.letters]
    assert ids[:2] == ids[2:]
    assert len(set(ids)) == 2
    assert all(unique.endswith("@school.test>") for unique in ids)


async def test_an_address_that_was_missing_is_looked_up_again_when_the_mail_is_sent(database, raise_alert):
    async with smtp_sink() as sink, asyncio.timeout(10):
        await raise_alert(contacts=ContactSettings())
        await Outbox(database, mail(sink), ContactSettings()).send_due()
        (row,) = await outbox_rows(database)
        assert "no address is known for the role headteacher" in row.last_error
        async with database.writing() as session:
            await session.execute(update(OutboxRow).values(due_ns=0))
        assert await Outbox(database, mail(sink), CONTACTS).send_due() == 1
    assert sink.letters[0].recipients == ["head@school.test"]


async def test_run_sends_what_comes_without_being_asked(database, raise_alert):
    async with smtp_sink() as sink, asyncio.timeout(10), asyncio.TaskGroup() as tasks:
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
        sent = await Outbox(database, settings, CONTACTS).send_due()
    assert sent == 1, await outbox_rows(database)
    assert (sink.letters[0].encrypted or tls is MailTls.REQUIRED, sink.letters[0].user) == (True, "gate")


async def test_a_certificate_that_nobody_vouches_for_gets_no_mail(database, raise_alert, certificate):
    async with smtp_sink(starttls=certificate) as sink, asyncio.timeout(20):
        await raise_alert()
        assert await Outbox(database, mail(sink, tls=MailTls.STARTTLS), CONTACTS).send_due() == 0
    assert sink.letters == []
    assert "certificate" in (await outbox_rows(database))[0].last_error.casefold()


async def test_a_server_that_offers_no_starttls_gets_no_mail(database, raise_alert, trust):
    async with smtp_sink() as sink, asyncio.timeout(20):
        await raise_alert()
        assert await Outbox(database, mail(sink, tls=MailTls.STARTTLS, ca_file=trust), CONTACTS).send_due() == 0
    assert sink.letters == []


def test_waits_grow_and_stay_at_fifteen_minutes():
    waits = [next_attempt(attempts, 0) // SECOND for attempts in range(1, 9)]
    assert waits == [5, 15, 60, 300, 900, 900, 900, 900]
