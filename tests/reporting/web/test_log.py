"""The breach log."""

import html
import itertools
import re
import time

from blocklists.live import Files, Live
from blocklists.rulebook import Severity
from reporting.web.log import PAGE
from tests.support.staff_pages import running

SECOND = 10**9
OUR_SCRIPTS = re.compile(r'<script src="/(log|writing)\.js" defer></script>')
HASH = "c0ffee" * 10
SELF_HARM = {
    "host": "harm.test", "path": "/forum", "rule": "harm.test", "category": "self_harm", "theme": "self-harm",
    "severity": Severity.URGENT, "list": "self-harm",
}  # fmt: skip
SEALED = {
    "host": "", "rule": HASH, "reason": "sealed", "category": "illegal", "theme": "illegal", "list": "iwf",
    "severity": Severity.ILLEGAL,
}  # fmt: skip


async def entries(browser, **query):
    """The entries of the log as JSON."""
    answer = await browser.get("/breaches", params={"format": "json", **query})
    assert answer.status_code == 200
    return answer.json()["entries"]


async def test_an_entry_is_shown_in_the_page_and_in_json(pages):
    await pages.breach(host="gambling.test", path="/slots", at_ns=1_782_896_400 * SECOND, count=4, address="10.20.0.9")
    async with pages.logged_in("technician") as browser:
        page = (await browser.get("/breaches")).text
        [entry] = await entries(browser)
    for words in (
        "gambling.test",
        "/slots",
        "Stopped",
        "Gambling",
        "Years 3 to 6",
        "10.20.0.9",
        "3 more like it",
        "NOTE",
    ):
        assert words in page
    assert "Wed 1 Jul 2026, 10:00:00" in page, "times are the school's"
    shown = {"host": "gambling.test", "path": "/slots", "at": "2026-07-01T09:00:00Z", "severity": "NOTE", "repeats": 3}
    assert shown.items() <= entry.items()


async def test_a_flood_is_shown_as_what_it_stands_for(pages):
    await pages.breach(host="a.test", samples="b.test c.test", flood=True, count=4_313, rule="", list="")
    async with pages.logged_in("technician") as browser:
        page = (await browser.get("/breaches")).text
        [entry] = await entries(browser)
    assert "and 4,312 more of category Gambling, loot boxes, crypto trading" in html.unescape(page)
    assert "for example also b.test, c.test" in page
    assert (entry["flood"], entry["repeats"], entry["samples"]) == (True, 4_312, ["b.test", "c.test"])


async def test_a_flood_without_a_category_is_more_of_the_same_kind(pages):
    await pages.breach(host="a.test", flood=True, count=5, category="", reason="unknown")
    async with pages.logged_in("technician") as browser:
        assert "and 4 more of the same kind" in (await browser.get("/breaches")).text


async def test_the_other_names_of_a_run_are_shown_and_found(pages):
    await pages.breach(host="a.gambling.test", samples="b.gambling.test <b>x", count=5)
    async with pages.logged_in("technician") as browser:
        page = (await browser.get("/breaches")).text
        [entry] = await entries(browser, host="b.gambling")
    assert "also b.gambling.test, &lt;b&gt;x" in page
    assert entry["flood"] is False


async def test_the_other_names_of_a_run_are_held_where_its_first_is(pages):
    await pages.breach(**SELF_HARM, samples="other.harm.test", count=5)
    async with pages.logged_in("technician") as browser:
        page = (await browser.get("/breaches")).text
        [entry] = await entries(browser)
        assert await entries(browser, host="other") == []
    assert "harm.test" not in page + str(entry)


SCANNED = {"host": "bets.test", "path": "/welcome", "reason": "category", "rule": "score 166 of 100", "list": ""}
EVIDENCE = {"evidence": "online casino +60, <b>no deposit bonus +60"}


async def test_a_page_that_was_closed_for_its_words_says_which(pages):
    await pages.breach(**SCANNED, extra=EVIDENCE)
    await pages.breach(host="other.test")
    async with pages.logged_in("technician") as browser:
        page = (await browser.get("/breaches")).text
        shown = {entry["host"]: entry["evidence"] for entry in await entries(browser)}
    assert page.count("Phrases on the page") == 1
    assert "online casino +60, &lt;b&gt;no deposit bonus +60" in page
    assert shown == {"bets.test": EVIDENCE["evidence"], "other.test": ""}


