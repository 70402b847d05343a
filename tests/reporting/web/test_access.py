"""Coming in and going out."""

import itertools
import logging

import httpx
from sqlalchemy import delete

from reporting.models import AccountRow
from reporting.people_models import AccountEventRow
from reporting.web.attempts import FIRST_WAIT, FREE
from tests.support.staff_pages import PASSWORD, TOKEN, TOKEN_FIELD, log_in, running, submit

ENROLMENT = {"enrolment": TOKEN, "name": "Ann", "password": PASSWORD, "again": PASSWORD}


async def test_before_any_account_every_door_leads_to_the_enrolment(pages):
    async with pages.browser(follow_redirects=True) as browser:
        answer = await browser.get("/breaches")
        assert answer.url.path == "/enrol"
        assert 'href="/log-in"' not in answer.text, "there is nothing to log in to"


async def test_a_form_that_is_open_while_the_pages_are_started_again_still_works(tmp_path):
    for folder in ("before", "after"):
        (tmp_path / folder).mkdir()
    async with (
        running(tmp_path / "before", pseudonym_key=b"k" * 32) as before,
        running(tmp_path / "after", pseudonym_key=b"k" * 32) as after,
        before.browser() as browser,
    ):
        await after.token(TOKEN, "technician")
        token = TOKEN_FIELD.search((await browser.get("/enrol")).text)[1]
        made = await browser.post(f"{after.url}/enrol", data={**ENROLMENT, "_csrf_token": token})
        assert made.status_code == 303, made.text


async def test_the_token_makes_the_first_account_once_and_logs_it_in(pages):
    await pages.token(TOKEN, "technician,dsl")
    async with pages.browser() as browser:
        made = await submit(browser, "/enrol", ENROLMENT)
        assert (made.status_code, made.headers["location"]) == (303, "/")
        assert (await browser.get("/")).headers["location"] == "/account/second-step"
    async with pages.browser() as another:
        again = await submit(another, "/enrol", {**ENROLMENT, "name": "Bob"})
        assert again.status_code == 400
        assert "not valid" in again.text
        assert (await another.get("/")).status_code == 303


async def test_a_second_token_makes_a_second_account_with_its_own_role(pages):
    await pages.person("ann", "technician")
    await pages.token(TOKEN, "governor")
    async with pages.browser() as browser:
        form = (await browser.get("/enrol")).text
        assert "Make an account" in form
        assert 'href="/log-in"' in form, "whoever has an account finds the way"
        assert 'href="/enrol"' in (await browser.get("/log-in")).text
        assert (await submit(browser, "/enrol", {**ENROLMENT, "name": "Bob"})).status_code == 303
        assert '>Bob</a><span class="roles"><span class="heard">, </span>governor' in (await browser.get("/")).text


async def test_an_enrolment_that_cannot_be_says_why_and_makes_no_account(pages):
    await pages.token(TOKEN, "technician")
    wrong = (
        ({"enrolment": "guess"}, "not valid"),
        ({"again": PASSWORD + "x"}, "differ"),
        ({"password": "short", "again": "short"}, "at least 12"),
        ({"name": ""}, "name"),
        ({"name": "a\x00\x1b[31m"}, "ordinary characters"),
    )
    async with pages.browser() as browser:
        for change, words in wrong:
            answer = await submit(browser, "/enrol", {**ENROLMENT, **change})
            assert answer.status_code == 400, change
            assert words in answer.text
            assert PASSWORD not in answer.text
    assert not await pages.accounts.exist()


async def test_tokens_cannot_be_guessed_for_long(pages):
    async with pages.browser() as browser:
        for _ in range(FREE):
            assert (await submit(browser, "/enrol", {**ENROLMENT, "enrolment": "guess"})).status_code == 400
        await pages.token(TOKEN, "technician")
        assert (await submit(browser, "/enrol", ENROLMENT)).status_code == 429
    assert not await pages.accounts.exist()


async def test_a_form_that_could_make_no_account_is_no_try(pages):
    await pages.token(TOKEN, "technician")
    async with pages.browser() as browser:
        for _ in range(FREE):
            await submit(browser, "/enrol", {**ENROLMENT, "password": "short", "again": "short"})
        assert (await submit(browser, "/enrol", ENROLMENT)).status_code == 303


