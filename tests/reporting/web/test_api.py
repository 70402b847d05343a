"""The API for scripts, and its tokens."""

import logging
import re

from sqlalchemy import select

from blocklists.rulebook import Severity
from reporting.log_models import ApiTokenRow
from reporting.models import AccountRow
from reporting.web import api
from tests.support.staff_pages import submit

SELF_HARM = {
    "host": "harm.test", "path": "/forum", "rule": "harm.test", "category": "self_harm", "theme": "self-harm",
    "severity": Severity.URGENT, "list": "self-harm", "terms": "planted words",
}  # fmt: skip
MADE = re.compile(r"<code>(schoolgate_[\w-]+)</code>")


async def token(pages, browser, role="technician", name="backup script"):
    page = await submit(browser, "/tokens", {"name": name, "role": role})
    assert page.status_code in {200, 201}, page.text
    return MADE.search(page.text)[1]


def shown(token):
    return {"authorization": f"Bearer {token}"}


async def test_a_script_reads_the_log_with_a_token_and_without_a_log_in(pages):
    number = await pages.breach(host="games.test")
    async with pages.logged_in("technician") as browser, pages.browser() as script:
        mine = shown(await token(pages, browser))
        page = (await script.get("/api/breaches", params={"host": "games"}, headers=mine)).json()
        assert [entry["number"] for entry in page["entries"]] == [number]
        why = (await script.get(f"/api/breaches/{number}", headers=mine)).json()
        assert why["entry"]["host"] == "games.test"
        assert [step["reached"] for step in why["walked"]["steps"][:2]] == [False, True], "sealed lists take no part"
        walked = (
            await script.get("/api/explain", params={"what": "games.test", "profile": "ks1"}, headers=mine)
        ).json()
        assert walked["action"] == "block"
        assert "Policy and clock" in (await script.get("/api/health", headers=mine)).json()["groups"]


async def test_pages_of_the_api_follow_each_other(pages):
    ids = [await pages.breach(at_ns=10**18 + number) for number in range(5)]
    async with pages.logged_in("technician") as browser:
        seen, below = [], ""
        while below is not None:
            page = (await browser.get("/api/breaches", params={"size": 2, "below": below})).json()
            seen += [entry["number"] for entry in page["entries"]]
            below = page["older"]
    assert seen == ids[::-1]


async def test_what_a_role_may_not_read_is_not_in_the_api(pages):
    number = await pages.breach(**SELF_HARM)
    for role, reads in (("technician", False), ("headteacher", False), ("chair", False), ("dsl", True)):
        async with pages.logged_in(role) as browser, pages.browser() as script:
            mine = shown(await token(pages, browser, role=role))
            for path in ("/api/breaches", f"/api/breaches/{number}", "/api/breaches?host=harm"):
                for answer in (await browser.get(path), await script.get(path, headers=mine)):
                    assert answer.status_code == 200
                    body = answer.text.replace("host=harm", "")
                    for planted in ("harm.test", "/forum", "planted words"):
                        assert (planted in body) is reads, (role, path, planted)


async def test_a_token_reads_as_its_role_and_not_as_its_maker(pages):
    await pages.breach(**SELF_HARM)
    async with pages.logged_in("technician", "dsl") as browser, pages.browser() as script:
        narrow = shown(await token(pages, browser, role="technician"))
        assert "harm.test" in (await browser.get("/api/breaches")).text
        assert "harm.test" not in (await script.get("/api/breaches", headers=narrow)).text


async def test_who_is_headteacher_and_dsl_gets_no_token_that_reads_more_about_staff(pages):
    await pages.breach(**{**SELF_HARM, "profile": "staff"})
    async with pages.logged_in("headteacher"), pages.logged_in("headteacher", "dsl") as both, pages.browser() as script:
        mine = shown(await token(pages, both, role="headteacher"))
        assert "harm.test" not in (await both.get("/api/breaches")).text
        assert "harm.test" not in (await script.get("/api/breaches", headers=mine)).text


async def test_nobody_makes_a_token_of_a_role_that_is_not_theirs(pages):
    async with pages.logged_in("technician") as browser:
        for form in ({"name": "x", "role": "dsl"}, {"name": "", "role": "technician"}, {"name": "x", "role": "root"}):
            answer = await submit(browser, "/tokens", form)
            assert answer.status_code == 400, form
            assert not MADE.search(answer.text)


async def test_a_token_is_kept_as_a_hash_and_shown_once(pages):
    async with pages.logged_in("technician") as browser:
        made = await token(pages, browser)
        assert made not in (await browser.get("/tokens")).text
    async with pages.database.reading() as session:
        [row] = list(await session.scalars(select(ApiTokenRow)))
    assert made not in f"{row.sha256} {row.name}"


