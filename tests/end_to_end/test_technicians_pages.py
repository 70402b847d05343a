"""The technician's pages in a real browser: typing finds, following shows what comes, "why?" leads on, all by keyboard.

With SCHOOLGATE_PICTURES set, pictures of every page at phone and desktop width land in docs/images/pages; else in
build/screenshots.
"""

import asyncio
import base64
import itertools
import os
import random
import time
from pathlib import Path

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

from blocklists.rulebook import Severity
from reporting import backups
from reporting.log_models import ProposalRow
from reporting.web.machine import Machine
from tests.support.answering import answering
from tests.support.staff_browser import Somebody, needs_chromium
from tests.support.staff_pages import PASSWORD, running

PICTURES = Path("docs/images/pages" if os.environ.get("SCHOOLGATE_PICTURES") else "build/screenshots")
IN_DARK_TOO = frozenset({"breaches", "today"})
"""Pages that the documents show in dark too."""

TALLEST = 1_500
"""Pixels of a picture: a page that is longer goes on below."""

WIDTHS = {"phone": (360, 780), "desktop": (1280, 900)}

pytestmark = needs_chromium


class Technician(Somebody):
    """Somebody who looks closely."""

    def __init__(self, driver, url):
        super().__init__(driver, url)
        self.screen(*WIDTHS["desktop"])

    def log_in(self, name):
        self.go("/log-in")
        self.picture("log-in")
        self.driver.find_element(By.NAME, "name").send_keys(name)
        self.driver.find_element(By.NAME, "password").send_keys(PASSWORD)
        self.press("Log in")

    def sees(self, words):
        WebDriverWait(self.driver, 10).until(lambda _: words in self.text, f"{words!r} does not show")

    def sees_no_more(self, words):
        WebDriverWait(self.driver, 10).until(lambda _: words not in self.text, f"{words!r} still shows")

    @property
    def text(self):
        return self.driver.execute_script("return document.body.innerText")

    def picture(self, name):
        """Pictures of the page, and that nothing sticks out sideways, in light and dark."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.driver.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
        for (device, (width, height)), shade in itertools.product(WIDTHS.items(), ("light", "dark")):
            self.screen(width, height, shade)
            across, down = self.driver.execute_script(
                "const page = document.documentElement; return [page.scrollWidth, page.scrollHeight]"
            )
            assert across <= width, f"{name} is {across} wide on a {device}"
            self.screen(width, min(down, TALLEST), shade)
            if PICTURES.parts[0] == "build" or shade == "light" or name in IN_DARK_TOO:
                taken = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "webp", "quality": 60})
                (PICTURES / f"{name}-{device}-{shade}.webp").write_bytes(base64.b64decode(taken["data"]))
        self.screen(*WIDTHS["desktop"])


SITES = (
    ("quizzes.test", "games", "", Severity.NONE, "ks2"), ("slots.test", "gambling", "", Severity.NOTE, "ks4"),
    ("trainers.test", "shopping", "", Severity.NONE, "ks3"), ("tunnel.test", "bypass", "bypass", Severity.NOTE, "ks3"),
    ("clips.test", "video", "", Severity.NONE, "ks2"), ("meet.test", "dating", "", Severity.NOTE, "ks5"),
)  # fmt: skip
HARM = {
    "host": "harm.test", "rule": "harm.test", "category": "self_harm", "theme": "self-harm", "list": "self-harm",
    "severity": Severity.URGENT, "path": "/forum",
}  # fmt: skip


async def fortnight(pages):
    """Two weeks of an invented school; returns the number of an entry that the technician may read."""
    chance, now = random.Random(4), time.time_ns()
    for day in range(14):
        for number in range(chance.randint(2, 7)):
            host, category, theme, severity, profile = chance.choice(SITES)
            kind = chance.choices(("stopped", "got_through", "concern"), (20, 1, 2))[0]
            person = chance.randint(1, 300)
            await pages.breach(
                host=host, rule=host, list=category, category=category, theme=theme, severity=severity, kind=kind,
                profile=profile, person=person, device=person % 40, address=f"10.20.4.{person % 250}",
                source=chance.choice(("dns", "proxy")), count=chance.choice((1, 1, 3)),
                at_ns=now - day * 86_400 * 10**9 - number * 900 * 10**9 - 60 * 10**9,
            )  # fmt: skip
    await pages.breach(**HARM, at_ns=now - 30 * 10**9, person=77, address="10.20.4.77")
    return await pages.breach(host="maths.test", rule="maths.test", path="/puzzles", category="games", list="games",
                              severity=Severity.NONE, at_ns=now - 10**9, person=12, device=12)  # fmt: skip


def search_as_they_type(person):
    person.go("/breaches")
    person.picture("breaches")
    field = person.driver.find_element(By.ID, "host")
    field.send_keys("math")
    person.sees_no_more("slots.test")
    person.sees("maths.test")
    assert person.driver.current_url.endswith("/breaches?host=math"), "the address can be kept and shared"
    assert person.driver.switch_to.active_element == field, "the letters go on where they were typed"
    field.send_keys("zzz")
    person.sees("Nothing matches")
    person.picture("breaches-nothing")
    field.send_keys(Keys.BACKSPACE * 3)
    person.sees("maths.test")
    person.driver.find_element(By.ID, "view").send_keys("Maths")
    person.press("Keep")
    person.sees("Maths")


def follow_it(person):
    person.go("/breaches")
    [button] = [one for one in person.driver.find_elements(By.TAG_NAME, "button") if one.text == "Follow live"]
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    person.sees("Following")


def ask_why(person, number):
    person.go("/breaches?host=maths")
    person.follow("Why?")
    person.sees("answers")
    person.picture("why")
    person.driver.find_element(By.ID, "note").send_keys("homework")
    person.press("Mark as a false positive")
    person.sees("marked it as a false positive")
    person.driver.find_element(By.ID, "reason").send_keys("Year 5 uses it")
    person.press("Propose to open it")
    person.sees("Year 5 uses it")
    person.driver.find_element(By.TAG_NAME, "summary").click()
    person.sees("What Dora Marsh should know")
    person.picture("proposals")
    person.go(f"/breaches/{number}")
    person.press("Explain")
    person.sees("What would somebody meet?")
    person.picture("explain")


def look_at_the_rest(person):
    person.go("/")
    person.sees("2 proposals wait")
    person.picture("today")
    person.go("/health")
    person.picture("health")
    person.go("/tokens")
    person.driver.find_element(By.ID, "name").send_keys("nightly report")
    person.press("Make a token")
    person.sees("schoolgate_")
    person.picture("tokens")
    person.go("/breaches?category=self_harm")
    person.sees("held for the DSL")
    assert "harm.test" not in person.driver.page_source
    person.follow("Why?")
    person.sees("held for the DSL")
    assert "harm.test" not in person.driver.page_source
    person.picture("why-held")


def by_keyboard(person):
    """Each stop of the Tab key is seen and has a name; the first leads past the menu."""
    person.go("/breaches")
    stops = []
    for _ in range(18):
        person.driver.switch_to.active_element.send_keys(Keys.TAB)
        stop = person.driver.switch_to.active_element
        stops.append(stop.text or stop.get_attribute("aria-label") or stop.accessible_name)
        shown = person.driver.execute_script(
            "const one = document.activeElement; return getComputedStyle(one).outlineStyle !== 'none'"
        )
        assert shown, f"{stops[-1]} does not show that it has the focus"
    assert stops[0] == "Go to the content"
    assert all(stops), stops
    assert "Follow live" in stops


def without_script(person):
    person.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    person.go("/breaches")
    person.driver.find_element(By.ID, "host").send_keys("slots" + Keys.ENTER)
    WebDriverWait(person.driver, 10).until(lambda driver: "host=slots" in driver.current_url)
    person.sees("slots.test")
    assert "maths.test" not in person.text
    person.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def machine_with(worker, folder):
    """A machine of which one process is well and another is not."""
    processes = {"DNS 0": ("127.0.0.1", 9), "Worker 0": worker}
    return Machine(processes=processes, disks={"Database": folder}, signer=True, backups=folder)


async def somebody_elses_proposal(pages):
    dora = await pages.person("Dora Marsh", "dsl")
    asked = {
        "host": "chess.test",
        "profile": "ks2",
        "why": "for the lunch club",
        "at_ns": time.time_ns() - 86_400 * 10**9,
    }
    async with pages.database.writing() as session:
        session.add(ProposalRow(account=dora.id, **asked))


async def test_the_technician_finds_follows_and_explains(tmp_path, browser):
    school = tmp_path / "school"
    school.mkdir()
    (tmp_path / f"schoolgate-{backups.stamp(time.time_ns() - 5 * 3600 * 10**9)}.db").touch()
    well = "schoolgate_proxy_signer_silent 0.0\n"
    async with answering(well) as worker, running(school, machine=machine_with(worker, tmp_path)) as pages:
        await pages.person("Sam Reed", "technician")
        await somebody_elses_proposal(pages)
        number = await fortnight(pages)
        person = Technician(browser, pages.url)
        await asyncio.to_thread(person.log_in, "Sam Reed")
        await asyncio.to_thread(search_as_they_type, person)
        await asyncio.to_thread(follow_it, person)
        await pages.breach(host="brand-new.test")
        await asyncio.to_thread(person.sees, "brand-new.test")
        for step in (lambda one: ask_why(one, number), look_at_the_rest, by_keyboard, without_script):
            await asyncio.to_thread(step, person)
        complaints = [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
        assert complaints == [], "our own pages keep our own policy and ask for nothing that is not there"
