"""Acknowledging from outside: a real server with nothing but that page."""

import contextlib
import socket

import httpx
import pytest
from sqlalchemy import select

from reporting import links
from reporting.accounts import token_digest
from reporting.alert_models import AlertLinkRow
from reporting.alert_rules import DAY
from reporting.case_models import AlertEventRow
from reporting.models import AlertRow
from reporting.web.app import furnished
from reporting.web.guard import pupils_network
from reporting.web.offsite import create_offsite
from tests.support.staff_pages import CODES, PASSWORD, UNUSED_TLS, served, submit

AT = 1_800_000_000_000_000_000


@pytest.fixture
async def outside(pages):
    """The pages of a school, and a browser at the address for acknowledging."""
    office = furnished(
        live=pages.live,
        database=pages.database,
        accounts=pages.accounts,
        sessions=pages.folder / "others",
        secure=False,
        now_ns=lambda: AT,
    )
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        host = f"127.0.0.1:{listener.getsockname()[1]}"
        app = create_offsite(office, hosts=(host,), refuses=pupils_network(pages.live))
        async with (
            served(app, listener),
            httpx.AsyncClient(base_url=f"http://{host}", verify=UNUSED_TLS, trust_env=False) as browser,
        ):
            yield browser


async def linked(pages, token="a-token", role="dsl", **columns):
    number = await pages.alert(**columns)
    async with pages.database.writing() as session:
        row = AlertLinkRow(
            token_sha256=token_digest(token), alert=1, role=role, created_ns=AT, expires_ns=AT + DAY, used_ns=None
        )
        session.add(row)
    return number


async def alert_of(pages):
    async with pages.database.reading() as session:
        return await session.get_one(AlertRow, 1)


async def say_seen(browser, pages, token="a-token", name="dee", password=PASSWORD, code=None):
    """Fill in the form; without a *code*, with one of the recovery codes of *name*, if there are any."""
    codes = CODES.get((pages.url, name)) or [""]
    given = codes.pop() if code is None else code
    return await submit(browser, links.PATH + token, {"name": name, "password": password, "code": given})


async def test_whoever_the_alert_is_for_acknowledges_it_with_name_and_password_and_sees_nothing_of_it(pages, outside):
    account = await pages.person("dee", "dsl")
    number = await linked(pages)
    form = await outside.get(links.PATH + "a-token")
    assert str(number) not in form.text
    assert "self-harm" not in form.text.casefold()
    answer = await say_seen(outside, pages)
    assert answer.status_code == 200
    assert f"Alert {number} is acknowledged" in answer.text
    row = await alert_of(pages)
    assert (row.state, row.acknowledged_by, row.acknowledged_ns) == ("acknowledged", account.id, AT)


async def test_opening_the_link_acknowledges_nothing(pages, outside):
    await linked(pages)
    for _ in range(3):
        assert (await outside.get(links.PATH + "a-token")).status_code == 200
    assert (await alert_of(pages)).state == "open"


@pytest.mark.parametrize(
    ("token", "roles", "password"),
    [
        ("a-token", ("technician",), PASSWORD),
        ("a-token", ("headteacher",), PASSWORD),
        ("a-token", ("dsl",), "wrong horse battery"),
        ("another", ("dsl",), PASSWORD),
    ],
)
async def test_whatever_is_wrong_the_answer_is_the_same(pages, outside, token, roles, password):
    await pages.person("dee", *roles)
    await linked(pages)
    answer = await say_seen(outside, pages, token, password=password)
    assert answer.status_code == 403
    assert "That did not work" in answer.text
    assert (await alert_of(pages)).state == "open"


async def test_what_is_about_staff_is_the_chairs_where_head_and_dsl_are_one_person(pages, outside):
    await pages.person("dee", "dsl", "headteacher")
    await linked(pages, audience="headteacher", profile="staff")
    assert (await say_seen(outside, pages)).status_code == 403
    await pages.person("chris", "chair")
    assert (await say_seen(outside, pages, name="chris")).status_code == 200


@pytest.mark.parametrize("code", ["", "000000", "abcd-efgh"])
async def test_without_the_code_of_the_second_step_it_does_nothing(pages, outside, code):
    await pages.person("dee", "dsl")
    await linked(pages)
    answer = await say_seen(outside, pages, code=code)
    assert answer.status_code == 403
    assert (await alert_of(pages)).state == "open"


async def test_it_is_in_the_alerts_history(pages, outside):
    account = await pages.person("dee", "dsl")
    await linked(pages)
    await say_seen(outside, pages)
    async with pages.database.reading() as session:
        (event,) = await session.scalars(select(AlertEventRow))
    assert (event.alert, event.account, event.what) == (1, account.id, "acknowledged")


async def test_it_works_once_and_tells_whoever_used_it_the_same_again(pages, outside):
    await pages.person("dee", "dsl")
    await pages.person("dora", "deputy")
    await linked(pages)
    assert (await say_seen(outside, pages)).status_code == 200
    before = await alert_of(pages)
    assert "is acknowledged" in (await say_seen(outside, pages)).text
    assert (await say_seen(outside, pages, name="dora")).status_code == 403
    async with pages.database.reading() as session:
        assert len(list(await session.scalars(select(AlertEventRow)))) == 1
    assert (await alert_of(pages)).acknowledged_ns == before.acknowledged_ns


async def test_the_name_stays_in_the_form_when_something_was_wrong_and_nothing_else_does(pages, outside):
    await linked(pages)
    answer = await say_seen(outside, pages, name="O'Hara", password="wrong horse battery", code="123456")
    assert 'value="O&#39;Hara"' in answer.text
    assert "wrong horse" not in answer.text
    assert "123456" not in answer.text


async def test_after_some_failures_one_has_to_wait(pages, outside):
    await linked(pages)
    answers = [(await say_seen(outside, pages, password=f"guess number {n}")).status_code for n in range(12)]
    assert answers[0] == 403
    assert answers[-1] == 429


@pytest.mark.parametrize("path", ["/", "/alerts", "/breaches", "/log-in", "/enrol"])
async def test_nothing_else_is_there(outside, path):
    assert (await outside.get(path)).status_code == 404


async def test_a_form_without_our_token_is_refused(pages, outside):
    await pages.person("dee", "dsl")
    await linked(pages)
    answer = await outside.post(links.PATH + "a-token", data={"name": "dee", "password": PASSWORD})
    assert answer.status_code == 403
    assert (await alert_of(pages)).state == "open"
