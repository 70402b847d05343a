"""The staff pages in a real browser: enrol, log in, see a breach, see an alert and take it on.

Screenshots at phone and desktop width, light and dark, land in build/screenshots.
"""

import asyncio
import shutil
import subprocess
import time
from pathlib import Path

import pyotp
import pytest
from selenium.webdriver.common.by import By

from blocklists.rulebook import Severity
from reporting.models import AccountRow
from tests.support.staff_browser import Somebody, needs_chromium
from tests.support.staff_pages import PASSWORD, TOKEN, running

PICTURES = Path("build/screenshots")
WIDTHS = {"phone": (390, 844), "desktop": (1280, 900)}


class Person(Somebody):
    """Somebody with forms to fill in."""

    def fill(self, **fields):
        for name, value in fields.items():
            self.driver.find_element(By.NAME, name).send_keys(value)

    @property
    def text(self):
        return self.driver.find_element(By.TAG_NAME, "body").text

    def picture(self, name):
        """Pictures of the whole page, and a check that nothing sticks out sideways."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        for device, (width, height) in WIDTHS.items():
            for shade in ("light", "dark"):
                self.screen(width, height, shade)
                across = self.driver.execute_script("return document.documentElement.scrollWidth")
                assert across <= width, f"{name} is {across} wide on a {device}"
                self.screen(width, self.driver.execute_script("return document.documentElement.scrollHeight"), shade)
                self.driver.save_screenshot(str(PICTURES / f"{name}-{device}-{shade}.png"))


def set_the_second_step_up(person):
    """Put the key into a telephone and give its code; returns the recovery codes."""
    person.picture("second-step")
    secret = person.driver.find_element(By.TAG_NAME, "code").text.replace(" ", "")
    person.fill(code=pyotp.TOTP(secret).now())
    person.press("Set it up")
    codes = [code.text for code in person.driver.find_elements(By.CSS_SELECTOR, "li code")]
    person.follow("I have them")
    return codes


def enrol_and_look(person):
    person.go("/")
    assert "Make an account" in person.text
    person.picture("enrol")
    person.fill(enrolment=TOKEN, name="Ann", password=PASSWORD, again=PASSWORD)
    person.press("Make the account")
    codes = set_the_second_step_up(person)
    assert "Today" in person.text
    person.press("Log out")
    person.picture("log-in")
    person.fill(name="ann", password="not this one, no")
    person.press("Log in")
    assert "not right" in person.text
    person.fill(password=PASSWORD)
    person.press("Log in")
    person.picture("code")
    person.fill(code=codes.pop())
    person.press("Log in")
    person.picture("today")
    person.follow("Breach log")
    assert "gambling.test" in person.text
    assert "harm.test" in person.text
    person.picture("breaches")
    person.follow("Alerts")
    person.picture("alerts")


def take_the_alert_on(person, number):
    person.follow(f"Alert {number}")
    assert "harm.test" in person.text
    person.picture("alert")
    person.press("Acknowledge")
    assert "by Ann" in person.text


def look_at_the_rest(person, illegal):
    person.go(f"/alerts/{illegal}")
    assert "101" in person.text
    person.picture("alert-illegal")
    person.go("/breaches?severity=URGENT&host=nothing-like-it")
    assert "Nothing matches" in person.text
    person.picture("breaches-filtered")
    person.go("/nothing")
    person.picture("not-found")


def look_as_a_technician(person):
    person.go("/alerts")
    assert "not for your role" in person.text
    person.picture("not-your-role")
    person.go("/breaches")
    assert "held for the DSL" in person.text
    assert "harm.test" not in person.driver.page_source
    person.picture("breaches-technician")


async def some_days_of_school(pages):
    """Breaches of several kinds and two alerts; returns the alerts' numbers."""
    now = time.time_ns()
    for minutes, row in enumerate(
        (
            {"host": "chat.test", "category": "social", "severity": Severity.NOTE, "count": 7},
            {"host": "a-rather-long-name-of-a-site-that-somebody-made-up.shops.test", "path": "/a/very/long/path/" * 6,
             "category": "shopping", "profile": "ks4", "severity": Severity.NONE},
            {"host": "proxy.test", "category": "bypass", "theme": "bypass", "profile": "ks3"},
            {"host": "worksheets.test", "kind": "got_through", "severity": Severity.CONCERN, "category": "violence"},
            {"host": "gambling.test", "source": "proxy", "path": "/slots", "address": "fd00:20::1234:5678:9abc:def0"},
        )
    ):  # fmt: skip
        await pages.breach(
            **{"at_ns": now - minutes * 60 * 10**9, "rule": row["host"], "list": row.get("category", "gambling"), **row}
        )
    harm = {"theme": "self-harm", "category": "self_harm", "list": "self-harm", "severity": Severity.URGENT}
    urgent = await pages.breach(host="harm.test", path="/forum", rule="harm.test", **harm)
    sealed = {
        "theme": "illegal",
        "category": "illegal",
        "list": "iwf",
        "severity": Severity.ILLEGAL,
        "reason": "sealed",
    }
    illegal = await pages.breach(host="", rule="9f2c41d07be8a3516f0e" * 3, **sealed)
    return (
        await pages.alert(urgent),
        await pages.alert(illegal, severity=Severity.ILLEGAL, theme="illegal", act_by_ns=now - 60 * 10**9),
    )


@needs_chromium
async def test_staff_enrol_log_in_find_a_breach_and_take_an_alert_on(tmp_path, browser):
    async with running(tmp_path) as pages:
        await pages.token(TOKEN, "technician,dsl")
        urgent, illegal = await some_days_of_school(pages)
        person = Person(browser, pages.url)
        await asyncio.to_thread(enrol_and_look, person)
        await asyncio.to_thread(take_the_alert_on, person, urgent)
        await asyncio.to_thread(look_at_the_rest, person, illegal)
        async with pages.database.writing() as session:
            (await session.get_one(AccountRow, 1)).roles = "technician"
        await asyncio.to_thread(look_as_a_technician, person)
        refused = [entry for entry in browser.get_log("browser") if "Content Security Policy" in entry["message"]]
        assert refused == [], "our own pages keep our own policy"


def photographed(browser, file):
    """What a camera before the screen reads."""
    browser.save_screenshot(str(file))
    return subprocess.run(["zbarimg", "--raw", "-q", file], capture_output=True, text=True, check=True).stdout


def make_an_account(person):
    person.go("/enrol")
    person.fill(enrolment=TOKEN, name="Ann", password=PASSWORD, again=PASSWORD)
    person.press("Make the account")


@needs_chromium
@pytest.mark.skipif(not shutil.which("zbarimg"), reason="zbarimg is not installed (Debian: zbar-tools)")
@pytest.mark.parametrize("shade", ["light", "dark"])
async def test_the_picture_of_the_second_steps_key_can_be_photographed(tmp_path, browser, shade):
    async with running(tmp_path) as pages:
        await pages.token(TOKEN, "dsl")
        person = Person(browser, pages.url)
        await asyncio.to_thread(make_an_account, person)
        address = browser.find_element(By.CSS_SELECTOR, "a[href^=otpauth]").get_attribute("href")
        person.screen(1280, 1600, shade)
        seen = await asyncio.to_thread(photographed, browser, tmp_path / "page.png")
        assert seen == f"{address}\n"
