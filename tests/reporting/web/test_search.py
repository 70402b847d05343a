"""Finding entries: the ways to them, and that no page looks at more than it may."""

import itertools
import time

import pytest
from sqlalchemy import func, select

from blocklists.rulebook import Severity
from reporting import host_search
from reporting.log_models import BreachNameRow
from reporting.models import BreachRow
from reporting.web import search
from reporting.web.pseudonyms import Pseudonyms
from tests.support.staff_pages import TOKEN_FIELD

SECOND = 10**9


@pytest.fixture
def pages(pages_on_each):
    return pages_on_each


async def found(browser, **query):
    answer = await browser.get("/breaches", params={"format": "json", **query})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def hosts(browser, **query):
    return [entry["host"] for entry in (await found(browser, **query))["entries"]]


async def test_a_web_address_is_searched_for_by_its_host(pages):
    await pages.breach(host="maths.test")
    async with pages.logged_in("technician") as browser:
        for text in ("https://maths.test/sums?n=1", "HTTP://Maths.test", "maths.test:443", "maths.test/sums", "ths.te"):
            assert await hosts(browser, host=text) == ["maths.test"], text
        for text in ("https://", "/", "::1", "https://other.test/maths.test"):
            assert await hosts(browser, host=text) == [], text


async def test_a_site_that_is_not_in_the_log_leads_to_what_somebody_would_meet_there(pages):
    async with pages.logged_in("technician") as browser:
        assert 'href="/explain?what=other.test"' in (await browser.get("/breaches?host=other.test")).text


async def test_a_client_a_device_and_a_person_each_have_their_entries(pages):
    now = time.time_ns()
    await pages.breach(host="one.test", address="10.20.1.1", device=41, person=900, at_ns=now)
    await pages.breach(host="two.test", address="10.20.1.2", device=42, person=901, at_ns=now)
    async with pages.logged_in("technician") as browser:
        assert await hosts(browser, address="10.20.1.1") == ["one.test"]
        for text in ("41", "device 41", "Device 41"):
            assert await hosts(browser, device=text) == ["one.test"]
        called = Pseudonyms(b"", pages.live.policy.zone, time.time_ns).called(900, now)
        assert await hosts(browser, person=called) == ["one.test"]
        assert await hosts(browser, person=called.lower().replace("-", "")) == ["one.test"]
        page = (await browser.get("/breaches")).text
        assert called in page
        # a form's token is random digits
        assert "900" not in TOKEN_FIELD.sub("", page), "a person's number is nobody's to read"


async def test_a_pseudonym_of_last_term_finds_only_last_terms_entries(pages):
    now = time.time_ns()
    then = now - 200 * 86_400 * SECOND
    await pages.breach(host="then.test", person=900, at_ns=then)
    await pages.breach(host="now.test", person=900, at_ns=now)
    pseudonyms = Pseudonyms(b"", pages.live.policy.zone, time.time_ns)
    assert pseudonyms.called(900, then) != pseudonyms.called(900, now)
    async with pages.logged_in("technician") as browser:
        assert await hosts(browser, person=pseudonyms.called(900, then)) == ["then.test"]
        assert await hosts(browser, person=pseudonyms.called(900, now)) == ["now.test"]


async def test_what_is_no_device_and_no_pseudonym_is_said(pages):
    await pages.breach()
    async with pages.logged_in("technician") as browser:
        answer = await found(browser, device="laptop", person="Bob")
    assert len(answer["entries"]) == 1
    assert len(answer["problems"]) == 2


async def test_a_rare_thing_is_looked_for_a_piece_at_a_time(pages, monkeypatch):
    monkeypatch.setattr(search, "WALK", 20)
    now = time.time_ns()
    await pages.breach(host="rare.test", category="shopping", profile="ks4", at_ns=now - 10**6)
    for number in range(30):
        await pages.breach(category="shopping", at_ns=now + number)
        await pages.breach(profile="ks4", at_ns=now + number)
    async with pages.logged_in("technician") as browser:
        page = (await browser.get("/breaches", params={"category": "shopping", "profile": "ks4"})).text
        assert "Nothing so far" in page
        assert "Look further back" in page
        seen, address = [], "/breaches?format=json&category=shopping&profile=ks4"
        for _ in range(5):
            answer = (await browser.get(address)).json()
            seen += [entry["host"] for entry in answer["entries"]]
            if not (address := answer["older"]):
                break
    assert seen == ["rare.test"]


