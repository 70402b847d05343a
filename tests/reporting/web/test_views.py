"""Searches that somebody keeps, and the live tail."""

import re
import time

from reporting.web import query, views
from tests.support.staff_pages import submit

FORGET = re.compile(r'action="(/views/\d+/forget)"')


async def kept(browser, name, asked):
    return await submit(browser, "/views", {"name": name, "query": asked}, page="/tokens")


async def test_a_search_is_kept_found_again_and_forgotten(pages):
    async with pages.logged_in("technician") as browser:
        answer = await kept(browser, "Bypass <b>", "category=bypass&profile=ks3&nonsense=1")
        assert answer.headers["location"] == "/breaches?profile=ks3&category=bypass"
        page = (await browser.get("/breaches")).text
        assert '<a href="/breaches?profile=ks3&amp;category=bypass">Bypass &lt;b&gt;</a>' in page
        async with pages.logged_in("technician") as other:
            assert "Bypass" not in (await other.get("/breaches")).text, "a view is its maker's"
            assert (await submit(other, FORGET.search(page)[1], {}, page="/tokens")).status_code == 404
        await submit(browser, FORGET.search(page)[1], {}, page="/breaches")
        assert "Bypass" not in (await browser.get("/breaches")).text


async def test_a_view_of_the_same_name_replaces_the_other(pages):
    async with pages.logged_in("technician") as browser:
        for category in ("bypass", "gambling"):
            await kept(browser, "Mine", f"category={category}")
        page = (await browser.get("/breaches")).text
        assert len(FORGET.findall(page)) == 1
        assert "category=gambling" in page


async def test_what_narrows_nothing_or_has_no_name_is_not_kept_and_there_are_not_too_many(pages, monkeypatch):
    monkeypatch.setattr(views, "MOST", 2)
    async with pages.logged_in("technician") as browser:
        for name, asked in (("", "host=a"), ("Empty", ""), ("Odd", "nonsense=1"), ("x", "=" * 5000)):
            await kept(browser, name, asked)
        assert FORGET.findall((await browser.get("/breaches")).text) == []
        for number in range(4):
            await kept(browser, f"v{number}", f"host={number}")
        assert len(FORGET.findall((await browser.get("/breaches")).text)) == 2


def test_a_query_is_read_leniently():
    assert query.fields_of("a=1&a=2&b=%26&c") == {"a": "1", "b": "&"}
    assert query.fields_of("&".join(f"f{n}=1" for n in range(99))) == {}


async def test_the_tail_tells_of_new_entries_that_fit_and_that_one_may_find(pages):
    await pages.breach(host="old.test")
    async with pages.logged_in("technician") as browser:

        async def news(above, **asked):
            return (await browser.get("/breaches/newest", params={"above": above, **asked})).json()

        newest = (await news(0))["newest"]
        assert await news(newest) == {"newest": newest, "fresh": 0}
        await pages.breach(host="games.test", at_ns=time.time_ns() - 10**15)  # a gateway that was offline for days
        assert (await news(newest))["fresh"] == 1
        assert (await news(newest, host="games"))["fresh"] == 1
        assert (await news(newest, host="other"))["fresh"] == 0
        await pages.breach(host="harm.test", category="self_harm", theme="self-harm")
        assert (await news(newest, host="harm"))["fresh"] == 0, "what is held shows in no search"
        for above in ("-1", "x", "9" * 40):
            assert (await news(above))["newest"] > newest


async def test_the_tail_keeps_no_session_alive(tmp_path):
    from tests.support.staff_pages import running

    clock = [time.time_ns()]
    async with running(tmp_path, now_ns=lambda: clock[0]) as pages, pages.logged_in("technician") as browser:
        for _ in range(4):
            clock[0] += 10 * 60 * 10**9
            answer = await browser.get("/breaches/newest")
        assert answer.status_code == 303, "forty minutes without anybody there"