async def test_the_words_of_a_page_are_held_with_its_site(pages):
    await pages.breach(**SELF_HARM, extra={"evidence": "secret phrase +100"})
    async with pages.logged_in("technician") as technician, pages.logged_in("dsl") as dsl:
        assert "secret phrase" not in (await technician.get("/breaches")).text
        assert [entry["evidence"] for entry in await entries(technician)] == [None]
        assert "secret phrase +100" in (await dsl.get("/breaches")).text


async def test_evidence_of_another_shape_is_shown_as_text_and_not_without_end(pages):
    await pages.breach(**SCANNED, extra={"evidence": ["x" * 9_999]})
    async with pages.logged_in("technician") as browser:
        [entry] = await entries(browser)
    assert entry["evidence"].startswith("['x")
    assert len(entry["evidence"]) < 400


async def test_a_concern_says_that_a_theme_was_found_and_by_which_phrases_to_whom_it_is_for(pages):
    await pages.breach(**{**SELF_HARM, "kind": "concern", "reason": "unknown", "rule": "phrase one, phrase two"})
    async with pages.logged_in("technician") as technician, pages.logged_in("dsl") as dsl:
        for browser, told in ((technician, False), (dsl, True)):
            page = (await browser.get("/breaches")).text
            assert "Words of a theme were found" in page
            assert ("phrase one, phrase two" in page) is told


async def test_a_search_is_narrowed_to_a_day_or_the_week_by_one_click(tmp_path):
    now = 1_774_785_600 * SECOND  # Sunday 29 March 2026, 13:00 in London, the day on which the clocks went forward
    ages = {"now.test": 1, "then.test": 14 * 3600, "week.test": 6 * 86_400, "old.test": 8 * 86_400}
    async with running(tmp_path, now_ns=lambda: now) as pages:
        for host, age in ages.items():
            await pages.breach(host=host, at_ns=now - age * SECOND)
        async with pages.logged_in("technician") as browser:
            page = (await browser.get("/breaches?host=.test&since=2020-01-01T00:00")).text
            found = {}
            for address, words in re.findall(
                r'<a href="(/breaches\?[^"]*)">(today|yesterday|the last seven days)</a>', page
            ):
                answer = await browser.get(html.unescape(address) + "&format=json")
                found[words] = [entry["host"] for entry in answer.json()["entries"]]
    assert found == {
        "today": ["now.test"],
        "yesterday": ["then.test"],
        "the last seven days": ["now.test", "then.test", "week.test"],
    }


async def test_an_empty_log_says_so_and_an_empty_answer_says_another_thing(pages):
    async with pages.logged_in("technician") as browser:
        empty = (await browser.get("/breaches")).text
        assert "Nothing has been recorded yet" in empty
        assert "as JSON" not in empty
        assert "Nothing matches" in (await browser.get("/breaches", params={"host": "x"})).text


async def test_a_pupils_theme_is_held_for_the_dsl_in_both_forms(pages):
    await pages.breach(**SELF_HARM)
    for role in ("technician", "headteacher", "chair"):
        async with pages.logged_in(role) as browser:
            page = (await browser.get("/breaches")).text
            [entry] = await entries(browser)
        assert "held for the DSL" in page, role
        assert "harm.test" not in page + str(entry)
        assert "/forum" not in page
        assert (entry["held"], entry["host"], entry["path"], entry["rule"]) == ("held for the DSL", None, None, None)


async def test_the_dsl_reads_a_pupils_theme(pages):
    await pages.breach(**SELF_HARM)
    async with pages.logged_in("technician", "dsl") as browser:
        [entry] = await entries(browser)
        assert (entry["host"], entry["path"], entry["held"]) == ("harm.test", "/forum", "")
        assert "harm.test" in (await browser.get("/breaches")).text


HOLDERS = (
    (("dsl",), "staff", "held for the headteacher"),
    (("technician",), "office", "held for the headteacher"),
    (("headteacher",), "staff", ""),
    (("headteacher", "dsl"), "staff", "held for the headteacher"),
    (("chair",), "staff", "held for the headteacher"),
    (("dsl",), "no-longer-a-profile", "held for the headteacher"),
    (("dsl",), "byod", ""),
)


