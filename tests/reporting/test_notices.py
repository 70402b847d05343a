"""What happens to the records themselves is told by mail: once, to the DSL and the technician, number and sentence."""

import asyncio

import pytest
from sqlalchemy import select

from reporting import troubles
from reporting.links import Links
from reporting.models import OutboxRow
from reporting.notices import WAITING, Notices
from reporting.notify import Outbox
from reporting.settings import ContactSettings, MailSettings, MailTls
from tests.support.databases import opened
from tests.support.journals import AT
from tests.support.smtp import smtp_sink

HOUR = 3600 * 10**9
CONTACTS = ContactSettings(
    dsl="dsl@school.test", dsl_confirmed=True, headteacher="head@school.test", technician="it@school.test"
)
FULL = "The disk has only 19% free."


class School:
    """A school whose clock is *now* and whose breaches have waited for *lag* seconds."""

    def __init__(self, database):
        self.database, self.now, self.lag = database, AT, 0.0

    async def happens(self, says=FULL, kind="disk"):
        async with self.database.writing() as session:
            await troubles.note(session, kind, says, self.now)

    async def told(self, contacts=CONTACTS):
        """The mails that wait after one more look, as (role, subject)."""
        made = Notices(self.database, contacts, "https://s.test", lag=lambda: self.lag, now_ns=lambda: self.now)
        await made.step()
        async with self.database.reading() as session:
            rows = await session.scalars(select(OutboxRow).order_by(OutboxRow.id))
            return [(row.recipient, row.subject) for row in rows]


@pytest.fixture
async def school(tmp_path):
    async with opened(tmp_path / "school.db") as database:
        yield School(database)


async def test_dsl_and_technician_get_number_and_sentence_and_nothing_else(school):
    await school.happens("The database was rebuilt.\r\nBcc: all@school.test", "rebuilt")
    await school.told()
    async with smtp_sink() as sink, asyncio.timeout(60):
        mail = MailSettings(host=sink.address[0], port=sink.address[1], tls=MailTls.NONE)
        links = Links(school.database, "https://away.test", lambda: school.now)
        outbox = Outbox(school.database, mail, CONTACTS, now_ns=lambda: school.now, links=links)
        async with asyncio.TaskGroup() as tasks:
            await outbox.look(tasks)
        letters = sink.letters
    assert sorted(letter.recipients[0] for letter in letters) == ["dsl@school.test", "it@school.test"]
    for letter in letters:
        assert letter.message["Subject"] == "Schoolgate notice 1"
        assert [line for line in letter.message.get_content().splitlines() if line] == [
            "Notice 1 about Schoolgate's records",
            "The database was rebuilt.  Bcc: all@school.test",
            "Today's page: https://s.test/",
        ]


async def test_until_the_dsl_is_confirmed_the_headteacher_is_told(school):
    await school.happens()
    assert await school.told(ContactSettings(dsl="dsl@school.test", headteacher="head@school.test")) == [
        ("headteacher", "Schoolgate notice 1")
    ]


async def test_a_trouble_that_goes_on_is_told_once_and_anew_once_it_came_back(school):
    for _ in range(30):
        await school.happens()
        assert len(await school.told()) == 2
        school.now += HOUR
    school.now += 25 * HOUR
    await school.happens()
    assert len(await school.told()) == 4


async def test_of_one_kind_one_goes_a_day_with_the_latest_sentence(school):
    for number in range(4):
        await school.happens(f"The oldest {number} named visits were removed.")
        assert len(await school.told()) == 2
        school.now += HOUR
    await school.happens("The backup failed.", "backup")
    assert [subject for _, subject in await school.told()][2:] == ["Schoolgate notice 5"] * 2
    school.now += 24 * HOUR
    assert [subject for _, subject in await school.told()][4:] == ["Schoolgate notice 4"] * 2
    school.now += 24 * HOUR
    assert len(await school.told()) == 6


async def test_breaches_that_wait_for_more_than_ten_minutes_are_told_of(school):
    school.lag = 599.0
    assert await school.told() == []
    school.lag = 601.0
    assert len(await school.told()) == 2
    async with school.database.reading() as session:
        [row] = await troubles.recent(session, school.now)
    assert row.says == WAITING
