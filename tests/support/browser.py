"""Debian's Chromium as a pupil's device has it: the school's certificate in its store, and a proxy, or none."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
IS_THERE = bool(CHROMIUM and DRIVER and shutil.which("certutil"))
_ALWAYS = ("headless=new", "no-sandbox", "disable-gpu", "hide-scrollbars", "disable-dev-shm-usage")


def home_trusting(folder: Path, *authorities: Path) -> dict[str, str]:
    """The environment of a browser whose home is *folder* and that trusts the certificates *authorities* (PEM)."""
    store = folder / ".pki" / "nssdb"
    store.mkdir(parents=True)
    steps = [("-N", "--empty-password")]
    steps += [("-A", "-t", "C,,", "-n", f"authority {n}", "-i", str(a)) for n, a in enumerate(authorities)]
    for words in steps:
        subprocess.run(["certutil", "-d", f"sql:{store}", *words], check=True, capture_output=True)
    return {**os.environ, "HOME": str(folder)}


@contextlib.contextmanager
def browsing(folder: Path, *arguments: str, trusts: tuple[Path, ...] = ()) -> Iterator[webdriver.Chrome]:
    """A browser that has *folder* for itself and *trusts* these authorities, for as long as the context lasts.

    What its pages say to their console can be had by `get_log`.
    """
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in (*_ALWAYS, f"user-data-dir={folder / 'profile'}", *arguments):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options, Service(DRIVER, env=home_trusting(folder / "home", *trusts)))
    try:
        yield browser
    finally:
        browser.quit()