async def test_staff_themes_are_the_headteachers(pages):
    for roles, profile, held in HOLDERS:
        await pages.breach(**{**SELF_HARM, "theme": "radicalisation", "profile": profile})
        async with pages.logged_in(*roles) as browser:
            [entry, *_] = await entries(browser, profile=profile)
            found = await entries(browser, profile=profile, host="harm")
        assert (roles, entry["held"]) == (roles, held)
        assert (entry["host"] is None) is bool(held)
        assert bool(found) is not bool(held)


async def test_where_headteacher_and_dsl_are_one_person_staff_themes_are_the_chairs(pages):
    await pages.breach(**{**SELF_HARM, "theme": "radicalisation", "profile": "staff"})
    for roles in (("headteacher", "dsl"), ("technician",), ("chair",)):
        async with pages.logged_in(*roles) as browser:
            [entry] = await entries(browser)
            found = await entries(browser, host="harm")
        held = "" if roles == ("chair",) else "held for the chair of governors"
        assert (roles, entry["held"], bool(found)) == (roles, held, not held)


UNWATCHED = (
    (("technician",), "staff", "held for the headteacher"),
    (("dsl",), "staff", "held for the headteacher"),
    (("headteacher",), "staff", ""),
    (("headteacher", "dsl"), "staff", "held for the headteacher"),
    (("technician",), "visitor", "held for the DSL"),
    (("headteacher",), "visitor", "held for the DSL"),
    (("dsl",), "visitor", ""),
)


async def test_a_category_with_a_theme_is_held_even_where_the_profile_is_not_watched(pages):
    for roles, profile, held in UNWATCHED:
        await pages.breach(**{**SELF_HARM, "theme": "", "severity": Severity.NONE, "profile": profile})
        async with pages.logged_in(*roles) as browser:
            [entry, *_] = await entries(browser, profile=profile)
            found = await entries(browser, profile=profile, host="harm")
            page = (await browser.get("/breaches", params={"profile": profile})).text
        assert (roles, entry["held"]) == (roles, held)
        assert (entry["host"] is None) is (entry["rule"] is None) is ("harm.test" not in page) is bool(held)
        assert bool(found) is not bool(held)


UNTOLD = {**SELF_HARM, "theme": "", "severity": Severity.NONE}


async def test_without_a_policy_whatever_has_a_category_is_held(tmp_path):
    nothing = Live(Files(state=tmp_path / "empty", keys=tmp_path, spool=tmp_path))
    async with running(tmp_path, live=nothing) as pages:
        for profile in ("staff", "visitor", "ks2"):
            await pages.breach(**{**UNTOLD, "profile": profile})
        await pages.breach(host="harmless.test", category="", reason="unknown")
        async with pages.logged_in("technician") as browser:
            shown = await entries(browser)
            found = await entries(browser, host="harm")
            page = (await browser.get("/breaches")).text
    assert [entry["held"] for entry in shown] == ["", *["held for the headteacher"] * 3]
    assert [entry["host"] for entry in found] == ["harmless.test"]
    assert "harm.test" not in page


async def test_a_category_that_the_policy_no_longer_knows_is_held(pages):
    await pages.breach(**{**UNTOLD, "category": "renamed_since", "profile": "staff"})
    async with pages.logged_in("technician") as browser:
        [entry] = await entries(browser)
        assert (entry["held"], entry["host"]) == ("held for the headteacher", None)
        assert await entries(browser, host="harm") == []


async def test_malware_is_the_technicians(pages):
    await pages.breach(host="bad.test", category="malware", theme="malware")
    async with pages.logged_in("technician") as browser:
        assert [(e["host"], e["held"]) for e in await entries(browser, host="bad")] == [("bad.test", "")]


async def test_a_sealed_hit_shows_list_hash_time_and_client_and_no_more_to_anybody(pages):
    await pages.breach(**{**SEALED, "host": "leaked.test", "path": "/leaked"})
    for roles in (("dsl",), ("technician",), ("headteacher",), ("technician", "dsl", "headteacher", "chair")):
        async with pages.logged_in(*roles) as browser:
            page = (await browser.get("/breaches")).text
            [entry] = await entries(browser)
            assert not await entries(browser, host="leaked")
        assert "leaked" not in page + str(entry)
        assert (entry["list"], entry["address"]) == ("iwf", "10.20.0.7")
        assert entry["rule"] == (HASH if roles == ("dsl",) or "chair" in roles else None)


