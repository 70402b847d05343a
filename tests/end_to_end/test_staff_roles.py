"""The staff pages in a real browser, as each role: log in with a code, triage an alert, make and export an incident.

Every task starts at the first page, and none takes more than three clicks to be where it is done.
"""

import asyncio
import time

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from blocklists.rulebook import Severity
from reporting.permissions import ROLES, Action, may
from reporting.web.render import PAGES
from tests.end_to_end.test_staff_pages import Person
from tests.support.staff_browser import needs_chromium
from tests.support.staff_pages import CODES, PASSWORD, running

REASON = "Her teacher is worried about her"


def log_in(person, name, code):
    person.go("/log-in")
    person.fill(name=name, password=PASSWORD)
    person.press("Log in")
    if code:
        person.fill(code=code)
        person.press("Log in")
    assert "Today" in person.text


def triage(person, number):
    """One click to the alert, one for each thing done to it."""
    person.follow(f"Alert {number}")
    person.press("Acknowledge")
    person.driver.find_element(By.CSS_SELECTOR, "input[value=true]").click()
    person.press("Save")
    assert "a true alarm" in person.text
    person.picture("alert-triaged")
    form = person.driver.find_element(By.CSS_SELECTOR, f"form[action='/alerts/{number}/hour#hour']")
    form.find_element(By.NAME, "reason").send_keys(REASON)
    person.press("Show the hour")
    assert "before.test" in person.text
    person.picture("alert-hour")
    person.press("Link to an incident")


def write_and_export(person, folder):
    person.fill(title="A worry in year 5", what="Seen at 10:42.", actions="Spoke with her.")
    person.press("Save")
    person.picture("incident")
    person.fill(reason=REASON)
    for words in ("As PDF", "As CSV"):
        [button] = [b for b in person.driver.find_elements(By.TAG_NAME, "button") if b.text == words]
        button.click()  # a download leaves the page where it is
    found = ("incident-101.pdf", "incident-101.csv")
    WebDriverWait(person.driver, 20).until(lambda _: all((folder / name).is_file() for name in found))
    assert (folder / found[0]).read_bytes().startswith(b"%PDF-")
    assert "A worry in year 5" in (folder / found[1]).read_text("utf-8-sig")
    person.follow("Incidents")
    person.picture("incidents")


def look_round(person, role):
    """Every page of the bar opens, and no other is in it."""
    bar = person.driver.find_element(By.CSS_SELECTOR, ".bar nav").text.split("\n")
    assert bar == [words for _, words, action in PAGES if may({role}, action)]
    for path, words, action in PAGES:
        person.go(path)
        assert ("not for your role" in person.text) is not may({role}, action), words
    person.go("/")
    if may({role}, Action.ACCOUNTS_READ):
        person.follow("People")
        person.picture(f"people-{role}")
    person.go("/account")
    person.picture(f"account-{role}")


async def one_alert(pages):
    """An URGENT alert about a pupil, and something of the same device before it; returns its number."""
    at = time.time_ns() - 60 * 10**9
    await pages.breach(host="before.test", at_ns=at - 600 * 10**9)
    harm = {"theme": "self-harm", "category": "self_harm", "severity": Severity.URGENT}
    return await pages.alert(await pages.breach(host="harm.test", at_ns=at, **harm), last_ns=at)


@needs_chromium
async def test_a_dsl_logs_in_with_a_code_triages_an_alert_and_exports_its_incident(tmp_path, browser):
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    async with running(tmp_path) as pages:
        await pages.person("dora", "dsl")
        number = await one_alert(pages)
        person = Person(browser, pages.url)
        await asyncio.to_thread(log_in, person, "dora", CODES[pages.url, "dora"].pop())
        await asyncio.to_thread(triage, person, number)
        await asyncio.to_thread(write_and_export, person, tmp_path)
        assert [entry for entry in browser.get_log("browser") if "Content Security Policy" in entry["message"]] == []


@needs_chromium
@pytest.mark.parametrize("role", ROLES)
async def test_a_role_finds_its_pages_in_the_bar_and_no_others(tmp_path, browser, role):
    async with running(tmp_path) as pages:
        person, account = Person(browser, pages.url), await pages.person("sam", role)
        await one_alert(pages)
        code = CODES[pages.url, "sam"].pop() if account.second_step else ""
        await asyncio.to_thread(log_in, person, "sam", code)
        await asyncio.to_thread(look_round, person, role)
