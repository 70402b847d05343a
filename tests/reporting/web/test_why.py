"""Why an entry is there, and what can be done about it."""

import html
import re

import msgspec
import pytest
from sqlalchemy import select

from blocklists import defaults, snapshot
from blocklists.rulebook import Severity
from reporting.log_models import MarkRow, ProposalRow
from tests.support.staff_pages import submit

SELF_HARM = {
    "host": "harm.test", "path": "/forum", "rule": "harm.test", "category": "self_harm", "theme": "self-harm",
    "severity": Severity.URGENT, "list": "self-harm", "extra": {"evidence": "planted words"},
}  # fmt: skip
SEALED = {
    "host": "leaked.test", "rule": "c0ffee", "reason": "sealed", "category": "illegal", "theme": "illegal",
    "severity": Severity.ILLEGAL, "list": "iwf",
}  # fmt: skip


async def test_the_order_is_walked_with_rule_and_list(pages):
    number = await pages.breach(host="gambling.test", path="/slots", list="gambling", rule="gambling.test")
    async with pages.logged_in("technician") as browser:
        page = html.unescape((await browser.get(f"/breaches/{number}")).text)
    for words in ("gambling.test", "/slots", "policy version 1", "list gambling", "Always open", "Profile rule"):
        assert words in page, words
    assert page.count('class="passed"') + page.count('class="answered"') + page.count('class="below"') >= 9
    assert page.count('class="answered"') == 1


async def test_a_held_entry_shows_no_site_no_rule_and_no_step(pages):
    number = await pages.breach(**SELF_HARM)
    async with pages.logged_in("technician") as browser:
        page = (await browser.get(f"/breaches/{number}")).text
        for planted in ("harm.test", "/forum", "planted words", 'class="order"'):
            assert planted not in page
        assert "held for the DSL" in page
        for path, form in (("mark", {"as": "mistake"}), ("propose", {"profile": "ks2", "why": "x"})):
            answer = await submit(browser, f"/breaches/{number}/{path}", form, page="/tokens")
            assert answer.status_code == 404, path
    async with pages.logged_in("dsl") as browser:
        page = (await browser.get(f"/breaches/{number}")).text
        assert "harm.test" in page
        assert "planted words" in page
        assert "you share the name" in page


async def test_a_sealed_entry_is_explained_to_nobody(pages):
    number = await pages.breach(**SEALED)
    async with pages.logged_in("technician", "dsl", "headteacher", "chair") as browser:
        page = (await browser.get(f"/breaches/{number}")).text
        assert "leaked.test" not in page
        assert 'class="order"' not in page
        answer = await submit(browser, f"/breaches/{number}/propose", {"profile": "ks2", "why": "x"}, page="/tokens")
        assert answer.status_code == 404


async def test_what_is_not_there_is_not_found(pages):
    async with pages.logged_in("technician") as browser:
        for number in ("0", "99", "9" * 30, "-1"):
            assert (await browser.get(f"/breaches/{number}")).status_code == 404, number
        assert (await browser.get("/breaches/x")).status_code == 404


async def test_explain_as_says_what_another_profile_meets(pages):
    async with pages.logged_in("technician") as browser:
        for profile, words in (("ks1", "Closed"), ("staff", "Open")):
            page = (await browser.get("/explain", params={"what": "nothing-known.test", "profile": profile})).text
            assert f"<strong>{words}</strong>" in page
        page = await browser.get(
            "/explain", params={"what": "https://a.test/x", "profile": "ks2", "at": "2027-01-11T10:00"}
        )
        assert "Mon 11 Jan 2027, 10:00" in page.text
        for query, words in (
            ({"what": "a.test", "profile": "nobody"}, "no such profile"),
            ({"what": "..", "profile": "ks2"}, "no name and no web address"),
            ({"what": "a.test", "profile": "ks2", "at": "soon"}, "time was not understood"),
        ):
            assert words in (await browser.get("/explain", params=query)).text, query
        assert (await browser.get("/explain")).status_code == 200


async def test_an_entry_is_marked_and_the_mark_taken_away(pages):
    number = await pages.breach(host="maths.test")
    await pages.breach(host="other.test")
    async with pages.logged_in("technician") as browser:
        path = f"/breaches/{number}"
        await submit(browser, f"{path}/mark", {"as": "mistake", "note": "<b>homework"}, page=path)
        page = (await browser.get(path)).text
        assert "marked it as a false positive" in page
        assert "&lt;b&gt;homework" in page
        marked = (await browser.get("/breaches", params={"marked": "yes", "format": "json"})).json()["entries"]
        assert [entry["host"] for entry in marked] == ["maths.test"]
        assert marked[0]["marked"] is True
        await submit(browser, f"{path}/mark", {"as": "right"}, page=path)
        async with pages.database.reading() as session:
            assert list(await session.scalars(select(MarkRow))) == []


