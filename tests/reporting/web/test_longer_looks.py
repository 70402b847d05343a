"""More than an alert's hour: asked for by one person, granted by another, for an open incident and for a day (G11)."""

import datetime
import json
import time
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from reporting import longer_looks
from reporting.api_tokens import ApiTokens
from reporting.longer_looks import DAY, HOLDS, WAITS, LongerLookError, span
from reporting.look_models import LongerLookRow
from reporting.models import AlertRow
from reporting.permissions import ROLES, SAFEGUARDING
from tests.support.staff_pages import CODES, PASSWORD, log_in, running, submit

REASON = "Children's services ask for the week before"
AT = 1_782_896_400 * 10**9
"""A Wednesday, 1 July 2026, 10:00 in London."""

BEFORE, ON = "2026-06-30", "2026-07-01"
HARM = {"theme": "self-harm", "category": "self_harm", "person": 7}


class Clock:
    """The pages' time, which a test moves."""

    def __init__(self):
        self.now = AT + 3600 * 10**9

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def pages(tmp_path, clock):
    async with running(tmp_path, now_ns=clock, persons={"chair": 9}) as served:
        yield served


async def concern(pages, **columns):
    """An alert about what person 7 did, who did something on the day before too; returns its number."""
    about = await pages.breach(host="harm.test", at_ns=AT, **{**HARM, **columns})
    await pages.breach(host="before.test", at_ns=AT - DAY, **{**HARM, **columns})
    await pages.breach(host="older.test", at_ns=AT - 2 * DAY, **{**HARM, **columns})
    await pages.breach(host="private.test", category="information", at_ns=AT - DAY, person=7)
    await pages.visit(site="wiki.test", minute_ns=AT - DAY, person=7, profile=columns.get("profile", "ks2"))
    subject = f"person:{columns.get('person', 7)}"
    usual = {"subject": subject, "opened_ns": AT, "last_ns": AT, "profile": columns.get("profile", "ks2")}
    audience = "headteacher" if columns.get("profile") == "staff" else "dsl"
    return await pages.alert(about, audience=audience, **usual)


def called(pages, person):
    """What whoever reads alerts knows *person* by."""
    return pages.app.state["office"].pseudonyms().subject(f"person:{person}", AT)


async def asked(browser, alert, **fields):
    """Make an incident of *alert*, and ask for the day before and its own; returns the incident's path."""
    made = await submit(browser, f"/alerts/{alert}/incident", {"incident": "new"}, page=f"/alerts/{alert}")
    path = made.headers["location"]
    form = {"alert": alert, "first": BEFORE, "last": ON, "reason": REASON, **fields}
    answer = await submit(browser, f"{path}/longer-looks", form, page=path)
    assert answer.status_code == 303, answer.text
    return path


async def answered(browser, said="grant", number=1):
    return await submit(browser, f"/longer-looks/{number}/answer", {"answer": said}, page="/account")


async def shown(browser, day=BEFORE, number=1):
    return await submit(browser, f"/longer-looks/{number}/show", {"day": day}, page="/account")


@pytest.fixture
async def pages_on_each(tmp_path, where, clock):
    async with running(tmp_path, where, now_ns=clock) as served:
        yield served


async def test_a_second_person_grants_it_then_days_are_shown_and_each_step_is_in_the_incidents_history(pages_on_each):
    pages = pages_on_each
    alert = await concern(pages)
    async with pages.logged_in("dsl") as dsl, pages.logged_in("deputy") as deputy:
        path = await asked(dsl, alert)
        refused = await shown(dsl)
        assert (refused.status_code, "before.test" in refused.text) == (400, False)
        assert "before.test" not in (await dsl.get("/longer-looks")).text + (await dsl.get(path)).text
        first = (await deputy.get("/")).text
        assert 0 < first.find("One longer look waits") < first.find('class="counts"'), (
            "before the figures, as on a phone"
        )
        assert "is granted until" not in (await dsl.get("/")).text
        question = (await deputy.get("/longer-looks")).text
        assert f"asks for {BEFORE} to {ON} of {called(pages, 7)}" in question
        assert "ask for the week before" in question
        assert (await answered(deputy)).status_code == 303
        assert "is granted until" in (await dsl.get("/")).text, "whoever asked hears of it, as it ends after a day"
        assert "is granted until" not in (await deputy.get("/")).text
        page = (await shown(dsl)).text
        for site in ("before.test", "wiki.test"):
            assert site in page, site
        assert "a list without visits says nothing" in page, "nobody is cleared by it"
        for site in ("harm.test", "older.test", "private.test"):
            assert site not in page, site
        assert "harm.test" in (await shown(dsl, ON)).text
        history = (await dsl.get(path)).text.partition("<h2>History</h2>")[2]
        for step in (
            "asked for 2026-06-30 to 2026-07-01, alert",
            "granted 2026-06-30 to 2026-07-01",
            "looked at 2026-06-30",
        ):
            assert step in history, step
        assert "before.test" not in history


