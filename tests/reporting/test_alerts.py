import pytest
from sqlalchemy import select

from blocklists.rulebook import Severity
from reporting import alerts, intake
from reporting.alerts import HOUR, JOINING, MEANINGS, MINUTE, Desk, Route, route
from reporting.breach import Repeat
from reporting.frames import Frame
from reporting.models import AccountRow, AlertBreachRow, AlertRow, OutboxRow
from reporting.settings import ContactSettings
from tests.support.databases import opened
from tests.support.journals import AT, breach

CONTACTS = ContactSettings(
    dsl="dsl@school.test", dsl_confirmed=True, headteacher="head@school.test", chair="chair@school.test"
)
COLUMNS = {"ks2": "ks2", "staff": "staff", "office": "staff", "visitor": "visitor"}


def desk(contacts=CONTACTS):
    return Desk(
        contacts=contacts,
        column=lambda profile: COLUMNS.get(profile, ""),
        write=lambda number, severity, act_by: (f"Alert {number}", f"{severity.name} {act_by}"),
    )


@pytest.fixture
async def database(where):
    async with opened(where) as opened_database:
        async with opened_database.writing() as session:
            session.add(intake.new_journal("a.journal", None, AT))
        yield opened_database


@pytest.fixture
def take(database):
    """Take breaches in as ingest does, each at an offset of its own."""
    offsets = iter(range(0, 10_000, 10))

    async def taking(*breaches, now_ns=AT, with_desk=None):
        frames = [Frame(offset := next(offsets), offset + 10, found, {}) for found in breaches]
        batch = intake.sorted_out(frames, "a.journal", now_ns)
        async with database.writing() as session:
            return await intake.store(session, batch, with_desk or desk(), now_ns)

    return taking


@pytest.fixture
def rows(database):
    async def reading(table):
        async with database.reading() as session:
            return list((await session.scalars(select(table).order_by(*table.__table__.primary_key))).all())

    return reading


def urgent(number=0, **fields):
    return breach(number, **({"severity": Severity.URGENT, "theme": "self-harm", "category": "self-harm"} | fields))


HEAD, DSL, CHAIR = "head@school.test", "dsl@school.test", "chair@school.test"
UNCONFIRMED = ContactSettings(dsl=DSL, headteacher=HEAD)
ONE_PERSON = ContactSettings(dsl="Head@school.test", dsl_confirmed=True, headteacher=HEAD, chair=CHAIR)


@pytest.mark.parametrize(
    ("contacts", "column", "role", "address"),
    [
        (CONTACTS, "ks2", "dsl", DSL),
        (CONTACTS, "visitor", "dsl", DSL),
        (CONTACTS, "staff", "headteacher", HEAD),
        (CONTACTS, "", "headteacher", HEAD),
        (UNCONFIRMED, "ks2", "headteacher", HEAD),
        (ContactSettings(headteacher=HEAD), "ks2", "headteacher", HEAD),
        (ContactSettings(dsl=DSL), "ks2", "dsl", DSL),
        (ContactSettings(dsl=DSL, dsl_confirmed=True), "staff", "headteacher", ""),
        (ONE_PERSON, "staff", "chair", CHAIR),
        (ContactSettings(dsl=HEAD, dsl_confirmed=True, headteacher=HEAD), "staff", "headteacher", HEAD),
        (ContactSettings(), "ks2", "headteacher", ""),
        (ContactSettings(chair=CHAIR), "staff", "headteacher", ""),
    ],
)
def test_who_is_told(contacts, column, role, address):
    assert route(contacts, column) == Route(role, address)


def test_where_the_accounts_say_that_head_and_dsl_are_one_person_staff_go_to_the_chair():
    assert route(CONTACTS, "staff", same=True) == Route("chair", CHAIR)
    assert route(CONTACTS, "ks2", same=True) == Route("dsl", DSL)
    assert route(ContactSettings(headteacher=HEAD), "staff", same=True) == Route("headteacher", HEAD)


