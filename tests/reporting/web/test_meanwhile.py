"""Two people who see to one alert at once: the second is told who was first, and overwrites nothing."""

import re

import pytest
from sqlalchemy import func, select

from reporting.case_models import IncidentRow, TriageRow
from reporting.models import AccountRow, AlertRow
from tests.support.staff_pages import TOKEN_FIELD

SEEN = re.compile(r'name="seen" value="(\d+)"')


class Desk:
    """An alert's page as somebody opened it, and its forms as they send them then."""

    def __init__(self, browser, path, page):
        self.browser, self.path, self.page = browser, path, page

    async def send(self, form, **fields):
        seen, token = SEEN.search(self.page)[1], TOKEN_FIELD.search(self.page)[1]
        sent = {**fields, "seen": seen, "_csrf_token": token}
        return await self.browser.post(f"{self.path}/{form}", data=sent)

    async def now(self):
        return (await self.browser.get(self.path)).text


async def opened(browser, number):
    path = f"/alerts/{number}"
    return Desk(browser, path, (await browser.get(path)).text)


def told(answer):
    """What a page says of others: the names, and the words after the list."""
    found = re.search(
        r'<section class="sheet \w+" role="alert" aria-labelledby="others">(.*?)</section>', answer.text, re.DOTALL
    )
    assert found, answer.text
    return " ".join(re.sub(r"<[^>]+>", " ", found[1]).split())


async def kept(pages, number):
    async with pages.database.reading() as session:
        alert = await session.scalar(select(AlertRow).where(AlertRow.number == number))
        return alert, await session.get(TriageRow, alert.id)


async def test_who_acknowledges_second_is_told_who_was_first_and_when(pages):
    number = await pages.alert()
    async with pages.logged_in("dsl") as one, pages.logged_in("dsl") as other:
        first, second = await opened(one, number), await opened(other, number)
        assert (await first.send("acknowledge")).status_code == 303
        answer = await second.send("acknowledge")
    assert answer.status_code == 409
    assert re.search(r"Somebody was first .* 20\d\d, \d\d:\d\d(:\d\d)? : dsl\d+ acknowledged it", told(answer))
    assert "They have taken it on, so you need not." in told(answer)


async def test_acknowledging_twice_oneself_is_no_second_person(pages):
    number = await pages.alert()
    async with pages.logged_in("dsl") as one:
        first = await opened(one, number)
        assert [(await first.send("acknowledge")).status_code for _ in range(2)] == [303, 303]
        assert 'id="others"' not in await first.now()


async def test_a_second_judgement_leaves_the_first_and_keeps_both_notes(pages):
    number = await pages.alert()
    async with pages.logged_in("dsl") as one, pages.logged_in("dsl") as other:
        first, second = await opened(one, number), await opened(other, number)
        assert (await first.send("judge", judgement="true", note="Spoke to her.")).status_code == 303
        answer = await second.send("judge", judgement="false", note="A poem for English.")
        history = await second.now()
    assert answer.status_code == 409
    assert re.search(r"dsl\d+ called it a true alarm .* noted Spoke to her\.", told(answer))
    assert (await kept(pages, number))[1].judgement == "true"
    assert "Spoke to her." in history
    assert "A poem for English." in history


async def test_a_judgement_of_somebody_who_has_seen_the_first_takes_its_place(pages):
    number = await pages.alert()
    async with pages.logged_in("dsl") as one, pages.logged_in("dsl") as other:
        assert (await (await opened(one, number)).send("judge", judgement="true")).status_code == 303
        assert (await (await opened(other, number)).send("judge", judgement="false")).status_code == 303
    assert (await kept(pages, number))[1].judgement == "false"


async def test_the_answer_to_a_second_form_lets_them_save_it_again(pages):
    number = await pages.alert()
    async with pages.logged_in("dsl") as one, pages.logged_in("dsl") as other:
        first, second = await opened(one, number), await opened(other, number)
        await first.send("judge", judgement="true")
        second.page = (await second.send("judge", judgement="false")).text
        assert (await second.send("judge", judgement="false")).status_code == 303
    assert (await kept(pages, number))[1].judgement == "false"


async def test_an_alert_that_was_given_to_somebody_meanwhile_stays_theirs(pages):
    number = await pages.alert()
    async with pages.logged_in("dsl") as one, pages.logged_in("dsl") as other:
        async with pages.database.reading() as session:
            ones, others = await session.scalars(select(AccountRow.id).order_by(AccountRow.id))
        first, second = await opened(one, number), await opened(other, number)
        assert (await first.send("assign", to=str(ones))).status_code == 303
        answer = await second.send("assign", to=str(others))
    assert answer.status_code == 409
    assert re.search(r"(dsl\d+) gave it to \1", told(answer))
    assert (await kept(pages, number))[1].assigned == ones


async def test_of_two_who_link_an_alert_to_a_new_incident_one_makes_it(pages):
    number = await pages.alert()
    async with pages.logged_in("dsl") as one, pages.logged_in("dsl") as other:
        first, second = await opened(one, number), await opened(other, number)
        assert (await first.send("incident", incident="new")).status_code == 303
        answer = await second.send("incident", incident="new")
    assert answer.status_code == 409
    assert re.search(r"dsl\d+ has it linked to incident \d+", told(answer))
    async with pages.database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(IncidentRow)) == 1


@pytest.mark.parametrize(
    ("form", "fields"), [("note", {"note": "Rang home."}), ("judge", {"judgement": "true"}), ("acknowledge", {})]
)
async def test_what_undoes_nothing_is_done_and_the_page_tells_of_the_other(pages, form, fields):
    number = await pages.alert()
    async with pages.logged_in("dsl") as one, pages.logged_in("dsl") as other:
        first, second = await opened(one, number), await opened(other, number)
        await first.send("note", note="Her form tutor knows.")
        answer = await second.send(form, **fields)
        assert answer.status_code == 303
        page = await other.get(answer.headers["location"])
        assert "Somebody was first" not in page.text
        assert re.search(r"Meanwhile, by others .* noted Her form tutor knows\.", told(page))
        assert 'id="others"' not in await first.now()


@pytest.mark.parametrize("seen", ["", "9" * 40, "-1", "\u0663", "1 or 1"])
async def test_a_link_with_nonsense_tells_of_nobody(pages, seen):
    number = await pages.alert()
    async with pages.logged_in("dsl") as browser:
        page = await browser.get(f"/alerts/{number}", params={"seen": seen})
    assert page.status_code == 200
    assert 'id="others"' not in page.text