async def test_a_search_by_site_is_no_way_to_guess_what_is_held(pages):
    await pages.breach(**SELF_HARM)
    await pages.breach(host="harmless.test")
    async with pages.logged_in("technician") as technician, pages.logged_in("dsl") as dsl:
        for part in ("harm", "harm.test", "ha%", "%", "_arm"):
            hosts = {entry["host"] for entry in await entries(technician, host=part)}
            assert hosts <= {"harmless.test"}, part
            page = (await technician.get("/breaches", params={"host": part, "severity": "URGENT"})).text
            assert "held for the DSL" not in page
        assert {e["host"] for e in await entries(dsl, host="harm")} == {"harm.test", "harmless.test"}
        both = await entries(technician, host="harm", category="self_harm")
        assert both == []


async def test_the_signs_of_a_pattern_are_taken_as_they_are(pages):
    for host in ("a_b.test", "axb.test", "100%.test"):
        await pages.breach(host=host)
    async with pages.logged_in("technician") as browser:
        assert [e["host"] for e in await entries(browser, host="a_b")] == ["a_b.test"]
        assert [e["host"] for e in await entries(browser, host="%")] == ["100%.test"]
        assert [e["host"] for e in await entries(browser, host="AXB")] == ["axb.test"]
        assert await entries(browser, host="' OR 1=1 --") == []


FILTERS = (
    ({"kind": "concern"}, "concern.test"),
    ({"profile": "ks4"}, "older.test"),
    ({"category": "shopping"}, "shop.test"),
    ({"severity": "URGENT"}, "urgent.test"),
    ({"severity": "urgent"}, "urgent.test"),
    ({"source": "proxy"}, "proxy.test"),
    ({"address": "10.20.9.9"}, "address.test"),
    ({"address": "::ffff:10.20.9.9"}, "address.test"),
    ({"since": "2026-07-01T10:00", "until": "2026-07-01T10:01"}, "time.test"),
    ({"host": "ERS"}, "others.test"),
)


async def test_each_filter_narrows_the_log(pages):
    rows = (
        {"host": "concern.test", "kind": "concern"},
        {"host": "older.test", "profile": "ks4"},
        {"host": "shop.test", "category": "shopping"},
        {"host": "urgent.test", "severity": Severity.URGENT},
        {"host": "proxy.test", "source": "proxy"},
        {"host": "address.test", "address": "10.20.9.9"},
        {"host": "time.test", "at_ns": 1_782_896_400 * SECOND},
        {"host": "before.test", "at_ns": 1_782_896_399 * SECOND},
        {"host": "others.test"},
    )
    for row in rows:
        await pages.breach(**row)
    async with pages.logged_in("technician") as browser:
        for query, found in FILTERS:
            assert [entry["host"] for entry in await entries(browser, **query)] == [found], query
            page = (await browser.get("/breaches", params=query)).text
            assert found in page
            assert all(value in page for value in query.values()), "the form keeps what was asked"


async def test_a_filter_that_means_nothing_narrows_nothing_and_says_so(pages):
    await pages.breach()
    odd = {
        "since": "yesterday", "until": "9999-12-31T23:59", "kind": "x", "severity": "12", "address": "ten",
        "below": "1-2-3", "nonsense": "1", "format": "xml",
    }  # fmt: skip
    async with pages.logged_in("technician") as browser:
        page = await browser.get("/breaches", params=odd)
        assert page.status_code == 200
        assert "gambling.test" in page.text
        assert page.text.count('role="alert"') == 5
        assert "The time in “From” was not understood" in page.text
        for below in ("-", "a-b", "9" * 5000 + "-1", "1-" + "9" * 19, "-1--1", "\u0661-\u0662"):
            assert (await browser.get("/breaches", params={"below": below})).status_code == 200


