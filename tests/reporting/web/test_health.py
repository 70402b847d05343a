"""The health page: what is well, what is not, and what to do."""

import asyncio
import contextlib
import datetime
import re
import time
from pathlib import Path

import pytest
import trustme

from blocklists import stored
from reporting import backups
from reporting.models import JournalRow
from reporting.web import alarms, scraping
from reporting.web.machine import Machine
from tests.support.answering import answering
from tests.support.staff_pages import JOURNAL, running

HOUR = 3600 * 10**9

FRONT_DOOR = (
    "# HELP schoolgate_peek_connections_total x\n"
    "schoolgate_peek_connections_total 100.0\nschoolgate_peek_spliced_total 60.0\n"
    'schoolgate_peek_handed_over_total{profile="a"} 10.0\nschoolgate_peek_handed_over_total{profile="b"} 20.0\n'
    "schoolgate_peek_refused_total 1e+01\n"
)


async def looked_at(tmp_path, machine, **options):
    async with running(tmp_path, machine=machine, **options) as pages, pages.logged_in("technician") as browser:
        found = (await browser.get("/api/health")).json()
        return found["groups"], found["coverage"], (await browser.get("/health")).text


async def test_processes_that_answer_and_one_that_does_not(tmp_path):
    async with (
        answering(FRONT_DOOR) as door,
        answering("schoolgate_dns_failures_total 3\n") as dns,
        answering("", status="500 No") as broken,
    ):
        places = {"Front door 0": door, "DNS 0": dns, "Worker 0": ("127.0.0.1", 9), "Worker 1": broken}
        groups, coverage, page = await looked_at(tmp_path, Machine(processes=places))
    good = {line["what"]: line["good"] for line in groups["Processes"]}
    assert good == {"Front door 0": True, "DNS 0": False, "Worker 0": False, "Worker 1": False}
    assert coverage == {"spliced": 60, "opened": 30, "refused": 10}
    for words in ("60%", "30%", "10%", "does not answer", "3 questions failed here since it started"):
        assert words in page


async def test_what_is_amiss_with_a_process_is_said_in_words_with_what_to_do(tmp_path):
    several = "schoolgate_peek_no_worker_total 1\nschoolgate_peek_failures_total 2\nschoolgate_dns_failures_total 1\n"
    async with answering(several) as door:
        groups, _, _ = await looked_at(tmp_path, Machine(processes={"Front door 0": door}))
    [line] = groups["Processes"]
    assert "1 connection was closed, as no worker took it since it started" in line["says"]
    assert "2 connections failed here" in line["says"]
    assert line["todo"].count("See its log.") == 1
    assert "workers are well" in line["todo"]


async def test_what_was_refused_is_not_well_until_it_is_mended(tmp_path):
    refused = "schoolgate_config_refused_total 2\nschoolgate_snapshots_refused_total 1\n"
    now = refused + "schoolgate_config_outdated 1\nschoolgate_snapshots_outdated 1\n"
    mended = refused + "schoolgate_config_outdated 0\nschoolgate_snapshots_outdated 0\n"
    async with answering(now) as bad, answering(mended) as good:
        groups, _, _ = await looked_at(tmp_path, Machine(processes={"DNS 0": bad, "DNS 1": good}))
    first, second = groups["Processes"]
    assert "1 configuration was refused, and the one before it is in force" in first["says"]
    assert "1 policy or index was refused" in first["says"]
    assert (second["good"], second["says"]) == (True, "answers")


async def test_a_dns_process_whose_resolvers_are_all_silent_is_not_well(tmp_path):
    resolvers = 'schoolgate_dns_upstream_alive{{upstream="0"}} 0.0\nschoolgate_dns_upstream_alive{{upstream="1"}} {}\n'
    async with answering(resolvers.format("0.0")) as silent, answering(resolvers.format("1.0")) as one:
        groups, _, _ = await looked_at(tmp_path, Machine(processes={"DNS 0": silent, "DNS 1": one}))
    first, second = groups["Processes"]
    assert (first["good"], second["good"]) == (False, True)
    assert "no name can be looked up" in first["says"]
    assert "dns.upstream" in first["todo"]


def test_each_alarm_of_a_process_is_one_on_the_page():
    rows = Path("docs/reference/metrics.md").read_text(encoding="utf-8").splitlines()
    theirs = {row.split("`")[1] for row in rows if row.endswith("**alarm** |")}
    elsewhere = re.compile("schoolgate_(reporting_|list_|sealed_|clock_|proxy_signer_)")
    assert set(alarms.ALARMS) == {name for name in theirs if not elsewhere.match(name)}


@pytest.mark.parametrize(
    ("workers", "good", "says"),
    [
        ((), False, "no worker says how it is"),
        ((0, 0), True, "answers"),
        ((1, 1), False, "does not answer"),
        ((0, 1), False, "does not answer 1 of 2 workers"),
    ],
)
async def test_the_signer_is_as_well_as_the_workers_say(tmp_path, workers, good, says):
    async with contextlib.AsyncExitStack() as stack:
        places = {"Worker 9": ("127.0.0.1", 9)}
        for number, silent in enumerate(workers):
            places[f"Worker {number}"] = await stack.enter_async_context(
                answering(f"schoolgate_proxy_signer_silent {silent}.0\n")
            )
        groups, _, page = await looked_at(tmp_path, Machine(processes=places, signer=True))
    line = groups["Processes"][-1]
    assert (line["what"], line["good"], line["says"]) == ("Signer", good, says)
    assert ("Until it answers" in page) is ("does not answer" in says)


async def test_where_there_is_to_be_no_signer_nothing_is_said_of_one(tmp_path):
    groups, _, _ = await looked_at(tmp_path, Machine())
    assert groups["Processes"] == []
    assert "Backup" not in groups


