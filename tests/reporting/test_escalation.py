"""From an alert that nobody acknowledges to the one who does: the ladder, the links, the digest, the weekly report."""

import asyncio
import datetime
import re
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update

from blocklists.calendar import Calendar, Span, Window
from blocklists.rulebook import Severity
from reporting import alert_tests, alerts, incidents, intake, links, triage
from reporting.accounts import Account
from reporting.alert_models import AlertLinkRow
from reporting.alert_rules import DAY, HOUR, MINUTE
from reporting.alert_tests import AlertTests
from reporting.alerts import Desk
from reporting.escalation import Escalation
from reporting.frames import Frame
from reporting.links import Links
from reporting.mail import notice
from reporting.models import AccountRow, AlertRow, OutboxRow
from reporting.notify import Outbox
from reporting.school_time import SchoolTime
from reporting.settings import ChannelSettings, ContactSettings, MailSettings
from reporting.summaries import Summaries
from reporting.web.viewer import Viewer
from tests.support.databases import opened
from tests.support.journals import breach
from tests.support.smtp import smtp_sink

LONDON = ZoneInfo("Europe/London")
CONTACTS = ContactSettings(
    dsl="dsl@school.test", dsl_confirmed=True, deputy="deputy@school.test", headteacher="head@school.test"
)
TIME = datetime.time
CALENDAR = Calendar(
    school_day=(Window(TIME(8, 30), TIME(15, 30)),),
    terms=(Span(datetime.date(2027, 1, 4), datetime.date(2027, 3, 26)),),
)
LINK = "https://safe.school.test"


def moment(text):
    return int(datetime.datetime.fromisoformat(text).replace(tzinfo=LONDON).timestamp()) * 1_000_000_000


TUESDAY = moment("2027-01-12T10:00")


def desk(**fields):
    def write(number, severity, by):
        return notice(number, severity, by, link=LINK, zone=LONDON)

    usual = {"column": lambda profile: profile, "school": lambda: SchoolTime(LONDON, CALENDAR)}
    return Desk(**{"contacts": CONTACTS, "write": write, **usual, **fields})


class School:
    """A school whose clock is *now*."""

    def __init__(self, database):
        self.database, self.now, self.end = database, TUESDAY, 0

    def clock(self):
        return self.now

    async def take(self, severity=Severity.URGENT, **fields):
        usual = {"theme": "self-harm", "category": "self_harm", "person": 12, "at_ns": self.now, "severity": severity}
        frame = Frame(self.end, self.end + 1, breach(self.end, **{**usual, **fields}), {})
        self.end += 1
        batch = intake.sorted_out([frame], "a.journal", self.now)
        async with self.database.writing() as session:
            return await intake.store(session, batch, desk(), self.now)

    async def rows(self, table=OutboxRow, **where):
        async with self.database.reading() as session:
            return list(await session.scalars(select(table).filter_by(**where).order_by(*table.__table__.primary_key)))

    async def acknowledge(self, number=1001):
        async with self.database.writing() as session:
            return await alerts.acknowledge(session, number, 3, self.now)


@pytest.fixture
async def school(where):
    async with opened(where) as database:
        async with database.writing() as session:
            session.add(intake.new_journal("a.journal", None, TUESDAY))
            session.add(AccountRow(id=3, name="sam", roles="dsl", password_hash="x", created_ns=1))
        yield School(database)


