"""A search in a browser: strict results, the help page, and the way on from it.

The help pages are also saved as pictures under build/pages/, for people to look at.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from blocklists.profile import Search, Unknown
from tests.end_to_end.test_block_page import AA, CONTRASTS, WIDTHS, picture, pytestmark
from tests.support.browser import browsing
from tests.support.origin import Origin, tls_context
from tests.support.proxy_school import Nameserver, School, rulebook, running

__all__ = ["pytestmark"]

DUCK, STRICT_DUCK = "duckduckgo.com", "safe.duckduckgo.com"
PROFILES = {
    "ks1": {
        "search": Search.APPROVED,
        "engines": ("duckduckgo", "kiddle"),
        "approved_only": False,
        "unknown": Unknown.OPEN,
    },
    "ks2": {"search": Search.APPROVED, "engines": ("duckduckgo", "kiddle"), "search_engine": "duckduckgo"},
    "ks3": {},
    "staff": {"search": Search.ANY},
}


@dataclass
class Desk:
    """A browser behind a worker, and the engines that it reaches."""

    profile: str
    origin: Origin
    browser: webdriver.Chrome

    def search(self, host: str, path: str, width: str = "desk") -> str:
        """What a person reads after opening *path* at the engine *host*."""
        columns, rows = WIDTHS[width]
        metrics = {"width": columns, "height": rows, "deviceScaleFactor": 1, "mobile": width == "phone"}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.browser.get(f"https://{host}:{self.origin.port}{path}")
        return self.text

    @property
    def text(self) -> str:
        """What a person reads."""
        return str(self.browser.execute_script("return document.body.innerText"))


@pytest.fixture(params=PROFILES)
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    """A browser of each profile in turn, at the one address that it has."""
    school, book = School(tmp_path), rulebook()
    sitting = msgspec.structs.replace(book.profiles[request.param], **PROFILES[request.param])
    school.write_policy(msgspec.structs.replace(book, profiles=book.profiles | {"ks2": sitting}), version=2)
    with (
        Nameserver({host: ["127.0.0.1"] for host in (DUCK, STRICT_DUCK)}) as dns,
        Origin(tls_context(school.servers, DUCK)) as origin,
        running(school, school.settings(dns, origin.port, adult="Ms Oak")) as worker,
        browsing(tmp_path, f"proxy-server={worker.url}", trusts=(school.ca,)) as browser,
    ):
        yield Desk(request.param, origin, browser)


def test_a_search_is_strict_and_one_for_help_is_answered_with_help_and_a_way_on(desk: Desk) -> None:
    assert "hello from" in desk.search(DUCK, "/?q=oak+trees&kp=-2")
    assert [seen.path for seen in desk.origin.requests if "q=" in seen.path] == ["/?q=oak+trees&kp=1&p=1"]

    page = desk.search(DUCK, "/?q=i+want+to+die", "phone")
    assert ("0800 1111" in page) or ("08000 562 561" in page)
    assert "die" not in page
    assert not [seen for seen in desk.origin.requests if "die" in seen.path]
    assert [row for row in desk.browser.execute_script(CONTRASTS) if row[1] < AA] == []
    assert desk.browser.execute_script("return document.documentElement.scrollWidth - innerWidth") <= 0
    picture(desk.browser, f"help-{desk.profile}-phone")
    onwards = desk.browser.find_elements(By.CSS_SELECTOR, ".onwards a")
    assert bool(onwards) is (desk.profile != "ks1")
    if onwards:
        onwards[0].click()
    else:
        desk.browser.refresh()
    assert "hello from duckduckgo.com" in desk.text
    assert [seen for seen in desk.origin.requests if "die" in seen.path]