async def test_a_log_in_leads_to_the_page_that_was_asked_for(pages):
    await pages.person("ann", "dsl")
    async with pages.browser() as browser:
        asked = await browser.get("/alerts/12")
        assert asked.headers["location"] == "/log-in?after=/alerts/12"
        form = await browser.get(asked.headers["location"])
        assert 'value="/alerts/12"' in form.text
        assert (await log_in(browser, "Ann", after="/alerts/12")).headers["location"] == "/alerts/12"


async def test_a_log_in_leads_nowhere_else(pages):
    await pages.person("ann", "dsl")
    strange = ("//evil.test", "https://evil.test/", "/alerts/1\r\nx: evil", "/alerts/../evil", "/\\evil.test")
    async with pages.browser() as browser:
        for after in strange:
            assert (await log_in(browser, "ann", after=after)).headers["location"] == "/"
            page = await browser.get("/log-in", params={"after": after})
            assert "evil" not in page.text


async def test_a_wrong_name_and_a_wrong_password_are_answered_alike(pages):
    await pages.person("ann", "dsl")
    async with pages.browser() as browser:
        for name, password in (("ann", "wrong password!"), ("nobody", PASSWORD), ("", ""), ("\x00", "\x00")):
            answer = await log_in(browser, name, password)
            assert answer.status_code == 403
            assert "The name or the password is not right" in answer.text
            assert "schoolgate" not in browser.cookies


async def test_too_many_failures_make_the_right_password_wait_too(pages):
    await pages.person("ann", "dsl")
    async with pages.browser() as browser:
        for _ in range(FREE):
            assert (await log_in(browser, "ann", "wrong password!")).status_code == 403
        answer = await log_in(browser, "ann")
        assert answer.status_code == 429
        assert "wait a minute" in answer.text
        assert (await browser.get("/")).status_code == 303


async def test_a_name_that_was_tried_from_elsewhere_waits_however_it_is_written(pages):
    await pages.person("ann", "dsl")
    elsewhere = {"transport": httpx.AsyncHTTPTransport(local_address="127.0.0.9")}
    async with pages.browser(**elsewhere) as guesser, pages.browser() as browser:
        for name in ("ann", "Ann", " ann", "ANN ", "ann"):
            assert (await log_in(guesser, name, "wrong password!")).status_code == 403
        assert (await log_in(browser, "ann")).status_code == 429
        assert (await log_in(browser, "bob")).status_code == 403, "only the name waits"


async def test_a_failed_log_in_is_in_the_log_without_the_password_and_with_a_name_made_plain(pages, caplog):
    planted = "ann\r\nplanted line\x1b[31m\u202e" + "y" * 80
    await pages.person("ann", "dsl")
    async with pages.browser() as browser:
        for _ in range(FREE):
            await log_in(browser, planted, "wrong password!")
    said = [record for record in caplog.records if record.name == "schoolgate.web"]
    assert [record.levelno for record in said] == [logging.WARNING] * (FREE + 1)
    assert f"wait {FIRST_WAIT:.0f} seconds" in said[-1].getMessage()
    for line in (record.getMessage() for record in said):
        assert "wrong password" not in line
        assert line.isprintable()
        assert "y" * 40 not in line
        assert "127.0.0.1" in line


async def test_a_failed_enrolment_is_in_the_log_without_token_and_password(pages, caplog):
    async with pages.browser() as browser:
        await submit(browser, "/enrol", {**ENROLMENT, "enrolment": "guessed-token"})
    [line] = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert "failed enrolment with the name 'Ann' from 127.0.0.1" in line
    assert "guessed-token" not in caplog.text
    assert PASSWORD not in caplog.text


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(pages):
    await pages.person("ann", "dsl")
    async with pages.browser() as browser:
        answer = await log_in(browser, "ann")
    [header] = [h for h in answer.headers.get_list("set-cookie") if h.startswith("schoolgate=")]
    assert "HttpOnly" in header
    assert "SameSite=strict" in header
    assert "Path=/" in header
    assert "Secure" not in header
    assert "Domain" not in header


async def test_with_tls_both_cookies_are_secure_and_of_this_host_only(tmp_path):
    async with running(tmp_path, secure=True) as pages:
        await pages.person("ann", "dsl")
        async with pages.browser() as browser:
            form = await browser.get("/log-in")
            [first] = form.headers.get_list("set-cookie")
            assert first.startswith("__Host-schoolgate-form=")
            assert "Secure" in first
            cookies = {"cookie": first.partition(";")[0]}
            fields = {"name": "ann", "password": PASSWORD, "_csrf_token": TOKEN_FIELD.search(form.text)[1]}
            answer = await browser.post("/log-in", data=fields, headers=cookies)
            assert answer.status_code == 303
            [second] = answer.headers.get_list("set-cookie")
            assert second.startswith("__Host-schoolgate=")
            assert "Secure" in second