async def climbed(school, minutes, step=MINUTE):
    """Who was told within so many minutes of nobody acknowledging, and when, in minutes."""
    escalation, began = Escalation(school.database, desk(), now_ns=school.clock), school.now
    for _ in range(minutes * MINUTE // step):
        school.now += step
        await escalation.step()
    return [(row.recipient, (row.created_ns - began) // MINUTE) for row in await school.rows(kind="escalation")]


async def test_an_urgent_alert_climbs_until_three_are_told_within_the_hour_and_then_begins_again(school):
    await school.take()
    told = await climbed(school, 130)
    assert told == [("deputy", 20), ("headteacher", 40), ("dsl", 100), ("deputy", 120)]
    [alert] = await school.rows(AlertRow)
    assert alert.escalated == "deputy,headteacher"


async def test_at_night_the_round_is_slower(school):
    school.now = moment("2027-01-12T23:00")
    await school.take()
    assert await climbed(school, 300, 10 * MINUTE) == [
        ("deputy", 20),
        ("headteacher", 40),
        ("dsl", 280),
        ("deputy", 300),
    ]


async def test_whoever_is_next_is_told_why_the_mail_comes_to_them(school):
    await school.take()
    await climbed(school, 25)
    first, second = await school.rows()
    assert "nobody has acknowledged" not in first.body
    assert second.body == f"{first.body}{alerts.NOBODY_YET}"


async def test_once_somebody_has_acknowledged_nobody_else_is_told(school):
    await school.take()
    await climbed(school, 25)
    assert await school.acknowledge()
    assert len(await climbed(school, 120)) == 1


async def linked(session, hand):
    incident = await incidents.make(session, incidents.Owner("dsl"), hand.account, hand.at_ns)
    await triage.link(session, hand, incident.id, incident.number)
    return incident


async def closed(session, hand):
    """Part of an incident, graver since, and the incident closed."""
    incident = await linked(session, hand)
    (await session.get_one(AlertRow, hand.alert)).next_step_ns = hand.at_ns + MINUTE
    await session.flush()
    await incidents.set_state(session, incident, hand.account, hand.at_ns, is_open=False)


async def judged(session, hand):
    await triage.judge(session, hand, triage.FALSE)


@pytest.mark.parametrize("taken_on", [judged, linked, closed])
async def test_what_somebody_judged_or_made_part_of_an_incident_climbs_no_further(school, taken_on):
    await school.take()
    await climbed(school, 25)
    async with school.database.writing() as session:
        await taken_on(session, triage.Hand(1, 3, school.now))
    assert len(await climbed(school, 120)) == 1


@pytest.mark.parametrize("taken_on", [judged, linked])
async def test_what_somebody_judged_or_made_part_of_an_incident_is_acknowledged_by_them(school, taken_on):
    await school.take()
    async with school.database.writing() as session:
        await taken_on(session, triage.Hand(1, 3, school.now))
    async with school.database.writing() as session:
        session.add(AccountRow(id=4, name="kim", roles="deputy", password_hash="x", created_ns=1))
        row = await session.get_one(AlertRow, 1)
        assert (row.state, row.acknowledged_by, row.acknowledged_ns) == ("acknowledged", 3, school.now)
        await taken_on(session, triage.Hand(1, 4, school.now + MINUTE))
        await session.refresh(row)
        assert row.acknowledged_by == 3, "and stays theirs"


async def test_what_was_only_noted_climbs_on(school):
    await school.take()
    async with school.database.writing() as session:
        await triage.note(session, triage.Hand(1, 3, school.now), "She is at the office.")
    assert await climbed(school, 25) == [("deputy", 20)]


async def test_a_concern_climbs_nowhere(school):
    await school.take(Severity.CONCERN)
    assert await climbed(school, 200) == []


async def test_what_is_about_staff_stays_with_the_headteacher(school):
    await school.take(theme="radicalisation", category="extremism", profile="staff")
    assert {role for role, _ in await climbed(school, 200)} == {"headteacher"}


async def test_the_ladder_ends_some_day(school):
    await school.take()
    async with school.database.writing() as session:
        await session.execute(update(AlertRow).values(step=59))
    assert len(await climbed(school, 240)) == 1


async def test_a_database_that_refuses_ends_no_escalation(school, caplog):
    escalation = Escalation(school.database, desk(column=None), now_ns=lambda: school.now + HOUR)
    await school.take()
    async with asyncio.timeout(60):
        running = asyncio.create_task(escalation.run())
        while not escalation.troubles:  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0.01)
        running.cancel()
    assert "cannot be passed on" in caplog.text


# Links


async def mailed(school, sink):
    host, port = sink.address
    outbox = Outbox(
        school.database,
        MailSettings(host=host, port=port, sender="gate@school.test"),
        CONTACTS,
        now_ns=school.clock,
        links=Links(school.database, "https://ack.school.test", school.clock),
    )
    async with asyncio.TaskGroup() as tasks:
        await outbox.look(tasks)
    return [re.search(r"https://ack.school.test/acknowledge/(\S+)", one.message.get_content()) for one in sink.letters]


DSL = Account(3, "sam", frozenset({"dsl"}))


async def used(school, token, account=DSL):
    mine = Viewer(account.roles, pupils=frozenset({"ks2"}))
    async with school.database.writing() as session:
        return await links.use(
            session, token, account, school.now, reads=lambda row: not mine.alert_holder(row, row.audience)
        )


async def test_a_mail_has_a_link_that_acknowledges_once_and_whose_token_is_nowhere_else(school):
    await school.take()
    async with smtp_sink() as sink, asyncio.timeout(60):
        [found] = await mailed(school, sink)
    assert found[1] not in str([vars(row) for row in (*await school.rows(), *await school.rows(AlertLinkRow))])
    assert await used(school, found[1]) == 1001
    assert [row.state for row in await school.rows(AlertRow)] == ["acknowledged"]
    before = await school.rows(AlertRow)
    school.now += MINUTE
    assert await used(school, found[1]) == 1001, "whoever used it is told the same again"
    assert await used(school, found[1], Account(4, "kim", frozenset({"deputy"}))) is None
    assert [row.acknowledged_ns for row in await school.rows(AlertRow)] == [row.acknowledged_ns for row in before]


@pytest.mark.parametrize(
    ("roles", "later", "works"),
    [
        ({"dsl"}, 0, True),
        ({"deputy"}, 0, True),
        ({"headteacher"}, 0, False),
        ({"technician"}, 0, False),
        ({"dsl"}, DAY, False),
    ],
)
async def test_a_link_is_for_the_alerts_own_people_and_for_a_day(school, roles, later, works):
    await school.take()
    async with smtp_sink() as sink, asyncio.timeout(60):
        [found] = await mailed(school, sink)
    school.now += later
    assert (await used(school, found[1], Account(3, "sam", frozenset(roles))) is not None) is works
    assert await used(school, "of-my-own-making") is None


async def test_whoever_it_climbed_to_may_use_a_link(school):
    await school.take()
    await climbed(school, 41)
    async with smtp_sink() as sink, asyncio.timeout(60):
        found = await mailed(school, sink)
    assert len(found) == 3
    assert await used(school, found[2][1], Account(3, "sam", frozenset({"headteacher"}))) == 1001


# Digest and weekly report


async def summed_up(school, text, **contacts):
    school.now = moment(text)
    await Summaries(school.database, desk(**contacts), LINK, now_ns=school.clock).step()
    return [(row.kind, row.recipient, row.subject) for row in await school.rows() if row.kind in {"digest", "weekly"}]


async def test_a_concern_waits_for_the_digest_of_the_next_school_day_at_the_dsls_hour(school):
    await school.take(Severity.CONCERN)
    await summed_up(school, "2027-01-12T10:01")
    weekly = [one for one in await summed_up(school, "2027-01-13T07:59") if one[0] == "digest"]
    assert weekly == [("digest", "dsl", "Schoolgate digest: 1 new, 0 still open")]
    found = [one for one in await summed_up(school, "2027-01-13T08:00") if one[0] == "digest"]
    assert found[1:] == [("digest", "dsl", "Schoolgate digest: 0 new, 1 still open")]
    assert len(await summed_up(school, "2027-01-13T08:01")) == len(await summed_up(school, "2027-01-13T15:00"))


async def test_a_digest_says_how_many_graver_alerts_wait_besides(school):
    await school.take(Severity.CONCERN)
    await school.take(Severity.URGENT)
    await summed_up(school, "2027-01-12T10:01")
    [row] = await school.rows(kind="digest")
    assert "New since the last digest: 1" in row.body
    assert "nobody has acknowledged, told at once and not counted above: 1" in row.body


async def test_there_is_no_digest_at_the_weekend_nor_when_there_is_nothing(school):
    before = await summed_up(school, "2027-01-15T09:00")
    await school.take(Severity.CONCERN)
    assert await summed_up(school, "2027-01-16T09:00") == before
    assert before == [], "nor a report of the week before the school began"


async def test_the_weekly_report_comes_once_when_nothing_happened_too(school):
    found = await summed_up(school, "2027-01-18T08:00")
    assert found == [("weekly", role, "Schoolgate weekly report: 0 alerts") for role in ("dsl", "headteacher")]
    assert await summed_up(school, "2027-01-20T12:00") == found
    [dsl, _] = await school.rows(kind="weekly")
    assert "The week from Monday 11 January to Sunday 17 January 2027" in dsl.body
    assert "No alert was opened. That this report came shows" in dsl.body


async def test_the_weekly_report_counts_each_kind_by_itself_and_names_nobody(school):
    await school.take(host="secret.harm.test", path="/private")
    await school.take(Severity.CONCERN, theme="hate", category="hate", kind="concern", terms="what she typed")
    await summed_up(school, "2027-01-18T09:00")
    [dsl, head] = await school.rows(kind="weekly")
    assert "Requests that were refused: 1" in dsl.body
    assert "Allowed, with something in them to look at: 1" in dsl.body
    assert "Alerts opened: 2 (0 ILLEGAL, 1 URGENT, 1 CONCERN)" in head.body
    assert "overdue: 2" in dsl.body
    for row in await school.rows():
        leaks = ["harm", "secret", "private", "hate", "typed", "person", "12 ", "10.0.0.7"]
        assert [word for word in leaks if row.kind in {"digest", "weekly"} and word in row.body] == []


# Test alerts


async def test_a_test_alert_goes_every_way_once_and_is_due_each_term(school, tmp_path):
    async def due():
        async with school.database.reading() as session:
            return await alert_tests.due(session, SchoolTime(LONDON, CALENDAR), school.now)

    told = desk(channels={"ntfy": ChannelSettings(url_file="x")})
    tests = AlertTests(school.database, tmp_path, told, now_ns=school.clock)
    assert await tests.step() == 0
    (tmp_path / "alert_tests").mkdir()
    (tmp_path / "alert_tests" / ("a" * 32)).touch()
    (tmp_path / "alert_tests" / "readme").touch()
    assert [await tests.step(), await tests.step()] == [1, 0]
    rows = await school.rows(kind="test")
    assert [(row.channel, row.recipient) for row in rows] == [
        ("mail", "dsl"), ("mail", "headteacher"), ("mail", "deputy"), ("ntfy", "dsl"),
    ]  # fmt: skip
    assert "schoolgate alert test" in await due()
    async with smtp_sink() as sink, asyncio.timeout(60):
        await mailed(school, sink)
        assert "This is a test and no alert" in sink.letters[0].message.get_content()
    assert await due() == ""
    school.now = moment("2027-06-01T10:00")
    assert "schoolgate alert test" in await due()