async def test_a_proposal_waits_and_opens_nothing(pages):
    number = await pages.breach(host="maths.test")
    async with pages.logged_in("technician") as browser:
        path = f"/breaches/{number}"
        for _ in range(2):
            await submit(browser, f"{path}/propose", {"profile": "ks2", "why": "for Year 5"}, page=path)
        page = (await browser.get("/proposals")).text
        assert page.count("maths.test</a>") == 1
        assert "for Year 5" in page
        assert "1 proposal" in (await browser.get("/")).text or "One proposal" in (await browser.get("/")).text
        async with pages.database.reading() as session:
            [row] = list(await session.scalars(select(ProposalRow)))
        assert (row.host, row.profile, row.state, row.breach) == ("maths.test", "ks2", "open", number)
        async with pages.logged_in("technician") as other:
            refused = await submit(other, f"/proposals/{row.id}/withdraw", {}, page="/tokens")
            assert refused.status_code == 404
        await submit(browser, f"/proposals/{row.id}/withdraw", {}, page="/proposals")
        assert "withdrawn" in (await browser.get("/proposals")).text


async def proposed(pages, browser):
    """A proposal that *browser* has made; its id."""
    path = f"/breaches/{await pages.breach(host='maths.test')}"
    await submit(browser, f"{path}/propose", {"profile": "ks2", "why": "for Year 5"}, page=path)
    async with pages.database.reading() as session:
        return await session.scalar(select(ProposalRow.id))


@pytest.mark.parametrize("outcome", ["done", "declined"])
async def test_somebody_else_settles_a_proposal_and_says_why(pages, outcome):
    async with pages.logged_in("technician") as browser, pages.logged_in("headteacher") as head:
        path = f"/proposals/{await proposed(pages, browser)}/settle"
        sent = {"outcome": outcome, "answer": "Not for Year 5: <b>adverts</b>."}
        assert "Settle it" not in (await browser.get("/proposals")).text
        assert "Settle it" in (await head.get("/proposals")).text
        assert (await submit(head, path, sent, page="/proposals")).status_code == 303
        page = (await browser.get("/proposals")).text
        assert re.search(rf"{outcome}<small>headteacher\d+, .*Not for Year 5: &lt;b&gt;adverts", page)
        assert "proposal waits" not in (await browser.get("/")).text


async def test_nobody_settles_their_own_proposal_nor_one_without_a_word_or_twice(pages):
    async with pages.logged_in("technician") as browser, pages.logged_in("dsl") as dsl:
        path = f"/proposals/{await proposed(pages, browser)}/settle"
        good = {"outcome": "declined", "answer": "Adverts."}
        assert (await submit(browser, path, good, page="/proposals")).status_code == 404
        for bad in ({**good, "answer": " "}, {**good, "outcome": "open"}):
            answer = await submit(dsl, path, bad, page="/proposals")
            assert (answer.status_code, "Nothing is settled yet" in answer.text) == (400, True)
        assert (await submit(dsl, path, good, page="/proposals")).status_code == 303
        async with pages.logged_in("headteacher") as head:
            late = await submit(head, path, {"outcome": "done", "answer": "It is open."}, page="/alerts")
        assert (late.status_code, "Somebody was first" in late.text) == (409, True)
        assert "It is open." not in late.text


async def test_a_proposal_that_the_policy_has_opened_waits_no_longer(pages):
    rulebook = defaults.rulebook("Harbour Primary")
    ks2 = msgspec.structs.replace(rulebook.profiles["ks2"], allow=("maths.test",))
    opened = msgspec.structs.replace(rulebook, profiles={**rulebook.profiles, "ks2": ks2})
    number = await pages.breach(host="maths.test")
    async with pages.logged_in("technician") as browser:
        path = f"/breaches/{number}"
        await submit(browser, f"{path}/propose", {"profile": "ks2", "why": "for Year 5"}, page=path)
        page = (await browser.get("/proposals")).text
        assert "waits" in page
        assert "profiles.ks2" in page
        snapshot.write(pages.live.files.policy, opened, version=4, written_ns=2)
        pages.live.refresh()
        assert "open by now" in (await browser.get("/proposals")).text
        assert "proposal waits" not in (await browser.get("/")).text


async def test_a_proposal_without_a_reason_or_for_nobody_is_none(pages):
    number = await pages.breach()
    async with pages.logged_in("technician") as browser:
        path = f"/breaches/{number}"
        for form in ({"profile": "ks2", "why": " "}, {"profile": "nobody", "why": "x"}, {}):
            await submit(browser, f"{path}/propose", form, page=path)
    async with pages.database.reading() as session:
        assert list(await session.scalars(select(ProposalRow))) == []


async def test_what_changes_something_wants_the_forms_token(pages):
    number = await pages.breach()
    async with pages.logged_in("technician") as browser:
        for path in (f"/breaches/{number}/mark", f"/breaches/{number}/propose", "/views", "/tokens"):
            answer = await browser.post(path, data={"as": "mistake", "why": "x", "profile": "ks2", "name": "x"})
            assert answer.status_code == 403, path
    async with pages.browser() as stranger:
        for path in (f"/breaches/{number}", "/explain", "/proposals", "/health", "/tokens", "/breaches.csv"):
            answer = await stranger.get(path)
            assert answer.headers["location"].startswith("/log-in"), path
