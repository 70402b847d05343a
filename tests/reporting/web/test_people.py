"""People and their roles."""

import re

import pytest

from reporting.permissions import GIVES, ROLES
from tests.support.staff_pages import PASSWORD, log_in, submit

ONE_USE = re.compile(r'<code id="token">([\w-]+)</code>')
NEW = "walnut teapot meadow"


def ticks(*roles):
    return {f"role-{role}": "yes" for role in roles}


async def invite(browser, *roles):
    return await submit(browser, "/people/invite", ticks(*roles), page="/people")


async def test_somebody_invited_makes_an_account_with_the_roles_and_once(pages):
    async with pages.logged_in("headteacher") as head, pages.browser() as guest:
        page = (await invite(head, "governor", "auditor")).text
        token = ONE_USE.search(page)[1]
        assert f"{pages.url}/enrol" in page, "the whole address, as somebody else has to open it"
        assert "An account as: governor, auditor" in page
        assert "Invitations that still hold" in (await head.get("/people")).text
        assert token not in (await head.get("/people")).text, "it is shown once"
        fields = {"enrolment": token, "name": "Bob", "password": PASSWORD, "again": PASSWORD}
        assert (await submit(guest, "/enrol", fields)).status_code == 303
        assert (await submit(guest, "/enrol", {**fields, "name": "Eve"})).status_code == 400
        after = (await head.get("/people")).text
        assert "Bob</a>" in after
        assert "Invitations that still hold" not in after, "it is used"


@pytest.mark.parametrize("role", GIVES)
async def test_nobody_invites_for_a_role_that_is_not_theirs_to_give(pages, role):
    async with pages.logged_in(role) as browser:
        offered = set(re.findall(r'name="role-(\w+)"', (await browser.get("/people")).text))
        assert offered == GIVES[role]
        for other in set(ROLES) - GIVES[role]:
            assert (await invite(browser, other)).status_code == 400
        assert (await invite(browser)).status_code == 400, "no role at all"


async def test_an_invitation_can_be_withdrawn(pages):
    async with pages.logged_in("headteacher") as head, pages.browser() as guest:
        token = ONE_USE.search((await invite(head, "technician")).text)[1]
        key = re.search(r'name="key" value="(\w+)"', (await head.get("/people")).text)[1]
        assert (await submit(head, "/people/withdraw", {"key": key}, page="/people")).status_code == 303
        fields = {"enrolment": token, "name": "Bob", "password": PASSWORD, "again": PASSWORD}
        await pages.person("ann", "technician")
        assert (await submit(guest, "/enrol", fields)).status_code == 400


async def test_new_roles_hold_at_once_and_end_the_log_ins_before(pages):
    bob = await pages.person("bob", "technician", "governor")
    async with pages.logged_in("headteacher") as head, pages.browser() as theirs:
        await pages.person("zoe", "technician")
        await log_in(theirs, "bob")
        assert (await theirs.get("/breaches")).status_code == 200
        path = f"/people/{bob.id}"
        assert (await submit(head, f"{path}/roles", ticks("governor"), page=path)).status_code == 303
        assert (await theirs.get("/")).status_code == 303
        await log_in(theirs, "bob")
        assert (await theirs.get("/breaches")).status_code == 403


async def test_a_role_that_is_not_theirs_to_take_stays(pages):
    both = await pages.person("bob", "technician", "dsl")
    async with pages.logged_in("technician") as browser:
        path = f"/people/{both.id}"
        assert (await submit(browser, f"{path}/roles", ticks("auditor", "headteacher"), page=path)).status_code == 303
    assert (await pages.accounts.account(both.id)).roles == {"dsl", "auditor"}


@pytest.mark.parametrize("what", ["close", "reset", "second-step"])
async def test_a_technician_touches_no_account_of_safeguarding(pages, what):
    dsl = await pages.person("dora", "dsl")
    async with pages.logged_in("technician") as browser:
        path = f"/people/{dsl.id}"
        assert f'action="{path}/{what}"' not in (await browser.get(path)).text
        answer = await submit(browser, f"{path}/{what}", {}, page="/people")
        assert answer.status_code == 400
        assert "another person" in answer.text
    assert await pages.accounts.account(dsl.id) == dsl


