from zoneinfo import ZoneInfo

import pytest

from blocklists.rulebook import Severity
from reporting.mail import MailRefusedError, link_base, message, notice, send
from reporting.models import OutboxRow
from reporting.settings import MailSettings, MailTls
from tests.support.journals import AT

LONDON = ZoneInfo("Europe/London")


def write(number, severity, act_by_ns):
    return notice(number, severity, act_by_ns, link="https://safe.school.test", zone=LONDON)


async def test_without_tls_no_mail_leaves_this_machine():
    letter = message(
        OutboxRow(id=1, alert=1, recipient="dsl", address="", subject="s", body="b", created_ns=AT),
        "a@b.test",
        "c@d.test",
    )
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