async def test_a_token_ends_when_it_is_revoked_or_its_maker_loses_the_role_or_goes(pages):
    async with pages.logged_in("technician") as browser, pages.browser() as script:
        first, second, third = [shown(await token(pages, browser, name=name)) for name in "abc"]
        async with pages.database.reading() as session:
            key = (await session.scalar(select(ApiTokenRow.sha256).where(ApiTokenRow.name == "a")))[:16]
        await submit(browser, f"/tokens/{key}/revoke", {}, page="/tokens")
        assert (await script.get("/api/health", headers=first)).status_code == 401
        assert (await script.get("/api/health", headers=second)).status_code == 200
        again = await submit(browser, f"/tokens/{key}/revoke", {}, page="/tokens")
        assert again.status_code == 404
        async with pages.database.writing() as session:
            (await session.scalar(select(AccountRow))).roles = "chair"
        assert (await script.get("/api/health", headers=third)).status_code == 401


async def test_a_token_ends_when_its_makers_account_is_closed_or_must_choose_a_new_password(pages):
    await pages.person("another", "technician")  # the last one cannot be closed
    for what in ("close", "reset"):
        async with pages.logged_in("headteacher") as head, pages.logged_in("technician", "auditor") as browser:
            mine = shown(await token(pages, browser))
            async with pages.browser() as script:
                assert (await script.get("/api/breaches", headers=mine)).status_code == 200
                number = max(person.id for person in await people_of(pages))
                done = await submit(head, f"/people/{number}/{what}", {}, page=f"/people/{number}")
                assert done.status_code in {200, 201, 303}
                assert (await script.get("/api/breaches", headers=mine)).status_code == 401, what


async def people_of(pages):
    async with pages.database.reading() as session:
        return list(await session.scalars(select(AccountRow)))


async def test_another_role_ends_nobody_elses_token(pages):
    async with pages.logged_in("dsl") as dsl, pages.logged_in("chair") as chair:
        mine = shown(await token(pages, dsl, role="dsl"))
        async with pages.database.reading() as session:
            key = (await session.scalar(select(ApiTokenRow.sha256)))[:16]
        for guess in (key, key[:1], "%" * 16, "_" * 16):
            assert (await submit(chair, f"/tokens/{guess}/revoke", {}, page="/tokens")).status_code in {400, 404}
        assert (await dsl.get("/api/health", headers=mine)).status_code == 200


async def test_without_a_token_that_holds_the_answer_is_401_in_json(pages):
    async with pages.browser() as script:
        for headers in ({}, shown("schoolgate_wrong"), {"authorization": "Basic eDp5"}):
            answer = await script.get("/api/breaches", headers=headers)
            assert answer.status_code == 401, headers
            assert "token" in answer.json()["error"]


async def test_a_token_opens_nothing_but_the_api(pages):
    async with pages.logged_in("technician") as browser, pages.browser() as script:
        mine = shown(await token(pages, browser))
        for path in ("/breaches", "/breaches.csv", "/health", "/tokens"):
            assert (await script.get(path, headers=mine)).status_code == 303, path
        assert (await script.post("/api/breaches", headers=mine)).status_code in {403, 405}


async def test_what_cannot_be_answered_is_said_in_json(pages):
    async with pages.logged_in("technician") as browser:
        for path, status in (
            ("/api/breaches/99", 404),
            ("/api/nothing", 404),
            ("/api/breaches?size=0", 400),
            ("/api/breaches?size=x", 400),
            ("/api/explain?what=..&profile=ks2", 400),
            ("/api/explain?profile=ks2", 400),
        ):
            answer = await browser.get(path)
            assert answer.status_code == status, path
            assert answer.json()["error"], path


async def test_the_openapi_document_describes_the_api_and_nothing_else(pages):
    async with pages.logged_in("technician") as browser:
        document = (await browser.get("/api/openapi.json")).json()
    looks = {"/api/longer-looks", "/api/longer-looks/{number}"}
    assert set(document["paths"]) == {"/api/breaches", "/api/breaches/{number}", "/api/explain", "/api/health"} | looks
    names = {one["name"] for one in document["paths"]["/api/breaches"]["get"]["parameters"]}
    assert {"host", "person", "below", "size"} <= names
    assert "BreachPage" in str(document["components"]["schemas"].keys())
    async with pages.browser() as stranger:
        assert (await stranger.get("/api/openapi.json")).status_code == 401


async def test_planted_values_are_plain_in_the_api(pages):
    await pages.breach(host="a\x1b[31m\u202eb.test", list="x\x00y")
    async with pages.logged_in("technician") as browser:
        text = (await browser.get("/api/breaches")).text
    assert "\u202e" not in text
    assert "\\u001b" not in text
    assert "\\u0000" not in text


def test_describing_the_api_leaves_the_log_of_the_process_alone():
    root = logging.getLogger()
    before = root.level, list(root.handlers)
    api._described.cache_clear()
    api._described()
    assert (root.level, root.handlers) == before