@pytest.mark.parametrize("role", ["technician", "dsl", "headteacher"])
async def test_the_last_of_a_role_that_is_needed_stays(pages, role):
    ann = await pages.person("ann", role)
    async with pages.browser() as browser:
        await log_in(browser, "ann")
        path = f"/people/{ann.id}"
        answer = await submit(browser, f"{path}/close", {}, page=path)
        assert (answer.status_code, "invite another first" in answer.text) == (400, True)
        other = min(GIVES[role] - {role})
        assert (await submit(browser, f"{path}/roles", ticks(other), page=path)).status_code == 400
        await pages.person("bob", role)
        assert (await submit(browser, f"{path}/close", {}, page=path)).status_code == 303
        assert (await browser.get("/")).headers["location"] == "/log-in"
        assert (await log_in(browser, "ann")).status_code == 403


async def test_a_new_password_is_chosen_with_a_token_and_the_second_step_still_holds(pages):
    dsl = await pages.person("dora", "dsl")
    async with pages.logged_in("headteacher") as head, pages.browser() as theirs:
        await log_in(theirs, "dora")
        path = f"/people/{dsl.id}"
        token = ONE_USE.search((await submit(head, f"{path}/reset", {}, page=path)).text)[1]
        assert (await theirs.get("/alerts")).status_code == 303
        fields = {"reset": token, "password": NEW, "again": NEW}
        assert (await submit(theirs, "/reset", {**fields, "reset": "guess"})).status_code == 400
        assert (await submit(theirs, "/reset", {**fields, "password": "short", "again": "short"})).status_code == 400
        assert (await submit(theirs, "/reset", fields)).headers["location"].startswith("/log-in/code")
        assert (await submit(theirs, "/reset", fields)).status_code == 400, "once"
        assert (await log_in(theirs, "dora", PASSWORD)).status_code == 403
        assert (await log_in(theirs, "dora", NEW)).headers["location"] == "/"


async def test_whoever_must_choose_a_new_password_reaches_nothing_before(pages):
    bob = await pages.person("bob", "technician")
    async with pages.logged_in("headteacher") as head, pages.browser() as theirs:
        await submit(head, f"/people/{bob.id}/reset", {}, page=f"/people/{bob.id}")
        await log_in(theirs, "bob")
        assert (await theirs.get("/breaches")).headers["location"] == "/account/password"
        fields = {"old": PASSWORD, "password": NEW, "again": NEW}
        assert (await submit(theirs, "/account/password", fields)).status_code == 303
        assert (await theirs.get("/breaches")).status_code == 200


async def test_a_lost_telephone_is_replaced_at_the_next_log_in(pages):
    dsl = await pages.person("dora", "dsl")
    async with pages.logged_in("headteacher") as head, pages.browser() as theirs:
        path = f"/people/{dsl.id}"
        assert (await submit(head, f"{path}/second-step", {}, page=path)).status_code == 303
        assert (await log_in(theirs, "dora")).headers["location"] == "/"
        assert (await theirs.get("/alerts")).headers["location"] == "/account/second-step"


async def test_an_account_that_does_not_exist_is_no_page(pages):
    async with pages.logged_in("headteacher") as head:
        for number in ("99", "x", "-1", "9" * 30, "1%00"):
            assert (await head.get(f"/people/{number}")).status_code == 404
            assert (await submit(head, f"/people/{number}/close", {}, page="/people")).status_code in {400, 404}


async def test_a_closed_name_is_not_given_again(pages):
    await pages.person("zoe", "technician")
    bob = await pages.person("bob", "technician")
    async with pages.logged_in("headteacher") as head, pages.browser() as guest:
        await submit(head, f"/people/{bob.id}/close", {}, page=f"/people/{bob.id}")
        token = ONE_USE.search((await invite(head, "technician")).text)[1]
        fields = {"enrolment": token, "name": "Bob", "password": PASSWORD, "again": PASSWORD}
        assert "of this name already" in (await submit(guest, "/enrol", fields)).text


async def test_the_record_calls_roles_what_people_call_them(pages):
    async with pages.logged_in("headteacher") as head:
        await invite(head, "deputy", "head_deputy")
        record = (await head.get("/looks")).text
        assert "deputy DSL, headteacher&#39;s deputy" in record
        assert "head_deputy" not in record
