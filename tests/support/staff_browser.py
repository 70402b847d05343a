"""Debian's Chromium before the staff pages: who may be without it, how it is started, and what somebody does in it."""

import os
import shutil

import pytest
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.expected_conditions import staleness_of
from selenium.webdriver.support.wait import WebDriverWait

needs_chromium = pytest.mark.skipif(
    not (shutil.which("chromium") and shutil.which("chromedriver")) and os.geteuid() != 0,
    reason="needs Debian's chromium and chromium-driver (as root, make test installs them)",
)


@pytest.fixture
def browser(tmp_path):
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for word in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        f"--user-data-dir={tmp_path / 'profile'}",
    ):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    yield driver
    driver.quit()


class Somebody:
    """A person before the browser."""

    def __init__(self, driver, url):
        self.driver, self.url = driver, url

    def go(self, path):
        self.driver.get(self.url + path)

    def leave_by(self, element, act):
        """Have *act* do to *element* what leads to another page, and wait for that.

        While the page changes, chromedriver may say of an element that it is of no document: it is asked again.
        """
        act(element)
        changes = WebDriverWait(self.driver, 30, ignored_exceptions=(WebDriverException,))
        changes.until(staleness_of(element))

    def press(self, words):
        [button] = [one for one in self.driver.find_elements(By.TAG_NAME, "button") if one.text == words]
        self.leave_by(button, lambda one: one.click())

    def follow(self, words):
        self.leave_by(self.driver.find_element(By.PARTIAL_LINK_TEXT, words), lambda one: one.click())

    def screen(self, width, height, shade="light"):
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        features = [{"name": "prefers-color-scheme", "value": shade}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