async def test_an_alert_about_staff_is_the_chairs_once_one_account_is_headteacher_and_dsl(database, take, rows):
    both = AccountRow(name="ann", roles="headteacher,dsl", password_hash="x", created_ns=1)
    async with database.writing() as session:
        session.add(both)
    await take(urgent(profile="staff", theme="radicalisation"))
    [alert] = await rows(AlertRow)
    [mail] = await rows(OutboxRow)
    assert (alert.audience, mail.address) == ("chair", CHAIR)


def test_every_severity_has_a_written_meaning_and_the_grave_ones_a_time():
    assert set(MEANINGS) == set(Severity)
    assert MEANINGS[Severity.ILLEGAL].act_by_words == "at once"
    assert MEANINGS[Severity.ILLEGAL].act_within_ns == 15 * alerts.MINUTE
    assert MEANINGS[Severity.URGENT].act_within_ns == HOUR
    for severity in Severity:
        assert MEANINGS[severity].title
        assert (MEANINGS[severity].act_within_ns is not None) >= alerts.asks_for_alert(severity)


@pytest.mark.parametrize("severity", [Severity.NONE, Severity.NOTE])
async def test_what_is_only_counted_opens_no_alert(take, rows, severity):
    assert await take(breach(severity=severity)) == 0
    assert await rows(AlertRow) == []


@pytest.mark.parametrize(("severity", "within"), [(Severity.URGENT, HOUR), (Severity.ILLEGAL, 15 * alerts.MINUTE)])
async def test_urgent_and_illegal_open_an_alert_with_one_mail(take, rows, severity, within):
    assert await take(urgent(severity=severity), now_ns=AT + 5) == 1
    (alert,), (mail,), (link,) = await rows(AlertRow), await rows(OutboxRow), await rows(AlertBreachRow)
    assert (alert.number, alert.severity, alert.theme, alert.audience) == (1001, severity, "self-harm", "dsl")
    assert (alert.subject, alert.opened_ns, alert.act_by_ns, alert.count) == (
        "address:10.0.0.7",
        AT + 5,
        AT + 5 + within,
        1,
    )
    assert (mail.address, mail.recipient, mail.subject) == ("dsl@school.test", "dsl", "Alert 1001")
    assert (mail.due_ns, mail.state) == (AT + 5, "waiting")
    assert (link.alert, link.breach) == (alert.id, 1)


async def test_more_of_the_same_within_15_minutes_joins_without_a_second_mail(take, rows):
    await take(urgent(), urgent(1, host="other.harm.test"))
    await take(urgent(at_ns=AT + JOINING))
    (alert,) = await rows(AlertRow)
    assert (alert.count, alert.last_ns) == (3, AT + JOINING)
    assert len(await rows(OutboxRow)) == 1
    assert len(await rows(AlertBreachRow)) == 3


async def test_a_journal_read_after_another_joins_the_alert_that_was_open_at_its_time(take, rows):
    """Reporting was away for 20 minutes and reads one journal before the other."""
    await take(urgent(), urgent(at_ns=AT + 20 * MINUTE))
    assert await take(*[urgent(number, host=f"part{number}.harm.test") for number in range(100)]) == 0
    early, late = await rows(AlertRow)
    assert (early.count, early.last_ns) == (101, AT + 99)
    assert (late.count, late.last_ns) == (1, AT + 20 * MINUTE)
    assert len(await rows(OutboxRow)) == 2


@pytest.mark.parametrize("step", [-60 * MINUTE, -24 * 60 * MINUTE, 60 * MINUTE])
async def test_after_a_step_of_the_clock_there_is_one_more_alert_and_no_flood(take, rows, step):
    await take(urgent())
    for number in range(20):
        await take(urgent(at_ns=AT + step + number))
    assert [alert.count for alert in await rows(AlertRow)] == [1, 20]
    assert len(await rows(OutboxRow)) == 2