@pytest.mark.parametrize(("said", "became"), [("grant", "granted"), ("refuse", "refused")])
async def test_whoever_answers_second_is_told_what_became_of_it(pages, said, became):
    alert = await concern(pages)
    async with (
        pages.logged_in("dsl") as dsl,
        pages.logged_in("deputy") as first,
        pages.logged_in("headteacher") as second,
    ):
        await asked(dsl, alert)
        await answered(first, said)
        late = await answered(second)
        assert (late.status_code, f"no answer any more: {became} by deputy" in late.text) == (409, True)
        assert (await answered(dsl)).status_code == 404, "it is never the asker's to answer"


async def test_it_is_on_the_record_of_looks_and_in_the_governors_figures_by_role_without_a_name(pages):
    alert = await concern(pages)
    async with pages.logged_in("dsl") as dsl, pages.logged_in("deputy") as deputy:
        await asked(dsl, alert)
        await answered(deputy)
        await shown(dsl)
        await shown(dsl, ON)
        await submit(dsl, f"/alerts/{alert}/hour", {"reason": REASON}, page=f"/alerts/{alert}")
    async with pages.logged_in("auditor") as auditor, pages.logged_in("governor") as governor:
        record = (await auditor.get("/looks")).text
        assert f"({BEFORE}, granted by deputy" in record
        assert "a day beyond the hour" in record
        figures = (await governor.get("/oversight")).text
        assert "<dt>safeguarding lead (DSL): days beyond the hour</dt><dd>2</dd>" in figures
        assert "<dt>safeguarding lead (DSL): hours around an alert</dt><dd>1</dd>" in figures
        assert "<dt>granted</dt><dd>1</dd>" in figures
        assert called(pages, 7) not in figures
        assert (await governor.get("/longer-looks")).status_code == 403


@pytest.mark.parametrize("role", ROLES)
async def test_each_role_of_safeguarding_is_a_second_person_about_a_pupil_and_no_other_is(pages, role):
    alert = await concern(pages)
    async with pages.logged_in("dsl") as dsl, pages.logged_in(role) as other:
        await asked(dsl, alert)
        answer = await answered(other)
        assert answer.status_code == (303 if role in SAFEGUARDING else 403), answer.text
        assert ("before.test" in (await shown(dsl)).text) is (role in SAFEGUARDING)
        assert (await shown(other)).status_code == (404 if role in SAFEGUARDING else 403), "the look is the asker's"


@pytest.mark.parametrize("role", ["dsl", "deputy", "headteacher", "chair"])
async def test_about_staff_a_second_headteacher_or_the_chair_grants_it_and_nobody_else_hears_of_it(pages, role):
    alert = await concern(pages, profile="staff", person=8)
    async with pages.logged_in("headteacher") as head, pages.logged_in(role) as other:
        await asked(head, alert)
        fits = role in {"headteacher", "chair"}
        assert (called(pages, 8) in (await other.get("/longer-looks")).text) is fits
        assert ("One longer look waits" in (await other.get("/")).text) is fits
        assert (await answered(other)).status_code == (303 if fits else 404)
        assert ("before.test" in (await shown(head)).text) is fits


async def test_where_headteacher_and_dsl_are_one_person_only_another_chair_grants_what_is_about_staff(pages):
    await pages.person("one", "headteacher", "dsl")
    alert = await concern(pages, profile="staff", person=8)
    async with pages.logged_in("chair") as chair, pages.logged_in("chair") as vice, pages.browser() as one:
        await log_in(one, "one")
        await asked(chair, alert)
        assert (await answered(one)).status_code == 404
        assert (await answered(vice)).status_code == 303


async def test_nobody_answers_what_they_asked_for_and_the_database_refuses_it_too(pages):
    alert = await concern(pages)
    async with pages.logged_in("dsl", "headteacher") as dsl:
        await asked(dsl, alert)
        assert (await answered(dsl)).status_code == 404
        assert "Grant it" not in (await dsl.get("/longer-looks")).text
        assert "before.test" not in (await shown(dsl)).text
    async with pages.database.reading() as session:
        [row] = await session.scalars(select(LongerLookRow))
    with pytest.raises(IntegrityError):
        async with pages.database.writing() as session:
            await session.execute(text(f"update longer_looks set state='granted', answered_by={row.asked_by}"))


