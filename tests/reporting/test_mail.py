import asyncio
from zoneinfo import ZoneInfo

import aiosmtplib
import pytest

from blocklists.rulebook import Severity
from reporting import mail
from reporting.mail import MailRefusedError, link_base, message, notice, send
from reporting.models import OutboxRow
from reporting.settings import MailSettings, MailTls
from tests.support.journals import AT
from tests.support.smtp import smtp_sink

LONDON = ZoneInfo("Europe/London")


def write(number, severity, act_by_ns):
    return notice(number, severity, act_by_ns, link="https://safe.school.test", zone=LONDON)


@pytest.fixture
def letter():
    row = OutboxRow(id=1, alert=1, recipient="dsl", address="", subject="s", body="b", created_ns=AT)
    return message(row, "a@b.test", "c@d.test")


async def test_a_server_that_takes_its_time_over_a_whole_mail_is_waited_for(monkeypatch, letter):
    monkeypatch.setattr(mail, "STEP", 0.3)
    async with smtp_sink() as sink, asyncio.timeout(20):
        host, port = sink.address
        sink.held["a@b.test"] = asyncio.Event()
        asyncio.get_running_loop().call_later(3 * mail.STEP, sink.held["a@b.test"].set)
        await send(MailSettings(host=host, port=port), letter)
    assert len(sink.letters) == 1


async def test_a_server_that_answers_no_command_is_given_up(monkeypatch, letter):
    monkeypatch.setattr(mail, "STEP", 0.1)
    leaves = asyncio.Event()

    async def silent(_reader, writer):
        writer.write(b"220 mail.test\r\n")
        await leaves.wait()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server, asyncio.timeout(20):
        host, port = server.sockets[0].getsockname()
        with pytest.raises(aiosmtplib.SMTPTimeoutError):
            await send(MailSettings(host=host, port=port), letter)
        leaves.set()


async def test_whoever_ends_in_the_middle_of_a_mail_waits_for_no_answer(letter):
    async with smtp_sink() as sink, asyncio.timeout(mail.STEP / 2):
        host, port = sink.address
        sink.held["a@b.test"] = asyncio.Event()
        sending = asyncio.create_task(send(MailSettings(host=host, port=port), letter))
        await sink.until(1)
        sending.cancel()
        await asyncio.wait([sending])
        sink.held["a@b.test"].set()
    assert sending.cancelled()


def test_the_answer_to_a_whole_mail_has_the_ten_minutes_that_rfc_5321_asks_for():
    assert mail.ANSWER >= 600


async def test_without_tls_no_mail_leaves_this_machine(letter):
    with pytest.raises(MailRefusedError, match="another machine"):
        await send(MailSettings(host="mail.school.test", tls=MailTls.NONE), letter)


@pytest.mark.parametrize("address", ["a@b.test\nBcc: c@d.test", "a@b.test\r\n\r\nbody", "a\0@b.test\n"])
def test_no_address_smuggles_in_a_header(address):
    row = OutboxRow(id=1, alert=1, recipient="dsl", address="", subject="s", body="b", created_ns=AT)
    with pytest.raises(MailRefusedError, match="is no address"):
        message(row, address, "c@d.test")


@pytest.mark.parametrize("severity", [Severity.URGENT, Severity.ILLEGAL])
def test_a_notice_depends_on_number_severity_and_time_alone(severity):
    subject, body = write(7, severity, AT)
    assert set(body.split()) & {"1001"} == set()
    assert "7" in subject
    assert subject == write(7, severity, AT + 10**12)[0]


def test_links_are_the_public_urls_scheme_and_host():
    assert link_base("https://safe.school.test/") == "https://safe.school.test"
    assert link_base("http://127.0.0.1:8600") == "http://127.0.0.1:8600"
