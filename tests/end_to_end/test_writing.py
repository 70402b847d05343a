"""What somebody writes at length in a real browser outlasts their log-in."""

import asyncio

from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from tests.end_to_end.test_dsls_pages import Dsl
from tests.support.staff_browser import needs_chromium
from tests.support.staff_pages import CODES, running

WORDS = "Spoke with her and her tutor, and rang home."


def write_while_the_log_in_ends(person, sessions, number):
    driver = person.driver
    person.log_in("dora")
    person.go(f"/alerts/{number}")
    note = driver.find_element(By.CSS_SELECTOR, "textarea[name=note]")
    note.send_keys(WORDS)
    for file in sessions.iterdir():
        file.unlink()
    [button] = [one for one in driver.find_elements(By.TAG_NAME, "button") if one.text == "Add the note"]
    button.click()
    person.sees("You have been logged out")
    assert note.get_attribute("value") == WORDS
    here = driver.current_window_handle
    driver.find_element(By.LINK_TEXT, "Log in in another window").click()
    WebDriverWait(driver, 10).until(lambda _: len(driver.window_handles) == 2)
    driver.switch_to.window(next(one for one in driver.window_handles if one != here))
    person.log_in("dora")
    driver.switch_to.window(here)
    person.leave_by(button, lambda one: one.click())
    person.sees(WORDS)


@needs_chromium
async def test_what_was_written_when_the_log_in_ended_is_still_there_and_is_saved_after_the_next(tmp_path, browser):
    async with running(tmp_path) as pages:
        await pages.person("dora", "dsl")
        number = await pages.alert(await pages.breach())
        assert CODES[pages.url, "dora"]
        await asyncio.to_thread(write_while_the_log_in_ends, Dsl(browser, pages.url), tmp_path / "sessions", number)