async def test_whom_it_may_be_about_neither_asks_nor_grants_nor_stands_beside(pages):
    alert = await concern(pages, profile="staff", person=9)
    async with pages.logged_in("headteacher") as head, pages.logged_in("chair") as chair:
        await asked(head, alert)
        assert called(pages, 9) not in (await chair.get("/longer-looks")).text
        assert (await answered(chair)).status_code == 404
        await pages.person("carol", "chair")
        second = {"second": "carol", "second_password": PASSWORD, "second_code": CODES[pages.url, "carol"].pop()}
        path = f"/alerts/{alert}"
        answer = await submit(head, f"{path}/hour", {"reason": REASON, **second}, page=path)
        assert "must be somebody else" in answer.text
        assert "before.test" not in answer.text


@pytest.mark.parametrize("what", ["refused", "closed", "over", "lapsed"])
async def test_nothing_is_shown_of_what_was_refused_or_is_over(pages, clock, what):
    alert = await concern(pages)
    for name, role in (("ann", "dsl"), ("dora", "deputy")):
        await pages.person(name, role)
    async with pages.browser() as dsl, pages.browser() as deputy:
        await log_in(dsl, "ann")
        path = await asked(dsl, alert)
        if what == "lapsed":
            clock.now += WAITS
            await log_in(dsl, "ann")
        await log_in(deputy, "dora")
        answer = await answered(deputy, "refuse" if what == "refused" else "grant")
        assert answer.status_code == (409 if what == "lapsed" else 303)
        if what == "over":
            clock.now += HOLDS
            await log_in(dsl, "ann")
        if what == "closed":
            await submit(dsl, f"{path}/state", {"state": "closed"}, page=path)
        answer = await shown(dsl)
        assert (answer.status_code, "before.test" in answer.text) == (400, False)


@pytest.mark.parametrize("day", ["2026-06-29", "2026-07-02", "", "x", "2026-06-30T00:00", "99999-01-01"])
async def test_no_day_is_shown_but_those_that_were_granted(pages, day):
    alert = await concern(pages)
    async with pages.logged_in("dsl") as dsl, pages.logged_in("deputy") as deputy:
        await asked(dsl, alert)
        await answered(deputy)
        answer = await shown(dsl, day)
        assert (answer.status_code, "older.test" in answer.text) == (400, False)
        assert "Choose one of the days" in answer.text


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"reason": "why"}, "in a few words"),
        ({"alert": "1"}, "Choose an alert of this incident"),
        ({"first": ""}, "from which day to which"),
        ({"first": "2026-06-01"}, "At most 14 days"),
        ({"first": "2026-05-01", "last": "2026-05-02"}, "within 30 days of the alert"),
    ],
    ids=["reason", "alert", "day", "long", "far"],
)
async def test_what_cannot_be_asked_for_is_said_and_asks_nobody(pages, fields, says):
    alert, another = await concern(pages), await concern(pages)
    async with pages.logged_in("dsl") as dsl, pages.logged_in("deputy") as deputy:
        path = f"/alerts/{alert}"
        made = await submit(dsl, f"{path}/incident", {"incident": "new"}, page=path)
        form = {"alert": alert, "first": BEFORE, "last": ON, "reason": REASON, **fields}
        answer = await submit(dsl, f"{made.headers['location']}/longer-looks", form, page=path)
        assert (answer.status_code, says in answer.text) == (400, True)
        assert f'href="{made.headers["location"]}"' in answer.text, "to ask again"
        assert f'<span class="prose">{form["reason"]}'.replace("'", "&#39;") in answer.text, (
            "what was written is there to copy"
        )
        not_its_own = {**form, "alert": another}
        await submit(dsl, f"{made.headers['location']}/longer-looks", not_its_own, page=path)
        assert "Nothing waits for you" in (await deputy.get("/longer-looks")).text