async def test_pages_follow_each_other_without_loss_or_repetition(pages):
    now = time.time_ns()
    ids = [await pages.breach(at_ns=now - number // 3) for number in range(2 * PAGE + 5)]
    async with pages.logged_in("technician") as browser:
        seen, address, sizes = [], "/breaches?format=json&profile=ks2", []
        while address:
            answer = (await browser.get(address)).json()
            seen += [entry["number"] for entry in answer["entries"]]
            sizes.append(len(answer["entries"]))
            address = answer["older"]
            await pages.breach(at_ns=time.time_ns())  # what arrives meanwhile pushes nothing off its page
        first = await browser.get("/breaches")
        assert 'rel="next"' in first.text
        assert "Back to the newest" not in first.text
    assert sorted(seen) == sorted(ids)
    assert sizes == [PAGE, PAGE, 5]


LONG_HOST = f"{'a' * 63}.{'b' * 63}.{'c' * 63}.test"
EVERY_FIELD = {
    "since": "2020-01-01T00:00", "until": "2090-01-01T00:00", "kind": "stopped", "profile": "ks2",
    "category": "gambling", "severity": "NOTE", "source": "dns", "host": LONG_HOST, "address": "10.20.0.7",
}  # fmt: skip
HREF = re.compile(r'<a class="button[^"]*" href="([^"]*)"')


async def test_links_with_every_field_lead_on_in_page_and_json(pages):
    ids = [await pages.breach(host=LONG_HOST) for _ in range(PAGE + 1)]
    async with pages.logged_in("technician") as browser:
        newest = (await browser.get("/breaches", params=EVERY_FIELD)).text
        older, as_json = [html.unescape(address) for address in HREF.findall(newest) if address != "/breaches"]
        assert len(older) > 300
        first = (await browser.get(as_json)).json()
        assert [entry["number"] for entry in first["entries"]] == ids[:0:-1]
        assert [e["number"] for e in (await browser.get(first["older"])).json()["entries"]] == ids[:1]
        last = (await browser.get(older)).text
        assert "1 entry<" in last
        back = html.unescape(HREF.findall(last)[1])
        assert f"{PAGE} entries" in (await browser.get(back)).text


async def test_a_link_that_carries_what_was_asked_is_escaped(pages):
    await pages.breach()
    async with pages.logged_in("technician") as browser:
        page = (await browser.get("/breaches", params={"source": '"><script>&x=' + "'y" * 200})).text
    for address in HREF.findall(page):
        assert not set(html.unescape(address)) & set("<>\"'"), address
    assert "<script" not in OUR_SCRIPTS.sub("", page)


PLANTED = (
    "\x1b[31mred\x1b[0m",
    "[bold]loud[/bold]",
    "moc.elpmaxe\u202egpj",
    "a\x00b",
    "a\r\nSet-Cookie: x=1",
    "=cmd|' /C calc'!A0",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}{% raw %}",
    "\u2066hidden\u2069\ufeff\u200f",
    "x" * 65536,
)


async def test_planted_values_do_no_harm_in_html_and_json(pages):
    for value, where in itertools.product(
        PLANTED, ("host", "path", "rule", "list", "category", "profile", "kind", "reason")
    ):
        await pages.breach(**{"host": "plain.test", where: value})
    async with pages.logged_in("technician") as browser:
        address = "/breaches"
        texts = []
        while address:
            page, answer = await browser.get(address), await browser.get(address, params={"format": "json"})
            for part in (page, answer):
                assert part.status_code == 200
                assert "set-cookie" not in part.headers
                texts.append(part.text)
            older = (await browser.get(f"{address}{'&' if '?' in address else '?'}format=json")).json()["older"]
            address = older and older.replace("&format=json", "").replace("format=json", "")
    for text in texts:
        for bad in "\x1b\x00\u202e\u2066\u2069\ufeff\u200f\r":
            assert bad not in text
            assert f"\\u{ord(bad):04x}" not in text
        assert "x" * 1000 not in text
        assert len(text) < 300_000
    html = "".join(text for text in texts if text.startswith("<!doctype"))
    assert "<script" not in OUR_SCRIPTS.sub("", html)
    assert "<img" not in html
    assert "onerror=alert(1)&gt;" in html
    assert "{{ 7 * 7 }}" in html
    assert "[bold]loud[/bold]" in html
    assert "=cmd|" in html


async def test_planted_values_in_the_query_do_no_harm_either(pages):
    async with pages.logged_in("technician") as browser:
        for value in PLANTED[:-1]:
            for field in ("host", "kind", "profile", "category", "severity", "source", "since", "address", "below"):
                page = await browser.get("/breaches", params={field: value})
                assert page.status_code == 200
                assert "<script" not in OUR_SCRIPTS.sub("", page.text)
                assert "<img" not in page.text
                assert not set("\x1b\x00\u202e\u2066") & set(page.text)
