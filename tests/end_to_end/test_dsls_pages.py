"""The DSL's tasks in a real browser, each counted from the first page after log-in: at most three clicks.

With SCHOOLGATE_PICTURES set, pictures of the pages at phone and desktop width land in docs/images/pages; else in
build/screenshots.
"""

import asyncio
import base64
import time

from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from blocklists.rulebook import Severity
from reporting.accounts import tidy
from tests.end_to_end.test_technicians_pages import HARM, PICTURES, TALLEST, WIDTHS, Technician, fortnight
from tests.support.staff_browser import needs_chromium
from tests.support.staff_pages import CODES, PASSWORD, log_in, running, submit

REASON = "Her teacher is worried about her"
MOST_CLICKS = 3


class Dsl(Technician):
    """Somebody of safeguarding before the browser, whose clicks are counted."""

    clicks = 0

    def log_in(self, name):
        self.go("/log-in")
        self.fill(name=name, password=PASSWORD)
        self.press("Log in")
        self.fill(code=CODES[self.url, tidy(name)].pop())
        self.press("Log in")
        self.sees("Today")

    def begin(self):
        """Stand on the first page with no click made."""
        self.go("/")
        self.clicks = 0

    def leave_by(self, element, act):
        self.clicks += 1
        super().leave_by(element, act)

    def click(self, element):
        self.clicks += 1
        element.click()

    def fill(self, **fields):
        for name, value in fields.items():
            self.driver.find_element(By.NAME, name).send_keys(value)

    def picture(self, name):
        """The page from its top, and that nothing sticks out sideways."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.driver.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
        for device, (width, height) in WIDTHS.items():
            self.screen(width, height)
            across, down = self.driver.execute_script(
                "const page = document.documentElement; return [page.scrollWidth, page.scrollHeight]"
            )
            assert across <= width, f"{name} is {across} wide on a {device}"
            self.screen(width, min(down, TALLEST))
            taken = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "webp", "quality": 60})
            (PICTURES / f"{name}-{device}-light.webp").write_bytes(base64.b64decode(taken["data"]))
        self.screen(*WIDTHS["desktop"])


def acknowledge(person, number):
    person.begin()
    person.picture("today-dsl")
    person.follow(f"Alert {number}")
    person.picture("alert")
    person.press("Acknowledge")
    person.sees("by Dora Marsh")


def triage(person, number):
    person.begin()
    person.follow(f"Alert {number}")
    person.click(person.driver.find_element(By.CSS_SELECTOR, "input[value=true]"))
    person.press("Save")
    person.sees("a true alarm")


def open_an_incident(person, number):
    person.begin()
    person.follow(f"Alert {number}")
    person.press("Link to an incident")
    person.sees("Incident 101")


def export_it(person, folder):
    person.begin()
    person.follow("Incidents")
    person.follow("Incident 101")
    person.fill(reason=REASON)
    [button] = [one for one in person.driver.find_elements(By.TAG_NAME, "button") if one.text == "As PDF"]
    person.click(button)  # a download leaves the page where it is
    WebDriverWait(person.driver, 20).until(lambda _: (folder / "incident-101.pdf").is_file())


def look_at_the_rest(person):
    person.go("/incidents/101")
    person.fill(title="A worry in year 5", what="Seen at 10:42.", actions="Spoke with her at the end of the lesson.")
    person.press("Save")
    for name in ("alerts", "incidents", "people", "account"):
        person.go(f"/{name}")
        person.picture(name)
    person.go("/incidents/101")
    person.picture("incident")
    person.screen(*WIDTHS["phone"])
    person.follow("Dora Marsh")
    person.sees("Your account")


def be_second(person):
    person.click(person.driver.find_element(By.CSS_SELECTOR, "input[value=false]"))
    person.press("Save")
    person.sees("Somebody was first")
    person.sees("Her form tutor has seen her.")
    person.picture("somebody-was-first")


async def some_alerts(pages):
    """Alerts about pupils, two weeks of the log behind them; returns the numbers of three that are open."""
    await fortnight(pages)
    now = time.time_ns()
    harm = [await pages.breach(**HARM, at_ns=now - minutes * 60 * 10**9, person=77) for minutes in (9, 21)]
    first = await pages.alert(*harm, count=2, subject="person:77")
    rest = []
    for theme, severity, hours in (("bullying", Severity.CONCERN, 24), ("self-harm", Severity.URGENT, 1)):
        told = {"theme": theme, "severity": severity, "profile": "ks3"}
        number = await pages.breach(**{**HARM, **told, "host": f"{theme}.test"})
        rest.append(await pages.alert(number, **told, act_by_ns=now + hours * 3600 * 10**9))
    return first, *rest


@needs_chromium
async def test_a_dsl_is_where_each_task_is_done_within_three_clicks(tmp_path, browser):
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    school = tmp_path / "school"
    school.mkdir()
    async with running(school) as pages:
        for name, role in (
            ("Dora Marsh", "dsl"),
            ("Hugh Penn", "headteacher"),
            ("Theo Lake", "technician"),
            ("Vera Stone", "deputy"),
        ):
            await pages.person(name, role)
        first, second, third = await some_alerts(pages)
        person = Dsl(browser, pages.url)
        await asyncio.to_thread(person.log_in, "Dora Marsh")
        clicks = {}
        for task, about in ((acknowledge, first), (triage, second), (open_an_incident, third), (export_it, tmp_path)):
            await asyncio.to_thread(task, person, about)
            clicks[task.__name__] = person.clicks
        assert max(clicks.values()) <= MOST_CLICKS, clicks
        await asyncio.to_thread(look_at_the_rest, person)
        await asyncio.to_thread(person.go, f"/alerts/{first}")
        async with pages.browser() as other:
            await log_in(other, "Vera Stone")
            judged = {"judgement": "true", "note": "Her form tutor has seen her."}
            assert (await submit(other, f"/alerts/{first}/judge", judged, page=f"/alerts/{first}")).status_code == 303
        await asyncio.to_thread(be_second, person)
        complaints = [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
        complaints = [said for said in complaints if "409 (Conflict)" not in said]  # what the page was answered
        assert complaints == [], "our own pages keep our own policy and ask for nothing that is not there"


@needs_chromium
async def test_a_headteacher_sees_who_looked_within_two_clicks(tmp_path, browser):
    async with running(tmp_path) as pages:
        await pages.person("Hugh Penn", "headteacher")
        await some_alerts(pages)
        person = Dsl(browser, pages.url)
        await asyncio.to_thread(person.log_in, "Hugh Penn")
        await asyncio.to_thread(look_over, person)


def look_over(person):
    person.begin()
    person.follow("Oversight")
    person.picture("oversight")
    person.follow("Who looked")
    person.sees("Who looked")


def choose_days(person):
    """Write today into both days, as a person would by the browser's calendar."""
    for name in ("first", "last"):
        field = person.driver.find_element(By.NAME, name)
        person.driver.execute_script("arguments[0].valueAsDate = new Date()", field)


