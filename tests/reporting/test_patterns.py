"""Patterns and joining, as the shipped rules have them, in a real database."""

import pytest
from sqlalchemy import select

from blocklists.rulebook import Severity
from reporting import alerts, intake
from reporting.alert_rules import DAY, HOUR, MINUTE
from reporting.alerts import Desk
from reporting.breach import BreachKind
from reporting.frames import Frame
from reporting.models import AccountRow, AlertBreachRow, AlertRow, BreachRow, OutboxRow
from reporting.settings import ChannelSettings, ContactSettings
from tests.support.databases import opened
from tests.support.journals import AT, breach

CONTACTS = ContactSettings(
    dsl="dsl@school.test", dsl_confirmed=True, headteacher="head@school.test", on_call="phone@school.test"
)


def desk(**fields):
    usual = {"column": lambda profile: profile, "write": lambda number, severity, _: (f"Alert {number}", severity.name)}
    return Desk(**{"contacts": CONTACTS, **usual, **fields})


class School:
    """A database that breaches are taken into, as ingest does."""

    def __init__(self, database):
        self.database, self.end = database, 0

    async def take(self, *breaches, with_desk=None):
        frames = []
        for one in breaches:
            frames.append(Frame(self.end, self.end + 1, one, {}))
            self.end += 1
        batch = intake.sorted_out(frames, "a.journal", AT)
        async with self.database.writing() as session:
            return await intake.store(session, batch, with_desk or desk(), max(b.at_ns for b in breaches))

    async def rows(self, table):
        async with self.database.reading() as session:
            return list(await session.scalars(select(table)))


@pytest.fixture
async def school(tmp_path):
    async with opened(tmp_path / "school.db") as database:
        async with database.writing() as session:
            session.add(intake.new_journal("a.journal", None, AT))
            session.add(AccountRow(id=3, name="sam", roles="dsl", password_hash="x", created_ns=1))
        yield School(database)


def note(minutes, theme="sexual", severity=Severity.NOTE, **fields):
    usual = {"at_ns": AT + minutes * MINUTE, "theme": theme, "category": "pornography", "severity": severity}
    return breach(minutes, **{**usual, "person": 12, **fields})


async def test_the_third_time_of_a_day_is_a_concern_that_tells_of_all_three_and_waits_for_the_digest(school):
    assert await school.take(note(0), note(60)) == 0
    assert await school.take(note(120)) == 1
    [alert] = await school.rows(AlertRow)
    assert (alert.severity, alert.count, alert.rule) == (Severity.CONCERN, 3, "sexual: 3 within 24 hours")
    assert len(await school.rows(AlertBreachRow)) == 3
    assert await school.rows(OutboxRow) == []


async def test_a_page_with_300_closed_parts_is_one_occasion_and_no_pattern(school):
    parts = [note(0, host=f"part{number}.sexual.test") for number in range(300)]
    assert await school.take(*parts) == 0


async def test_three_days_are_no_day_and_three_people_no_person(school):
    assert await school.take(note(0), note(25 * 60), note(50 * 60)) == 0
    assert await school.take(note(3000, person=1), note(3010, person=2), note(3020, person=3)) == 0


async def test_a_pattern_within_one_batch_and_out_of_order_is_found_and_told_once(school):
    parts = [note(minutes, host=f"p{n}.sexual.test") for minutes in (120, 0, 60) for n in range(3)]
    assert await school.take(*parts) == 1
    [alert] = await school.rows(AlertRow)
    assert alert.count == len(await school.rows(AlertBreachRow)) == 9


async def test_what_a_program_did_by_itself_counts_towards_nothing(school):
    taken = [note(minutes, background=True) for minutes in (0, 60, 120)]
    assert await school.take(*taken, note(180), note(240)) == 0
    assert sum(row.background for row in await school.rows(BreachRow)) == 3


async def test_a_concern_opens_an_alert_without_a_mail_and_more_of_it_joins_for_a_day(school):
    hate = [note(minutes, "hate", Severity.CONCERN, category="hate") for minutes in (0, 120, 23 * 60)]
    assert await school.take(*hate) == 1
    [alert] = await school.rows(AlertRow)
    assert (alert.count, alert.severity, alert.next_step_ns) == (3, Severity.CONCERN, None)
    assert await school.rows(OutboxRow) == []


async def test_a_pattern_that_grows_raises_its_alert_and_tells_of_it_at_once(school):
    extreme = [note(minutes, "radicalisation", Severity.CONCERN, category="extremism") for minutes in (0, 300, 600)]
    assert await school.take(*extreme[:2]) == 1
    assert await school.rows(OutboxRow) == []
    assert await school.take(extreme[2]) == 0
    [alert] = await school.rows(AlertRow)
    assert (alert.severity, alert.count) == (Severity.URGENT, 3)
    assert alert.act_by_ns == extreme[2].at_ns + HOUR
    mails = await school.rows(OutboxRow)
    assert (mails[0].recipient, mails[0].body) == ("dsl", "URGENT")


async def test_a_raised_pattern_takes_in_what_follows_and_an_acknowledged_one_begins_anew(school):
    days = [note(day * 1500, "radicalisation", Severity.CONCERN, category="extremism") for day in range(8)]
    await school.take(*days[:4])
    assert len(await school.rows(AlertRow)) == 2, "the second day was too far from the first to join it"
    async with school.database.writing() as session:
        for alert in await session.scalars(select(AlertRow)):
            await alerts.acknowledge(session, alert.number, 3, AT + 5 * DAY)
    await school.take(days[4], days[5])
    assert [a.severity for a in await school.rows(AlertRow) if a.state == "open"] == [Severity.CONCERN] * 2
    await school.take(days[6])
    assert max(a.severity for a in await school.rows(AlertRow) if a.state == "open") == Severity.URGENT


async def test_a_report_that_something_got_through_is_urgent_whatever_it_is(school):
    assert await school.take(note(0, "", Severity.NONE, kind=BreachKind.GOT_THROUGH, category="")) == 1
    [alert] = await school.rows(AlertRow)
    assert alert.severity == Severity.URGENT


async def test_nobody_is_told_of_themselves(school):
    contacts = ContactSettings(headteacher="head@school.test", chair="chair@school.test", persons={"headteacher": 12})
    staff = note(0, "radicalisation", Severity.URGENT, profile="staff", category="extremism")
    await school.take(staff, with_desk=desk(contacts=contacts))
    assert [(mail.recipient, mail.address) for mail in await school.rows(OutboxRow)] == [("chair", "chair@school.test")]


async def test_at_night_whoever_is_on_call_is_told_too_and_may_see_it(school):
    class Night:
        is_school = staticmethod(lambda _: False)

    urgent = note(0, "self-harm", Severity.URGENT, category="self_harm")
    await school.take(urgent, with_desk=desk(school=Night))
    assert [mail.address for mail in await school.rows(OutboxRow)] == ["dsl@school.test", "phone@school.test"]
    [alert] = await school.rows(AlertRow)
    assert alert.escalated == "on_call"


async def test_a_channel_gets_the_alerts_of_its_roles_and_no_lesser_ones(school):
    channels = {
        "ntfy": ChannelSettings(url_file="x"),
        "sms": ChannelSettings(url_file="x", least="ILLEGAL"),
        "office": ChannelSettings(url_file="x", roles=("headteacher",)),
    }
    urgent = note(0, "self-harm", Severity.URGENT, category="self_harm")
    await school.take(urgent, with_desk=desk(channels=channels))
    assert [mail.channel for mail in await school.rows(OutboxRow)] == ["mail", "ntfy"]