@pytest.mark.parametrize(
    ("ages", "good", "says"),
    [
        ((), False, "there is none"),
        ((3, 27), True, "made 3 hours ago"),
        ((27, 51), False, "made 1 day ago"),
        ((27, -48), False, "made 1 day ago"),
    ],
)
async def test_the_newest_backup_says_how_old_it_is(tmp_path, ages, good, says):
    folder = tmp_path / "backups"
    folder.mkdir()
    for hours in ages:
        (folder / f"schoolgate-{backups.stamp(time.time_ns() - hours * HOUR - 60 * 10**9)}.db").touch()
    (folder / "notes.txt").touch()
    groups, _, page = await looked_at(tmp_path, Machine(backups=folder))
    [line] = groups["Backup"]
    assert (line["what"], line["good"], line["says"]) == ("Newest backup", good, says)
    assert ("schoolgate backup" in page) is not good


async def test_without_a_front_door_nothing_is_said_of_coverage(tmp_path):
    _, coverage, page = await looked_at(tmp_path, Machine())
    assert coverage is None
    assert "nothing can be said of it" in page


async def test_a_process_that_hangs_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(scraping, "PATIENCE", 0.1)

    async def silent(_reader, writer):
        await asyncio.Event().wait()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        assert await scraping.scrape(server.sockets[0].getsockname()[:2]) is None
        server.close_clients()


async def test_certificates_say_until_when_they_hold(tmp_path):
    authority = trustme.CA()
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=5, hours=1)
    late = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=5)
    for name, ends in (("good", None), ("soon", soon), ("over", late)):
        authority.issue_cert("a.test", not_after=ends).cert_chain_pems[0].write_to_path(str(tmp_path / name))
    (tmp_path / "broken").write_text("no certificate")
    names = ("good", "soon", "over", "broken", "missing")
    folder = tmp_path / "school"
    folder.mkdir()
    groups, _, page = await looked_at(folder, Machine(certificates={name: tmp_path / name for name in names}))
    assert [line["good"] for line in groups["Certificates"]] == [True, False, False, False, False]
    assert "holds for 5 days" in page
    assert "ran out on" in page
    assert str(tmp_path) not in page, "no path of the machine is on a page"


async def test_journals_that_are_behind_silent_or_changed(tmp_path):
    async with running(tmp_path) as pages, pages.logged_in("technician") as browser:
        await pages.breach()

        async def said(**columns):
            async with pages.database.writing() as session:
                row = await session.get(JournalRow, JOURNAL)
                for name, value in columns.items():
                    setattr(row, name, value)
            [line] = (await browser.get("/api/health")).json()["groups"]["Journals"]
            return line

        now = time.time_ns()
        assert (await said())["good"] is True
        assert (await said(heartbeat_ns=now))["good"] is True
        assert "not heard for 10 minutes" in (await said(heartbeat_ns=now - 600 * 10**9))["says"]
        assert "changed" in (await said(heartbeat_ns=now, chain="broken"))["says"]
        (tmp_path / "spool" / JOURNAL).write_bytes(b"x" * 2_000_000)
        assert "2,000,000 bytes wait" in (await said())["says"]
        async with pages.database.writing() as session:
            (await session.get(JournalRow, JOURNAL)).state = "finished"
        [line] = (await browser.get("/api/health")).json()["groups"]["Journals"]
        assert line["says"] == "none is being written"


async def test_a_server_of_the_database_says_how_often_it_was_away(tmp_path, on_server):
    async with running(tmp_path, on_server) as pages, pages.logged_in("technician") as browser:
        pages.database.reach.lost(OSError("gone"))
        async with asyncio.timeout(30):
            while pages.database.reach.away:
                await asyncio.sleep(pages.database.reach.pause)
                found = await browser.get("/api/health")
        (line,) = (line for line in found.json()["groups"]["Journals"] if line["what"] == "Database's server")
    assert (line["good"], line["says"]) == (True, "answers; was away once since reporting started")


async def test_an_old_list_is_named_with_what_to_do(tmp_path):
    (tmp_path / "state").mkdir()
    for name, days in (("fresh", 1), ("old", 30)):
        folder = tmp_path / "state" / "lists" / name
        folder.mkdir(parents=True)
        ns = time.time_ns() - days * 86_400 * 10**9
        (folder / stored.META).write_text(
            f'{{"label": "{name}", "asked": "https://a.test/", "list": "{name}", "since_ns": {ns}, "checked_ns": {ns}}}'
        )
    (tmp_path / "state").rename(tmp_path / "lists-to-be")
    async with running(tmp_path) as pages, pages.logged_in("technician") as browser:
        (tmp_path / "lists-to-be" / "lists").rename(tmp_path / "state" / "lists")
        lines = {line["what"]: line for line in (await browser.get("/api/health")).json()["groups"]["Lists"]}
        assert lines["fresh"]["good"]
        assert not lines["old"]["good"]
        assert "schoolgate lists update" in lines["old"]["todo"]
        today = (await browser.get("/")).text
        assert "known to be the newest 30 days ago" in today, "today says what needs doing"


async def test_disks_say_how_much_room_there_is(tmp_path):
    folder = tmp_path / "school"
    folder.mkdir()
    groups, _, _ = await looked_at(folder, Machine(disks={"Database": tmp_path, "Spool": tmp_path / "missing"}))
    assert "GB of" in groups["Disk"][0]["says"]
    assert groups["Disk"][1]["good"] is False


async def test_a_stranger_sees_no_health(pages):
    async with pages.browser() as stranger:
        assert (await stranger.get("/health")).status_code == 303
