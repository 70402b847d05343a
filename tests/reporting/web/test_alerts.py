"""The alerts."""

import time

import pytest
from sqlalchemy import select

from blocklists.rulebook import Severity
from reporting.models import AlertRow, OutboxRow
from reporting.web.alerts import PAGE
from tests.support.staff_pages import submit

HOUR = 3600 * 10**9


async def test_an_alert_says_what_it_means_by_when_to_act_and_what_happened(pages):
    breach = await pages.breach(host="harm.test", theme="self-harm", category="self_harm", severity=Severity.URGENT)
    number = await pages.alert(breach, act_by_ns=1_782_896_400 * 10**9)
    async with pages.logged_in("dsl") as browser:
        listed = (await browser.get("/alerts")).text
        page = (await browser.get(f"/alerts/{number}")).text
    assert f'href="/alerts/{number}"' in listed
    assert "harm.test" not in listed, "the list names no site"
    for words in (
        "A child may be at risk",
        "Wed 1 Jul 2026, 10:00<",
        "harm.test",
        "Device at 10.20.0.7",
        "0800 1111",
    ):
        assert words in page
    assert "overdue" in page
    assert 'href="http://harm' not in page


async def test_the_words_of_a_search_are_read_by_whoever_the_alert_is_for_and_by_nobody_else(pages):
    words = "my words <b>\u202e"
    asked = {"host": "oak.test", "theme": "abuse", "category": "", "reason": "open", "kind": "concern"}
    breach = await pages.breach(**asked, severity=Severity.URGENT, terms=words)
    number = await pages.alert(breach, theme="abuse")
    async with pages.logged_in("dsl") as browser:
        page = (await browser.get(f"/alerts/{number}")).text
        log = (await browser.get("/breaches?format=json")).json()
    assert "searched for: <bdi>my words &lt;b&gt;" in page
    assert "The child first" in page
    assert [row["terms"] for row in log["entries"]] == ["my words <b>\ufffd"]
    async with pages.logged_in("technician") as browser:
        held = await browser.get("/breaches?format=json")
        assert [row["terms"] for row in held.json()["entries"]] == [None]
        assert "my words" not in held.text + (await browser.get("/breaches")).text


async def test_words_beside_a_theme_of_the_technicians_are_nobodys(pages):
    await pages.breach(theme="malware", category="", terms="my words")
    for role in ("technician", "dsl"):
        async with pages.logged_in(role) as browser:
            assert "my words" not in (await browser.get("/breaches?format=json")).text


async def test_acknowledging_is_noted_with_name_and_time_and_once_only(pages):
    number = await pages.alert()
    async with pages.logged_in("dsl") as first, pages.logged_in("dsl") as second:
        path = f"/alerts/{number}"
        answer = await submit(first, f"{path}/acknowledge", {}, page=path)
        assert (answer.status_code, answer.headers["location"]) == (303, path)
        page = (await first.get(path)).text
        assert "<dt>Acknowledged</dt>" in page
        assert "<dt>Act by</dt>" in page, "the child is still to be seen by then"
        assert "by dsl" in page
        assert "<button>Acknowledge" not in page
        assert (await submit(second, f"{path}/acknowledge", {}, page=path)).status_code == 409
        assert (await second.get(path)).text.count("by dsl") == 1
        listed = (await second.get("/alerts")).text
        assert "No alert is open for you" in listed
        assert '<th scope="col">Acknowledged</th>' in listed
        assert '<th scope="col">Act by</th>' not in listed
        assert f'href="{path}"' in listed


async def test_a_get_acknowledges_nothing(pages):
    number = await pages.alert()
    async with pages.logged_in("dsl") as browser:
        assert (await browser.get(f"/alerts/{number}/acknowledge")).status_code == 405
        assert "<button>Acknowledge" in (await browser.get(f"/alerts/{number}")).text


async def test_a_technician_is_told_in_plain_words_that_alerts_are_not_theirs(pages):
    number = await pages.alert()
    async with pages.logged_in("technician") as browser:
        for path in ("/alerts", f"/alerts/{number}", "/alerts/9"):
            answer = await browser.get(path)
            assert answer.status_code == 403
            assert "not for your role" in answer.text
        assert (await submit(browser, f"/alerts/{number}/acknowledge", {}, page="/")).status_code == 403
        first = (await browser.get("/")).text
        assert "/alerts" not in first
        assert "open alert" not in first
    async with pages.logged_in("dsl") as dsl:
        assert "<button>Acknowledge" in (await dsl.get(f"/alerts/{number}")).text


@pytest.mark.parametrize(
    ("audience", "sees", "does_not"),
    [("headteacher", "headteacher", "dsl"), ("dsl", "dsl", "headteacher"), ("chair", "chair", "headteacher")],
)
async def test_an_alert_is_for_its_audience_only(pages, audience, sees, does_not):
    number = await pages.alert(audience=audience, theme="radicalisation", profile="staff")
    async with pages.logged_in(sees) as one, pages.logged_in(does_not) as other:
        assert (await one.get(f"/alerts/{number}")).status_code == 200
        assert f"Alert {number}" in (await one.get("/alerts")).text
        assert f"Alert {number}" in (await one.get("/")).text
        assert (await other.get(f"/alerts/{number}")).status_code == 404
        assert (await submit(other, f"/alerts/{number}/acknowledge", {}, page="/alerts")).status_code == 404
        for path in ("/", "/alerts"):
            assert f"Alert {number}" not in (await other.get(path)).text
        assert "<button>Acknowledge" in (await one.get(f"/alerts/{number}")).text