@pytest.mark.parametrize("walk", [3, 10_000], ids=["walked", "at once"])
async def test_every_way_finds_the_same(pages, monkeypatch, walk):
    monkeypatch.setattr(search, "WALK", walk)
    monkeypatch.setattr(search, "MOST_NAMES", walk)
    monkeypatch.setattr(search, "STEPS", (2, walk))
    now, wanted = time.time_ns(), []
    fields = {"profile": ("ks2", "ks3"), "category": ("games", "gambling"), "kind": ("stopped", "concern")}
    for number, (profile, category, kind) in enumerate(itertools.product(*fields.values())):
        for host in ("games.test", "news.test"):
            row = {"profile": profile, "category": category, "kind": kind, "severity": Severity(number % 2)}
            wanted.append({**row, "host": host, "id": await pages.breach(host=host, at_ns=now + number, **row)})
    async with pages.logged_in("technician") as browser:
        for query in (
            {"host": "games"},
            {"host": "ne"},
            {"host": "test", "profile": "ks3"},
            {"profile": "ks2", "category": "games", "kind": "concern"},
            {"severity": "NOTE", "category": "gambling"},
        ):
            seen, address = [], str(browser.build_request("GET", "/breaches", params={"format": "json", **query}).url)
            while address:
                answer = (await browser.get(address)).json()
                seen += [entry["number"] for entry in answer["entries"]]
                address = answer["older"]
            exact = {name: value for name, value in query.items() if name != "host"}
            exact = {name: getattr(Severity, value, value) for name, value in exact.items()}
            fits = [
                row["id"]
                for row in wanted
                if query.get("host", "") in row["host"] and all(row[name] == value for name, value in exact.items())
            ]
            assert sorted(seen) == sorted(fits), query
            assert seen == sorted(seen, reverse=True), query


async def test_a_name_is_forgotten_with_its_last_breach(pages):
    first, second = await pages.breach(host="gone.test"), await pages.breach(host="gone.test")
    await pages.breach(host="a.test", samples="other.test more.test")

    async def names():
        async with pages.database.reading() as session:
            return set(await session.scalars(select(BreachNameRow.text)))

    assert await names() == {"gone.test", "a.test", "other.test more.test"}
    for number, left in ((first, True), (second, False)):
        async with pages.database.writing() as session:
            await session.delete(await session.get(BreachRow, number))
            await session.flush()
            await host_search.forget_unused(session)
        assert ("gone.test" in await names()) is left
    async with pages.logged_in("technician") as browser:
        assert await hosts(browser, host="gone") == []
        assert await hosts(browser, host="more") == ["a.test"]


async def test_a_held_name_is_not_even_found_among_the_names(pages):
    """Whether a held site is there shows neither in the answer nor in how much is looked at for it."""
    await pages.breach(host="harm.test", category="self_harm", theme="self-harm")
    async with pages.logged_in("technician") as technician, pages.logged_in("dsl") as dsl:
        assert await hosts(technician, host="harm") == []
        assert await hosts(dsl, host="harm") == ["harm.test"]
    async with pages.database.reading() as session:
        from reporting.web.viewer import viewer

        eyes = viewer(["technician"], pages.live.policy.rulebook, one_person=False)
        assert await host_search.matching(session, "harm", eyes.readable_names(), 10) == ()


async def test_each_reader_finds_the_names_that_they_may_read_and_no_others(pages):
    """The rule for names is the rule for entries: `Viewer.readable_names` and `Viewer.readable` agree."""
    from reporting.web.viewer import viewer

    rows = itertools.product(("", "self-harm", "malware"), ("", "games", "self_harm", "gone"), ("ks2", "staff", "byod"))
    for number, (theme, category, profile) in enumerate(rows):
        await pages.breach(host=f"{number}.test", theme=theme, category=category, profile=profile)
    roles = ("technician", "dsl", "headteacher", "chair")
    for held in (*((role,) for role in roles), ("headteacher", "dsl")):
        for one_person in (False, True):
            eyes = viewer(held, pages.live.policy.rulebook, one_person=one_person)
            async with pages.database.reading() as session:
                entries = set(await session.scalars(select(BreachRow.host).where(eyes.readable())))
                names = set(await session.scalars(select(BreachNameRow.text).where(eyes.readable_names())))
            assert names == entries, held


async def test_a_sealed_hit_leaves_no_name(pages):
    await pages.breach(host="leaked.test", samples="leaked.test", reason="sealed", category="illegal", theme="illegal")
    async with pages.database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(BreachNameRow)) == 0
