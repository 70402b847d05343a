"""Each role against each page and each action, from the one table; and what a role may not see is not in the HTML."""

import pytest

from reporting.permissions import ROLES, Action, may
from reporting.web.access import ACTION, OPEN
from tests.support.staff_pages import submit

PAGES = {
    "/": Action.TODAY,
    "/account": Action.OWN_ACCOUNT,
    "/account/password": Action.OWN_ACCOUNT,
    "/account/second-step": Action.OWN_ACCOUNT,
    "/breaches": Action.BREACHES_READ,
    "/breaches?format=json": Action.BREACHES_READ,
    "/alerts": Action.ALERTS_READ,
    "/alerts?format=json": Action.ALERTS_READ,
    "/incidents": Action.INCIDENTS_READ,
    "/people": Action.ACCOUNTS_READ,
    "/oversight": Action.OVERSIGHT_READ,
    "/looks": Action.LOOKS_READ,
    "/longer-looks": Action.LOOKS_ASK,
}

FORMS = {
    "/alerts/{alert}/acknowledge": Action.ALERTS_TRIAGE,
    "/alerts/{alert}/judge": Action.ALERTS_TRIAGE,
    "/alerts/{alert}/note": Action.ALERTS_TRIAGE,
    "/alerts/{alert}/assign": Action.ALERTS_TRIAGE,
    "/alerts/{alert}/hour": Action.ALERTS_TRIAGE,
    "/alerts/{alert}/incident": Action.INCIDENTS_WRITE,
    "/alerts/{alert}/close-for-all": Action.ALERTS_TRIAGE,
    "/alerts/{alert}/open-again": Action.ALERTS_TRIAGE,
    "/alerts/{alert}/name": Action.NAMES_REVEAL,
    "/alerts/{alert}/write-name": Action.NAMES_WRITE,
    "/incidents": Action.INCIDENTS_WRITE,
    "/incidents/1": Action.INCIDENTS_WRITE,
    "/incidents/1/state": Action.INCIDENTS_WRITE,
    "/incidents/1/export": Action.INCIDENTS_EXPORT,
    "/incidents/1/longer-looks": Action.LOOKS_ASK,
    "/longer-looks/1/show": Action.LOOKS_ASK,
    "/longer-looks/1/answer": Action.LOOKS_GRANT,
    "/proposals/1/withdraw": Action.CHANGES_PROPOSE,
    "/proposals/1/settle": Action.CHANGES_PROPOSE,
    "/people/invite": Action.ACCOUNTS_MANAGE,
    "/people/withdraw": Action.ACCOUNTS_MANAGE,
    "/people/99/roles": Action.ACCOUNTS_MANAGE,
    "/people/99/close": Action.ACCOUNTS_MANAGE,
    "/people/99/reset": Action.ACCOUNTS_MANAGE,
    "/people/99/second-step": Action.ACCOUNTS_MANAGE,
    "/people/99/key": Action.NAMES_REVEAL,
}


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_opens_the_pages_of_the_table_and_no_other(pages, role):
    await pages.alert()
    async with pages.logged_in(role) as browser:
        for path, action in PAGES.items():
            answer = await browser.get(path)
            assert answer.status_code == (200 if may({role}, action) else 403), path
        first = (await browser.get("/")).text
        for path, action in PAGES.items():
            if "?" not in path and path.count("/") == 1 and path not in {"/", "/looks", "/longer-looks"}:
                assert (f'href="{path}"' in first) is may({role}, action), path


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_sends_the_forms_of_the_table_and_no_other(pages, role):
    number = await pages.alert()
    async with pages.logged_in(role) as browser:
        for path, action in FORMS.items():
            answer = await submit(browser, path.format(alert=number), {}, page="/account")
            refused = answer.status_code == 403 and "not for your role" in answer.text
            assert refused is not may({role}, action), (path, answer.status_code)


@pytest.mark.parametrize("role", [role for role in ROLES if not may({role}, Action.ALERTS_READ)])
async def test_what_a_role_may_not_see_is_in_no_page_of_theirs(pages, role):
    breach = await pages.breach(host="harm.test", category="self_harm", theme="self-harm", terms="my words", person=77)
    number = await pages.alert(breach, subject="person:77")
    async with pages.logged_in(role) as browser:
        for path in (*PAGES, f"/alerts/{number}", "/incidents/101"):
            page = (await browser.get(path)).text
            for word in ("harm.test", "my words", f"Alert {number}", "Person 77", pages.called(77, "dsl")):
                assert word not in page, (path, word)


async def test_every_page_is_open_or_marked_with_an_action(pages):
    marked = {}
    for route in pages.app.routes:
        for handler in getattr(route, "route_handlers", ()):
            if handler.handler_name != "options_handler" and not handler.opt.get(OPEN):
                marked[route.path, *sorted(handler.http_methods)] = handler.opt.get(ACTION)
    assert [where for where, action in marked.items() if not isinstance(action, Action)] == []
    assert {path.partition("?")[0] for path in PAGES} <= {where[0] for where in marked}