ABOUT_STAFF = {"theme": "radicalisation", "profile": "staff", "audience": "headteacher"}


async def test_where_headteacher_and_dsl_are_one_person_an_alert_about_staff_is_the_chairs(pages):
    breach = await pages.breach(host="read.test", category="extremism", theme="radicalisation", profile="staff")
    number = await pages.alert(breach, **ABOUT_STAFF)
    async with pages.logged_in("headteacher", "dsl") as both, pages.logged_in("chair") as chair:
        assert (await both.get(f"/alerts/{number}")).status_code == 404
        assert (await submit(both, f"/alerts/{number}/acknowledge", {}, page="/alerts")).status_code == 404
        for path in ("/", "/alerts", "/alerts?format=json", "/breaches"):
            page = (await both.get(path)).text
            assert f"Alert {number}" not in page, path
            assert f'"number":{number}' not in page, path
            assert "read.test" not in page, path
        assert "read.test" in (await chair.get("/breaches")).text
        assert "read.test" in (await chair.get(f"/alerts/{number}")).text
        assert f"Alert {number}" in (await chair.get("/")).text


async def test_a_deputy_with_both_roles_takes_no_alert_from_a_headteacher_who_has_one(pages):
    number = await pages.alert(**ABOUT_STAFF)
    async with pages.logged_in("headteacher") as head, pages.logged_in("headteacher", "dsl") as deputy:
        assert (await head.get(f"/alerts/{number}")).status_code == 200
        assert (await deputy.get(f"/alerts/{number}")).status_code == 404
        async with pages.logged_in("chair") as chair:
            assert (await chair.get(f"/alerts/{number}")).status_code == 404


async def test_while_no_dsl_is_confirmed_the_headteacher_reads_an_alert_about_pupils(pages):
    breach = await pages.breach(host="harm.test", category="self_harm", theme="self-harm")
    number = await pages.alert(breach, audience="headteacher")
    for roles in (("headteacher",), ("headteacher", "dsl")):
        async with pages.logged_in(*roles) as browser:
            assert "harm.test" in (await browser.get(f"/alerts/{number}")).text, roles


async def test_what_staff_did_at_a_pupils_address_is_held_within_the_alert_about_it(pages):
    pupils = await pages.breach(host="harm.test", category="self_harm", theme="self-harm")
    staffs = await pages.breach(host="read.test", category="self_harm", theme="self-harm", profile="staff")
    number = await pages.alert(pupils, staffs, audience="headteacher")
    async with pages.logged_in("headteacher", "dsl") as browser:
        page = (await browser.get(f"/alerts/{number}")).text
    assert "harm.test" in page
    assert "read.test" not in page
    assert "held for the chair of governors" in page


async def test_an_alert_without_a_role_of_the_reader_looks_like_one_that_does_not_exist(pages):
    number = await pages.alert(audience="headteacher")
    async with pages.logged_in("dsl") as browser:
        hidden, missing = await browser.get(f"/alerts/{number}"), await browser.get("/alerts/999999")
    assert hidden.text == missing.text


async def test_an_illegal_hit_has_the_procedure_and_no_address(pages):
    breach = await pages.breach(
        host="leaked.test", path="/leaked", rule="c0ffee", list="iwf", reason="sealed", category="illegal",
        theme="illegal", severity=Severity.ILLEGAL,
    )  # fmt: skip
    number = await pages.alert(breach, severity=Severity.ILLEGAL, theme="illegal")
    async with pages.logged_in("dsl") as browser:
        page = (await browser.get(f"/alerts/{number}")).text
    for words in ("do not copy", ">101<", ">999<", "report.iwf.org.uk", "ceop.police.uk"):
        assert words in page
    assert "no legal advice" in page
    assert "list iwf" in page
    assert "c0ffee" in page
    assert "leaked" not in page


async def test_only_an_illegal_hit_has_the_procedure(pages):
    number = await pages.alert()
    async with pages.logged_in("dsl") as browser:
        assert "report.iwf.org.uk" not in (await browser.get(f"/alerts/{number}")).text


async def test_the_headteachers_deputy_reads_and_acknowledges_what_goes_to_the_headteacher(pages):
    breach = await pages.breach(host="harm.test", theme="radicalisation", profile="staff", category="extremism")
    staffs, pupils = await pages.alert(breach, **ABOUT_STAFF), await pages.alert(escalated="headteacher")
    async with pages.logged_in("headteacher"), pages.logged_in("head_deputy") as deputy, pages.logged_in("dsl") as dsl:
        for number in (staffs, pupils):
            path = f"/alerts/{number}"
            assert (await submit(deputy, f"{path}/acknowledge", {}, page=path)).status_code == 303
            assert "by head_deputy" in (await deputy.get(path)).text
        assert "harm.test" in (await deputy.get(f"/alerts/{staffs}")).text
        assert (await dsl.get(f"/alerts/{staffs}")).status_code == 404