async def test_scripts_get_what_is_granted_to_whoever_made_the_token_and_nothing_else(pages):
    alert = await concern(pages)
    tokens, bearer = ApiTokens(pages.database, time.time_ns), {}
    await pages.person("ann", "dsl", "technician")
    for name, role in (("ann", "dsl"), ("ann", "technician"), ("dora", "deputy")):
        person = await pages.accounts.verify(name, PASSWORD) or await pages.person(name, role)
        token = await tokens.make(person, role, role)
        bearer[role] = {"authorization": f"Bearer {token}"}

    async def get(role, path):
        async with pages.browser() as script:
            return await script.get(path, headers=bearer[role])

    async with pages.browser() as ann, pages.browser() as dora:
        await log_in(ann, "ann")
        await log_in(dora, "dora")
        await asked(ann, alert)
        early = await get("dsl", f"/api/longer-looks/1?day={BEFORE}")
        assert (early.status_code, "before.test" in early.text) == (400, False)
        assert (await get("deputy", "/api/longer-looks")).json()["waiting"][0]["who"] == called(pages, 7)
        await answered(dora)
    [look] = (await get("dsl", "/api/longer-looks")).json()["looks"]
    assert (look["state"], look["days"], look["answered_by"]) == ("granted", [BEFORE, ON], "dora")
    opened = (await get("dsl", f"/api/longer-looks/1?day={BEFORE}")).json()
    assert {moment["site"] for moment in opened["lines"]["moments"]} == {"before.test", "wiki.test"}
    assert (await get("deputy", f"/api/longer-looks/1?day={BEFORE}")).status_code == 404
    assert (await get("dsl", f"/api/longer-looks/{2**70}?day={BEFORE}")).status_code == 404
    assert (await get("technician", "/api/longer-looks")).status_code == 403
    async with pages.logged_in("auditor") as auditor:
        assert (await auditor.get("/looks")).text.count("a day beyond the hour") == 1, "a script's look too"


async def test_the_hour_around_an_alert_about_staff_needs_a_second_person(pages):
    alert = await concern(pages, profile="staff", person=8)
    await pages.person("dora", "dsl")
    async with pages.logged_in("headteacher") as head:
        path = f"/alerts/{alert}"
        alone = await submit(head, f"{path}/hour", {"reason": REASON}, page=path)
        assert (alone.status_code, "The hour around it</h2>" in alone.text) == (400, False)
        second = {"second": "dora", "second_password": PASSWORD, "second_code": CODES[pages.url, "dora"].pop()}
        together = (await submit(head, f"{path}/hour", {"reason": REASON, **second}, page=path)).text
        assert "The hour around it</h2>" in together
        assert "at the hour around it, with dora" in together


def test_days_are_the_schools_twice_a_year_of_another_length():
    london = ZoneInfo("Europe/London")
    spring = longer_looks.Span(datetime.date(2026, 3, 29), datetime.date(2026, 3, 29), london)
    assert spring.until_ns - spring.since_ns == 23 * 3600 * 10**9
    row = LongerLookRow(since_ns=spring.since_ns, until_ns=spring.until_ns)
    assert longer_looks.span_of(row, london) == spring


@pytest.mark.parametrize(
    ("first", "last", "subject", "says"),
    [
        (ON, ON, "address:10.20.0.7", ""),
        (BEFORE, ON, "address:10.20.0.7", "one day of a device"),
        ("2026-06-18", ON, "person:7", ""),
        ("2026-06-17", ON, "person:7", "At most 14 days"),
        (ON, BEFORE, "person:7", "the first day first"),
        ("2026-07-02", "2026-07-02", "person:7", "still to come"),
        ("2026-06-01", "2026-06-01", "person:7", ""),
        ("2026-05-30", "2026-05-30", "person:7", "within 30 days"),
        ("9999-12-31", "9999-12-31", "person:7", "from which day"),
    ],
)
def test_a_span_is_short_past_and_near_its_alert(first, last, subject, says):
    alert = AlertRow(subject=subject, opened_ns=AT, last_ns=AT)
    if not says:
        assert span(first, last, alert, AT, ZoneInfo("Europe/London")).days
        return
    with pytest.raises(LongerLookError, match=says):
        span(first, last, alert, AT, ZoneInfo("Europe/London"))


async def test_planted_words_do_no_harm_where_a_second_person_reads_them(pages):
    planted = "=cmd|' \x1b[31m\u202e<b>[bold] and some more words"
    alert = await concern(pages)
    async with pages.logged_in("dsl") as dsl, pages.logged_in("deputy") as deputy:
        path = await asked(dsl, alert, reason=planted)
        for page in ((await deputy.get("/longer-looks")).text, (await dsl.get(path)).text):
            assert "&lt;b&gt;[bold] and some more words" in page
            assert not set("\x1b\u202e") & set(page)


async def test_a_purge_stands_on_the_record_of_looks(pages):
    folder = pages.folder / "month-keys"
    folder.mkdir()
    line = {"at": "2026-11-27T10:00:00+00:00", "before": "2026-02", "by": "A. Okafor", "reason": "The year is over"}
    (folder / "purged").write_text(json.dumps(line))
    async with pages.logged_in("auditor") as auditor, pages.logged_in("dsl") as dsl:
        page = (await auditor.get("/looks")).text
        for words in ("2026-11-27 10:00 UTC", "2026-02", "A. Okafor", "The year is over"):
            assert words in page, words
        assert (await dsl.get("/looks")).status_code == 403
