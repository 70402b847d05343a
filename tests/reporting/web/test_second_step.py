"""Logging in with a second step, and seeing to one's own account."""

import re
import time

import pyotp
import pytest

from reporting.web.attempts import FREE
from tests.support.staff_pages import CODES, PASSWORD, TOKEN, log_in, submit

SECRET = re.compile(r"<code>([A-Z2-7 ]{32,})</code>")
CODE = re.compile(r"<li><code>([A-Z2-7-]{19})</code>")
NEW = "walnut teapot meadow"


async def enrolled(pages, browser, role="dsl"):
    """Somebody who has just made an account, and must set the second step up."""
    await pages.token(TOKEN, role)
    await submit(browser, "/enrol", {"enrolment": TOKEN, "name": "Ann", "password": PASSWORD, "again": PASSWORD})


async def first_step(browser, name="ann"):
    return await submit(browser, "/log-in", {"name": name, "password": PASSWORD})


async def set_up(pages, browser):
    """Set the second step up; returns its secret and its recovery codes."""
    await enrolled(pages, browser)
    secret = SECRET.search((await browser.get("/account/second-step")).text)[1].replace(" ", "")
    page = await submit(browser, "/account/second-step", {"code": pyotp.TOTP(secret).at(time.time() - 30)})
    return secret, CODE.findall(page.text)


@pytest.mark.parametrize("role", ["dsl", "deputy", "headteacher", "chair"])
async def test_whoever_reads_alerts_reaches_nothing_before_the_second_step_is_set_up(pages, role):
    async with pages.browser() as browser:
        await enrolled(pages, browser, role)
        for path in ("/", "/alerts", "/breaches", "/account", "/people"):
            answer = await browser.get(path)
            assert (answer.status_code, answer.headers.get("location")) in {(303, "/account/second-step"), (403, None)}
        assert (await browser.get("/account/second-step")).status_code == 200


async def test_a_technician_may_do_without(pages):
    async with pages.browser() as browser:
        await enrolled(pages, browser, "technician")
        assert (await browser.get("/")).status_code == 200
        assert "Set it up" in (await browser.get("/account")).text


async def test_a_log_in_with_a_second_step_opens_no_page_before_the_code(pages):
    async with pages.browser() as browser, pages.browser() as another:
        secret, codes = await set_up(pages, browser)
        assert len(codes) == 10
        assert (await first_step(another)).headers["location"] == "/log-in/code?after=/"
        waiting = another.cookies["schoolgate"]
        assert (await another.get("/")).headers["location"] == "/log-in"
        wrong = await submit(another, "/log-in/code", {"code": "000000"})
        assert (wrong.status_code, "not right" in wrong.text) == (403, True)
        code = pyotp.TOTP(secret).at(time.time())
        right = await submit(another, "/log-in/code", {"code": code, "after": "/alerts"})
        assert right.headers["location"] == "/alerts"
        assert another.cookies["schoolgate"] != waiting, "a new key, so that nobody has planted it"
        assert (await another.get("/alerts")).status_code == 200
    async with pages.browser(cookies={"schoolgate": waiting}) as planted:
        assert (await planted.get("/")).status_code == 303


async def test_the_form_for_the_code_is_nobodys_without_a_password(pages):
    async with pages.browser() as browser:
        assert (await browser.get("/log-in/code")).headers["location"] == "/log-in"
        await pages.person("bob", "technician")
        await log_in(browser, "bob")
        assert (await browser.get("/log-in/code")).headers["location"] == "/log-in"


async def test_codes_cannot_be_guessed_for_long(pages):
    await pages.person("ann", "dsl")
    right = CODES[pages.url, "ann"].pop()
    async with pages.browser() as browser:
        await first_step(browser)
        for _ in range(FREE):
            assert (await submit(browser, "/log-in/code", {"code": "000000"})).status_code == 403
        answer = await submit(browser, "/log-in/code", {"code": right})
        assert (answer.status_code, "Please wait" in answer.text) == (429, True)


async def test_a_recovery_code_lets_in_once_and_is_on_the_record(pages):
    await pages.person("ann", "dsl")
    async with pages.browser() as browser:
        await log_in(browser, "ann")
        page = (await browser.get("/account")).text
    assert "A recovery code was used" in page
    assert "9 recovery codes left" in page


async def test_a_new_password_ends_every_other_log_in_and_renews_this_one(pages):
    async with pages.logged_in("dsl") as browser, pages.browser() as other:
        name = re.search(r"<dt>Name</dt><dd>(\w+)<", (await browser.get("/account")).text)[1]
        await log_in(other, name)
        key = browser.cookies["schoolgate"]
        fields = {"old": PASSWORD, "password": NEW, "again": NEW}
        assert (await submit(browser, "/account/password", {**fields, "old": "wrong password"})).status_code == 403
        assert (await submit(browser, "/account/password", {**fields, "again": "x"})).status_code == 400
        assert (await submit(browser, "/account/password", fields)).headers["location"] == "/account"
        assert browser.cookies["schoolgate"] != key
        assert (await browser.get("/alerts")).status_code == 200
        assert (await other.get("/alerts")).status_code == 303
        assert (await log_in(other, name)).status_code == 403
        assert (await log_in(other, name, NEW)).status_code == 303
        assert "open while you are logged in" in (await other.get("/account")).text, "the key moved with the password"


async def test_logging_out_everywhere_ends_every_log_in(pages):
    await pages.person("ann", "dsl")
    async with pages.browser() as one, pages.browser() as two:
        await log_in(one, "ann")
        await log_in(two, "ann")
        await submit(one, "/account/out-everywhere", {}, page="/account")
        assert (await one.get("/")).status_code == 303
        assert (await two.get("/")).status_code == 303


async def test_a_person_sees_the_log_ins_of_their_own_account_and_the_failures(pages):
    await pages.person("ann", "dsl")
    async with pages.browser() as browser:
        await log_in(browser, "ann", "wrong password!")
        await log_in(browser, "ann")
        page = (await browser.get("/account")).text
    assert "A log-in with a wrong password" in page
    assert "Logged in" in page
    assert "127.0.0.1" in page


async def test_another_telephone_needs_a_code_first(pages):
    await pages.person("ann", "dsl")
    async with pages.browser() as browser:
        await log_in(browser, "ann")
        path, form = "/account/second-step/another", "/account/second-step"
        assert (await submit(browser, path, {"code": "000000"}, page=form)).status_code == 400
        code = CODES[pages.url, "ann"].pop()
        assert (await submit(browser, path, {"code": code}, page=form)).status_code == 303
        assert SECRET.search((await browser.get(form)).text)
        assert (await browser.get("/")).headers["location"] == form


async def test_new_recovery_codes_are_shown_once_after_a_code(pages):
    await pages.person("ann", "dsl")
    async with pages.browser() as browser:
        await log_in(browser, "ann")
        code, form = CODES[pages.url, "ann"].pop(), "/account/second-step"
        shown = CODE.findall((await submit(browser, "/account/codes", {"code": code}, page=form)).text)
        assert len(shown) == 10
        assert shown[0] not in (await browser.get(form)).text