async def test_a_planted_session_key_is_not_taken_over(pages):
    await pages.person("ann", "dsl")
    async with pages.browser(cookies={"schoolgate": "planted"}) as browser:
        answer = await log_in(browser, "ann")
        assert answer.cookies["schoolgate"] != "planted"
    async with pages.browser(cookies={"schoolgate": "planted"}) as attacker:
        assert (await attacker.get("/")).status_code == 303


async def test_logging_in_again_ends_the_session_before(pages):
    async with pages.logged_in("dsl") as browser:
        first = browser.cookies["schoolgate"]
        await pages.person("ann", "dsl")
        await log_in(browser, "ann")
        assert browser.cookies["schoolgate"] != first
    async with pages.browser(cookies={"schoolgate": first}) as old:
        assert (await old.get("/")).status_code == 303


async def test_a_log_out_ends_the_session_on_the_server(pages):
    async with pages.logged_in("dsl") as browser:
        key = browser.cookies["schoolgate"]
        answer = await submit(browser, "/log-out", {}, page="/")
        assert answer.headers["location"] == "/log-in"
        assert "schoolgate" not in browser.cookies
    async with pages.browser(cookies={"schoolgate": key}) as kept:
        assert (await kept.get("/")).status_code == 303


async def test_a_removed_account_is_out_at_once_even_if_its_number_is_given_again(pages):
    await pages.token(TOKEN, "technician")
    await pages.accounts.enrol(TOKEN, "left", PASSWORD)
    async with pages.browser() as browser:
        await log_in(browser, "left")
        assert (await browser.get("/")).status_code == 200
        async with pages.database.writing() as session:
            await session.execute(delete(AccountEventRow))
            await session.delete(await session.get_one(AccountRow, 1))
        await pages.person("stays", "dsl")
        assert (await browser.get("/")).headers["location"] == "/log-in"


async def test_a_form_without_our_token_changes_nothing(pages):
    async with pages.logged_in("dsl") as browser:
        tokens = ({}, {"_csrf_token": ""}, {"_csrf_token": "0" * 128})
        paths = ("/log-in", "/enrol", "/log-out", "/alerts/1/acknowledge")
        for path, token in itertools.product(paths, tokens):
            await browser.get("/")
            answer = await browser.post(path, data=token)
            assert answer.status_code == 403
            assert "reload that page" in answer.text
        assert (await browser.get("/")).status_code == 200


async def test_a_form_from_before_a_restart_is_refused_once_and_then_heals(pages):
    await pages.person("ann", "dsl")
    async with pages.browser() as browser:
        browser.cookies.set("schoolgate-form", "a" * 128, domain="127.0.0.1")
        assert (await log_in(browser, "ann")).status_code == 403
        assert (await log_in(browser, "ann")).status_code == 303


async def test_a_form_that_is_too_long_is_refused(pages):
    await pages.person("ann", "dsl")
    async with pages.browser() as browser:
        answer = await log_in(browser, "ann", "x" * 200_000)
        assert answer.status_code == 413
        assert "too much" in answer.text


def part(field, value, kind="text/plain"):
    """A part of a multipart form, its boundary being "b"."""
    head = f'--b\r\nContent-Disposition: form-data; name="{field}"\r\nContent-Type: {kind}\r\n\r\n'
    return head.encode() + value + b"\r\n"


URLENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"
UNREADABLE = (
    (MULTIPART, part("name", b"x", "text/plain; charset=nope") + b"--b--\r\n"),
    (MULTIPART, part("name", b"+2AA-", "text/plain; charset=utf-7") + b"--b--\r\n"),
    (MULTIPART, part("name", b"ann") + part("password", PASSWORD.encode()) + b"--b--\r\n"),
    (MULTIPART, b"--b\r\nbroken"),
    ("multipart/form-data", b"no boundary"),
    (f"{URLENCODED}; charset=nope", b"name=ann&password=x"),
    (URLENCODED, b"name=%zz&password=x"),
    (URLENCODED, b"name=%ff&password=x"),
    (URLENCODED, b"name=%ED%A0%80&password=x"),
    (URLENCODED, b"name=\xff&password=x"),
    (URLENCODED, b"name=ann&name=bob&password=x"),
    (URLENCODED, b"name"),
    (URLENCODED, b"&".join(b"f%d=x" % number for number in range(5000))),
    ("application/json", b'{"name": "ann"}'),
    ("application/x-msgpack", b"\x81"),
    ("", b"name=ann&password=x"),
)


