"""Today at a glance."""

import time

from blocklists import defaults, snapshot
from blocklists.clients import Clients
from blocklists.live import Files, Live
from reporting import troubles
from reporting.models import DamagedRow, JournalRow, OutboxRow
from tests.support.staff_pages import JOURNAL, running, submit

NOON = 1_782_903_600 * 10**9  # 2026-07-01 12:00 in London


async def test_the_kinds_stand_apart_and_are_never_added_up(tmp_path):
    async with running(tmp_path, now_ns=lambda: NOON) as pages:
        for kind, times in (("stopped", 11), ("got_through", 13), ("concern", 17)):
            for _ in range(times):
                await pages.breach(kind=kind, at_ns=NOON - 1)
        await pages.breach(kind="stopped", at_ns=NOON - 12 * 3600 * 10**9 - 1)
        async with pages.logged_in("technician") as browser:
            page = (await browser.get("/")).text
    for figure in ("11", "13", "17"):
        assert f'<span class="figure">{figure}</span>' in page
    for total in ("24", "28", "30", "41", "42"):
        assert f">{total}<" not in page
    assert "Wednesday 1 July 2026" in page


async def test_repeats_are_told_beside_the_figure(pages):
    await pages.breach(count=40)
    async with pages.logged_in("technician") as browser:
        page = (await browser.get("/")).text
    assert '<span class="figure">1</span>' in page
    assert "40 requests" in page


async def test_the_mail_outbox_says_how_it_stands(pages):
    async with pages.logged_in("dsl") as browser:
        assert "Every message has gone out" in (await browser.get("/")).text
        number = await pages.alert()
        assert number
        async with pages.database.writing() as session:
            usual = {"alert": 1, "recipient": "dsl", "address": "dsl@school.test", "subject": "s", "body": "b"}
            times = {"created_ns": time.time_ns(), "due_ns": time.time_ns()}
            session.add(OutboxRow(**usual, **times))
        assert "1 message is on the way" in (await browser.get("/")).text
        async with pages.database.writing() as session:
            failed = {"attempts": 3, "last_error": "451 <b>greylisted</b>\x1b[31m"}
            session.add(OutboxRow(**usual, **times, **failed))
        page = (await browser.get("/")).text
    assert "1 of 2 waiting messages could not be sent yet" in page
    assert "451 &lt;b&gt;greylisted" in page
    assert "\x1b" not in page


async def test_the_policy_in_force_is_named(pages):
    async with pages.logged_in("technician") as browser:
        page = (await browser.get("/")).text
    assert "Version 3 is in force" in page
    assert "Harbour Primary" in page


async def test_what_is_amiss_stays_on_the_page(tmp_path):
    notice = "No DSL has confirmed an address yet."
    async with running(tmp_path, notices=(notice,)) as pages, pages.logged_in("technician") as browser:
        assert notice in (await browser.get("/")).text
        async with pages.database.writing() as session:
            session.add(DamagedRow(journal=JOURNAL, offset=1, found_ns=1, reason="damaged: crc", bytes=b""))
            (await session.get_one(JournalRow, JOURNAL)).chain = "broken"
            await troubles.note(session, "rebuilt", "The database was rebuilt.", time.time_ns())
        page = (await browser.get("/")).text
    assert ": The database was rebuilt." in page
    assert "1 piece of the journals could not be read" in page
    assert "1 journal was changed after being written" in page


async def test_open_alerts_stand_before_notices_and_figures(tmp_path):
    async with running(tmp_path, notices=("Somebody cannot be told.",)) as pages, pages.logged_in("dsl") as browser:
        assert "No alert is open" in (await browser.get("/")).text
        number = await pages.alert()
        page = (await browser.get("/")).text
    places = [page.index(words) for words in (f"Alert {number}", "Somebody cannot be told.", 'class="figure"')]
    assert places == sorted(places)
    assert page.count("Waiting for you") == 1


async def test_an_alert_that_nobody_here_may_open_is_told_to_everybody(pages):
    await pages.alert(audience="headteacher", profile="staff", theme="radicalisation")
    async with pages.logged_in("headteacher", "dsl") as browser:
        page = (await browser.get("/")).text
        assert "1 alert can be opened by nobody, as no account has the role that reads it." in page
        await pages.person("chair", "chair")
        assert "opened by nobody" not in (await browser.get("/")).text


async def test_without_a_policy_the_pages_still_open_and_say_so(tmp_path):
    files = Files(state=tmp_path / "empty", keys=tmp_path, spool=tmp_path)
    async with running(tmp_path, live=Live(files)) as pages:
        await pages.breach()
        async with pages.logged_in("technician") as browser:
            assert "No policy is in force" in (await browser.get("/")).text
            assert "10.20.0.7" in (await browser.get("/breaches")).text


async def test_a_new_policy_shows_without_a_restart(pages):
    async with pages.logged_in("technician") as browser:
        snapshot.write(pages.live.files.policy, defaults.rulebook("Hill School"), version=4, written_ns=1)
        snapshot.write(pages.live.files.clients, Clients(), version=2, written_ns=1)
        pages.live.refresh()
        page = (await browser.get("/")).text
    assert "Hill School" in page
    assert "Version 4 is in force" in page


async def test_what_somebody_acknowledged_stays_on_their_first_page_until_they_say_what_they_make_of_it(pages):
    number = await pages.alert()
    async with pages.logged_in("dsl") as dsl, pages.logged_in("deputy") as deputy:
        path = f"/alerts/{number}"
        await submit(dsl, f"{path}/acknowledge", {}, page=path)
        page = (await dsl.get("/")).text
        assert "Taken on by you" in page
        assert f'href="{path}"' in page
        assert f'href="{path}"' not in (await deputy.get("/")).text, "it is somebody else's"
        await submit(dsl, f"{path}/judge", {"judgement": "false"}, page=path)
        assert "Taken on by you" not in (await dsl.get("/")).text