def ask_for_more(person):
    person.begin()
    person.follow("Incidents")
    person.follow("Incident 101")
    choose_days(person)
    person.driver.find_element(By.ID, "longer-reason").send_keys(REASON)
    person.press("Ask a second person")
    person.sees("waits for a second person")


def grant_it(person):
    person.begin()
    person.follow("One longer look waits")
    person.picture("longer-looks")
    person.press("Grant it for 24 hours")
    person.sees("Nothing waits for you")


def look_longer(person):
    person.begin()
    person.follow("Incidents")
    person.follow("Longer looks")
    person.press("Show the day")
    person.sees("granted by vera")
    person.picture("longer-look")


@needs_chromium
async def test_a_longer_look_is_asked_granted_and_seen_within_three_clicks_each(tmp_path, browser):
    async with running(tmp_path) as pages:
        for name, role in (("dora", "dsl"), ("vera", "deputy")):
            await pages.person(name, role)
        number, *_ = await some_alerts(pages)
        person, clicks = Dsl(browser, pages.url), {}
        await asyncio.to_thread(person.log_in, "dora")
        await asyncio.to_thread(open_an_incident, person, number)
        for who, task in (("dora", ask_for_more), ("vera", grant_it), ("dora", look_longer)):
            await asyncio.to_thread(browser.delete_all_cookies)
            await asyncio.to_thread(person.log_in, who)
            await asyncio.to_thread(task, person)
            clicks[task.__name__] = person.clicks
        assert max(clicks.values()) <= MOST_CLICKS, clicks
        complaints = [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
        assert complaints == []