async def test_a_form_that_cannot_be_read_is_a_page_in_plain_words_and_no_fault_of_ours(pages, caplog):
    async with pages.browser() as browser:
        await pages.person("ann", "dsl")
        token = TOKEN_FIELD.search((await browser.get("/log-in")).text)[1]
        for path, (kind, body) in itertools.product(("/log-in", "/enrol"), UNREADABLE):
            answer = await browser.post(path, content=body, headers={"content-type": kind, "x-csrftoken": token})
            assert (answer.status_code, "could not be read" in answer.text) == (400, True), (path, kind, body[:80])
    assert "Traceback" not in caplog.text
    assert "A page failed" not in caplog.text


async def test_a_form_that_cannot_be_read_is_refused_without_a_token_too_whatever_the_method(pages, caplog):
    async with pages.browser() as browser:
        for method, (kind, body) in itertools.product(("GET", "POST"), UNREADABLE[:5]):
            answer = await browser.request(method, "/log-in", content=body, headers={"content-type": kind})
            assert answer.status_code == 400, (method, kind)
    assert "Traceback" not in caplog.text


async def test_a_log_in_by_a_form_that_cannot_be_read_counts_as_a_try(pages, caplog):
    await pages.person("ann", "dsl")
    too_much = ((URLENCODED, b"name=" + b"x" * 70_000), 413)
    async with pages.browser() as browser:
        for (kind, body), status in [((MULTIPART, b"x"), 400)] * (FREE - 1) + [too_much]:
            assert (await browser.post("/log-in", content=body, headers={"content-type": kind})).status_code == status
        assert (await log_in(browser, "ann")).status_code == 429
    assert caplog.text.count("from 127.0.0.1 came as a form that cannot be read") == FREE


async def test_somebody_elses_page_cannot_use_up_the_tries_of_the_person_before_it(pages):
    await pages.person("ann", "dsl")
    async with pages.browser() as browser:
        for origin in ("https://evil.test", "null") * FREE:
            strange = {"content-type": MULTIPART, "origin": origin}
            assert (await browser.post("/log-in", content=b"x", headers=strange)).status_code == 400
        assert (await log_in(browser, "ann")).status_code == 303


async def test_a_link_from_a_mail_offers_to_carry_on(pages):
    await pages.person("ann", "dsl")
    async with pages.browser() as browser:
        from_mail = {"sec-fetch-site": "cross-site"}
        offered = await browser.get("/log-in", params={"after": "/alerts/7"}, headers=from_mail)
        assert '<a href="/alerts/7">' in offered.text
        plain = await browser.get("/log-in", params={"after": "/alerts/7"})
        assert '<a href="/alerts/7">' not in plain.text


async def test_every_page_but_the_open_ones_wants_a_log_in(pages):
    await pages.person("ann", "dsl")
    async with pages.browser() as browser:
        for path in ("/", "/breaches", "/breaches?format=json", "/alerts", "/alerts/1"):
            answer = await browser.get(path)
            assert answer.status_code == 303
            assert answer.headers["location"].startswith("/log-in")
        for path in ("/log-in", "/style.css", "/icon.svg"):
            assert (await browser.get(path)).status_code == 200


async def test_an_idle_session_ends(tmp_path):
    now = [1_800_000_000 * 10**9]
    async with running(tmp_path, now_ns=lambda: now[0]) as pages, pages.logged_in("dsl") as browser:
        now[0] += 29 * 60 * 10**9
        assert (await browser.get("/")).status_code == 200
        now[0] += 30 * 60 * 10**9
        assert (await browser.get("/")).status_code == 303


async def test_two_log_ins_of_one_person_stand_side_by_side(pages):
    await pages.person("ann", "dsl")
    async with pages.browser() as one, pages.browser() as two:
        await log_in(one, "ann")
        await log_in(two, "ann")
        answers: list[httpx.Response] = [await one.get("/"), await two.get("/")]
    assert [a.status_code for a in answers] == [200, 200]
