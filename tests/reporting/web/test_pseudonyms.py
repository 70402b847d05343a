"""One word for one person on every page that somebody sees, and another for whoever may not read alerts."""

import re

import pytest

from blocklists.rulebook import Severity
from reporting.permissions import ROLES, SAFEGUARDING
from tests.support.staff_pages import submit

REASON = "to find out what happened"
WORD = re.compile(r"Person ([0-9A-Z]{4}-[0-9A-Z]{4})")


async def alert_about(pages, person):
    columns = {"theme": "self-harm", "category": "self_harm", "severity": Severity.URGENT}
    breach = await pages.breach(host="harm.test", person=person, **columns)
    return await pages.alert(breach, subject=f"person:{person}")


async def test_alerts_incidents_their_files_and_the_log_have_one_word_for_a_person(pages):
    path = f"/alerts/{await alert_about(pages, 7)}"
    async with pages.logged_in("dsl") as browser:
        incident = (await submit(browser, f"{path}/incident", {"incident": "new"}, page=path)).headers["location"]
        sent = {"reason": REASON, "kind": "csv"}
        seen = [(await browser.get(page)).text for page in (path, incident, "/breaches")]
        seen.append((await submit(browser, f"{incident}/export", sent, page=incident)).text)
        listed = (await browser.get("/breaches?format=json")).json()["entries"]
        as_json = (await browser.get("/alerts?format=json")).json()["alerts"]
        found = (await browser.get(f"/breaches?format=json&person={listed[0]['person']}")).json()["entries"]
    words = {word for text in seen for word in WORD.findall(text)}
    assert words == {listed[0]["person"]} == {pages.called(7, "dsl")}
    assert as_json[0]["who"] == f"Person {listed[0]['person']}"
    assert [one["host"] for one in found] == ["harm.test"]
    assert not any("Person 7" in text or "person 7" in text for text in seen)


async def test_the_record_of_looks_has_the_same_word(pages):
    path = f"/alerts/{await alert_about(pages, 7)}"
    async with pages.logged_in("dsl") as browser:
        await submit(browser, f"{path}/hour", {"reason": REASON}, page=path)
    for role in ("headteacher", "auditor"):
        async with pages.logged_in(role) as browser:
            record = (await browser.get("/looks")).text
        assert set(WORD.findall(record)) == {pages.called(7, "dsl")}
        assert "person 7" not in record.lower()


async def test_a_word_of_an_alert_finds_nobody_in_the_technicians_log(pages):
    await alert_about(pages, 7)
    await pages.breach(host="plain.test", person=7)
    async with pages.logged_in("technician") as browser:
        heard = await browser.get(f"/breaches?format=json&person={pages.called(7, 'dsl')}")
        own = await browser.get(f"/breaches?format=json&person={pages.called(7, 'technician')}")
    assert heard.json() == {"entries": [], "problems": [], "older": None}
    assert [one["host"] for one in own.json()["entries"]] == ["plain.test", None]


@pytest.mark.parametrize("role", ROLES)
async def test_whoever_reads_alerts_or_looks_has_another_word_than_the_log_alone(pages, role):
    of_cases = {*SAFEGUARDING, "auditor"}
    assert (pages.called(7, role) == pages.called(7, "dsl")) is (role in of_cases)
    assert pages.called(7, "technician", role) == pages.called(7, role if role in of_cases else "technician")