async def test_a_breach_between_two_alerts_joins_the_nearer(take, rows):
    await take(urgent(), urgent(at_ns=AT + 20 * MINUTE))
    await take(urgent(at_ns=AT + 12 * MINUTE))
    assert [alert.count for alert in await rows(AlertRow)] == [1, 2]
    await take(urgent(at_ns=AT + 5 * MINUTE))
    assert [(alert.count, alert.last_ns) for alert in await rows(AlertRow)] == [
        (2, AT + 5 * MINUTE),
        (2, AT + 20 * MINUTE),
    ]


async def test_a_graver_alert_within_reach_is_joined_though_a_lesser_one_is_nearer(take, rows):
    await take(urgent(severity=Severity.ILLEGAL), urgent(at_ns=AT + JOINING + 2))
    assert await take(urgent(at_ns=AT + JOINING, severity=Severity.ILLEGAL)) == 0
    assert [alert.count for alert in await rows(AlertRow)] == [2, 1]


@pytest.mark.parametrize("at", [2**63 - 1, -(2**63)])
async def test_a_time_at_the_end_of_all_times_is_taken_in_like_any_other(take, rows, at):
    assert await take(urgent(at_ns=at), urgent(at_ns=at)) == 1
    assert [alert.count for alert in await rows(AlertRow)] == [2]


@pytest.mark.parametrize(
    "other",
    [
        {"at_ns": AT + JOINING + 1},
        {"at_ns": AT - JOINING - 1},
        {"address": "10.0.0.8"},
        {"person": 4},
        {"theme": "radicalisation"},
        {"severity": Severity.ILLEGAL},
        {"theme": "radicalisation", "profile": "staff"},
    ],
)
async def test_later_or_somebody_else_or_another_theme_or_graver_is_an_alert_of_its_own(take, rows, other):
    await take(urgent())
    assert await take(urgent(**other)) == 1
    assert [alert.number for alert in await rows(AlertRow)] == [1001, 1002]
    assert len(await rows(OutboxRow)) == 2


async def test_a_person_is_the_same_at_two_addresses(take, rows):
    await take(urgent(person=4), urgent(1, person=4, address="10.0.0.9"))
    (alert,) = await rows(AlertRow)
    assert alert.subject == "person:4"


async def test_what_staff_do_at_a_shared_address_never_joins_an_alert_of_the_dsl(take, rows):
    await take(urgent(theme="radicalisation"), urgent(1, theme="radicalisation", profile="office"))
    assert [alert.audience for alert in await rows(AlertRow)] == ["dsl", "headteacher"]
    assert [mail.address for mail in await rows(OutboxRow)] == ["dsl@school.test", "head@school.test"]


async def test_repeats_count_onto_the_alert_of_their_breach(take, rows):
    await take(urgent())
    await take(Repeat(v=1, of=0, count=5, first_ns=AT, last_ns=AT + 9))
    (alert,) = await rows(AlertRow)
    assert (alert.count, alert.last_ns) == (6, AT + 9)
    assert len(await rows(OutboxRow)) == 1


async def test_acknowledging_closes_an_alert_once_and_the_next_breach_opens_another(database, take, rows):
    await take(urgent())
    async with database.writing() as session:
        session.add(AccountRow(id=3, name="sam", roles="dsl", password_hash="x", created_ns=1))
    async with database.writing() as session:
        assert await alerts.acknowledge(session, 1001, 3, AT + 7)
        assert not await alerts.acknowledge(session, 1001, 3, AT + 8)
        assert not await alerts.acknowledge(session, 9999, 3, AT + 8)
    (alert,) = await rows(AlertRow)
    assert (alert.state, alert.acknowledged_by, alert.acknowledged_ns) == ("acknowledged", 3, AT + 7)
    assert await take(urgent(1)) == 1


async def test_an_alert_is_opened_even_if_nobodys_address_is_known(take, rows):
    assert await take(urgent(), with_desk=desk(ContactSettings())) == 1
    (mail,) = await rows(OutboxRow)
    assert (mail.recipient, mail.address) == ("headteacher", "")
