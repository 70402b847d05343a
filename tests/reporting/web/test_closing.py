"""Closing for everybody what got through, from its alert's page."""

import time

from blocklists import snapshot
from blocklists.clients import Client
from blocklists.policy import Kind, Reason, Request, decide
from blocklists.rulebook import Severity
from tests.support.staff_pages import submit

MINUTE = 60 * 10**9
NOW = time.time_ns() // MINUTE * MINUTE


def verdict(pages, profile="ks2"):
    pages.live.refresh()
    return decide(pages.live.policy, Request(Kind.DNS, Client("10.20.0.7", profile), "a.bad.test", time.time_ns()))


async def reported(pages, **columns):
    """An alert about a report that bad.test got through."""
    breach = await pages.breach(host="bad.test", kind="got_through", category="", severity=Severity.NONE)
    return await pages.alert(breach, **{"theme": "", "subject": "person:12", **columns})


async def test_one_button_closes_it_for_all_lists_who_opened_it_drafts_the_notice_and_opens_the_incident(pages):
    for who in ({"person": 31}, {"person": 32, "count": 4}, {"person": 33, "profile": "staff"}):
        await pages.visit(site="bad.test", minute_ns=NOW - MINUTE, **who)
    path = f"/alerts/{await reported(pages)}"
    async with pages.logged_in("dsl") as browser, pages.logged_in("headteacher") as head:
        assert "Close <bdi>bad.test</bdi> for everybody" in (await browser.get(path)).text
        answer = await submit(browser, f"{path}/close-for-all", {"host": "bad.test"}, page=path)
        page = answer.text
        who = {number: f"Person {pages.called(number, 'dsl')}" for number in (31, 32, 33)}
        for words in (
            f"{who[31]}, once",
            f"{who[32]}, 4 times",
            "    bad.test",
            "Harbour Primary found",
            "Incident 101",
        ):
            assert words in page, words
        assert who[33] not in page, "who of the staff did is the headteacher's"
        incident = (await browser.get("/incidents/101")).text
        assert f"{who[32]}, 4 times within 30 days" in incident
        assert "bad.test" not in incident
        again = (await browser.get(path)).text
        assert who[31] not in again
        assert "bad.test</bdi> is closed for everybody" in again
        assert "closed its site for everybody," in again
        assert "who opened its site" in (await head.get("/looks")).text
    for profile in ("ks2", "staff"):
        assert verdict(pages, profile).reason is Reason.EMERGENCY


async def test_what_was_closed_can_be_opened_again(pages):
    path = f"/alerts/{await reported(pages)}"
    async with pages.logged_in("dsl") as browser:
        await submit(browser, f"{path}/close-for-all", {"host": "bad.test"}, page=path)
        assert verdict(pages).blocked
        assert (await submit(browser, f"{path}/open-again", {"host": "bad.test"}, page=path)).status_code == 303
        assert "opened its site again," in (await browser.get(path)).text
        assert verdict(pages).reason is not Reason.EMERGENCY
        assert (await submit(browser, f"{path}/open-again", {"host": "bad.test"}, page=path)).status_code == 400


async def test_nothing_else_is_closed_than_what_the_alert_says_got_through(pages):
    stopped = await pages.breach(host="harm.test", theme="self-harm", category="self_harm")
    path = f"/alerts/{await pages.alert(stopped)}"
    async with pages.logged_in("dsl") as browser:
        assert "close-for-all" not in (await browser.get(path)).text
        for host in ("harm.test", "school.test", ""):
            assert (await submit(browser, f"{path}/close-for-all", {"host": host}, page=path)).status_code == 400
    assert not pages.live.files.permits.exists()


async def test_another_roles_alert_closes_nothing(pages):
    path = f"/alerts/{await reported(pages, profile='staff', audience='headteacher')}/close-for-all"
    async with pages.logged_in("dsl") as browser:
        assert (await submit(browser, path, {"host": "bad.test"}, page="/alerts")).status_code == 404
    assert not pages.live.files.permits.exists()


async def test_where_it_cannot_be_closed_that_is_said_and_no_incident_opened(pages):
    path = f"/alerts/{await reported(pages)}"
    pages.live.files.permits.parent.mkdir()
    pages.live.files.permits.write_bytes(b"damaged")
    async with pages.logged_in("dsl") as browser:
        answer = await submit(browser, f"{path}/close-for-all", {"host": "bad.test"}, page=path)
        assert answer.status_code == 500
        assert "tell your technician at once:" in answer.text
        assert "permits is no snapshot" in answer.text
        assert (await browser.get("/incidents/101")).status_code == 404


async def test_an_alert_that_is_part_of_an_incident_gets_no_second_one(pages):
    path = f"/alerts/{await reported(pages)}"
    async with pages.logged_in("dsl") as browser:
        await submit(browser, f"{path}/incident", {"incident": "new"}, page=path)
        await submit(browser, f"{path}/close-for-all", {"host": "bad.test"}, page=path)
        assert (await browser.get("/incidents/102")).status_code == 404
    assert snapshot.read(pages.live.files.permits, dict).version == 1