@pytest.mark.parametrize("heads", [("headteacher",), ("headteacher", "dsl")])
async def test_a_deputy_of_the_headteacher_who_is_the_dsl_reads_nothing_about_staff(pages, heads):
    number = await pages.alert(**ABOUT_STAFF)
    async with pages.logged_in(*heads), pages.logged_in("head_deputy", "dsl") as both:
        assert (await both.get(f"/alerts/{number}")).status_code == 404


async def test_where_headteacher_and_dsl_are_one_person_the_deputy_reads_nothing_about_staff_either(pages):
    number = await pages.alert(**ABOUT_STAFF)
    async with pages.logged_in("headteacher", "dsl"), pages.logged_in("head_deputy") as deputy:
        assert (await deputy.get(f"/alerts/{number}")).status_code == 404


async def test_whoever_it_climbed_to_reads_an_alert_about_a_pupil_and_takes_it_on(pages):
    breach = await pages.breach(host="harm.test", category="self_harm", theme="self-harm")
    number = await pages.alert(breach, audience="headteacher", escalated="head_deputy,deputy")
    staffs = await pages.alert(audience="headteacher", profile="staff", escalated="head_deputy,deputy")
    async with pages.logged_in("deputy") as deputy, pages.logged_in("dsl") as dsl:
        path = f"/alerts/{number}"
        assert f"Alert {number}" in (await deputy.get("/")).text
        listed = (await deputy.get("/alerts?told=further")).text
        assert f"Alert {number}" in listed
        assert f"Alert {staffs}" not in listed
        assert (await deputy.get(f"/alerts/{staffs}")).status_code == 404
        assert "harm.test" in (await deputy.get(path)).text
        assert (await submit(deputy, f"{path}/acknowledge", {}, page=path)).status_code == 303
        assert "by deputy" in (await deputy.get(path)).text
        assert (await dsl.get(path)).status_code == 404


async def test_the_list_finds_what_went_further_up_and_what_a_mail_told_without_an_answer(pages):
    plain, night = await pages.alert(), await pages.alert(escalated="on_call")
    further, silent = await pages.alert(escalated="on_call,deputy"), await pages.alert()
    async with pages.database.writing() as session:
        about = await session.scalar(select(AlertRow.id).where(AlertRow.number == silent))
        usual = {"recipient": "dsl", "address": "", "subject": "", "body": "", "created_ns": 1, "due_ns": 1}
        session.add_all(OutboxRow(alert=alert, state="unanswered", **usual) for alert in (about, None))
    async with pages.logged_in("dsl") as browser:
        for told, expected in (("further", {further}), ("unanswered", {silent}), ("", {plain, night, further, silent})):
            found = (await browser.get(f"/alerts?format=json&told={told}")).json()["alerts"]
            assert {alert["number"] for alert in found} == expected, told
        assert '<option value="unanswered" selected>' in (await browser.get("/alerts?told=unanswered")).text


async def test_the_most_pressing_alert_stands_first(pages):
    later = await pages.alert(act_by_ns=time.time_ns() + 2 * HOUR)
    sooner = await pages.alert(act_by_ns=time.time_ns() + HOUR)
    async with pages.logged_in("dsl") as browser:
        page = (await browser.get("/alerts")).text
    assert page.index(f"Alert {sooner}") < page.index(f"Alert {later}")


async def test_acknowledged_alerts_go_on_over_pages(pages):
    numbers = [await pages.alert(state="acknowledged", acknowledged_ns=time.time_ns()) for _ in range(PAGE + 2)]
    async with pages.logged_in("dsl") as browser:
        first = (await browser.get("/alerts")).text
        second = (await browser.get(f"/alerts?below={numbers[2]}")).text
        assert f"?below={numbers[2]}" in first
        for odd in ("x", "-1", "9" * 5000):
            assert (await browser.get("/alerts", params={"below": odd})).status_code == 200
    assert f"Alert {numbers[-1]}<" in first
    assert f"Alert {numbers[1]}<" not in first
    assert f"Alert {numbers[1]}<" in second
    assert 'rel="next"' not in second


async def test_planted_values_do_no_harm_on_an_alerts_page(pages):
    value = "<b>\x1b[31m\u202e=cmd\x00" + "y" * 65536
    breach = await pages.breach(host=value, path=value, rule=value, list=value, category=value)
    number = await pages.alert(breach, theme=value, profile=value, subject=f"person:{value}")
    async with pages.logged_in("dsl") as browser:
        for path in ("/", "/alerts", f"/alerts/{number}"):
            answer = await browser.get(path)
            assert answer.status_code == 200
            assert "<b>" not in answer.text
            assert not set("\x1b\x00\u202e") & set(answer.text)
            assert "y" * 1000 not in answer.text
