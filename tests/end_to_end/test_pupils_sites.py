"""What sites are made of, in a browser behind the filter: all of it arrives as it would without, but what is closed.

Each site is an unknown one, so its connections are opened and its pages read; it speaks HTTP/2, or HTTP/1.1 alone.
"""

from dataclasses import dataclass
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By

from tests.end_to_end.test_block_page import pytestmark
from tests.support.commands import until
from tests.support.pupil import Pupil
from tests.support.sites import PARTS, Sites, sound

__all__ = ["pytestmark"]

HOST = "unknown.test"
PICTURE = b"\x89PNG\r\n\x1a\n"
CLOSED = "This page is closed"
BROWSERS_MOST = 6
"""Connections of a browser to one site."""
LONGEST = 10_000_000
"""Bytes that this profile may send at once (behaviour.csv, upload_mb)."""


@dataclass
class Visit:
    """A pupil at a site."""

    pupil: Pupil
    site: Sites

    def reads(self, path: str) -> str:
        """What a person reads at *path*."""
        return self.pupil.reads(HOST, path, self.site.port)

    def clicks(self, form: str) -> str:
        """What a person reads after sending *form*."""
        before = self.pupil.browser.find_element(By.TAG_NAME, "html").id
        self.pupil.browser.find_element(By.CSS_SELECTOR, f"#{form} button").click()
        until(lambda: self.pupil.browser.find_element(By.TAG_NAME, "html").id != before and self.pupil.text)
        return self.pupil.text

    def runs(self, script: str, *arguments: object) -> object:
        """What *script* returns in a page of the site."""
        self.reads("/")
        return self.pupil.runs(script, *arguments)

    def url(self, host: str, path: str = "/") -> str:
        """The same path elsewhere."""
        return self.pupil.url(host, path, self.site.port)

    def headers(self, path: str, name: str) -> list[str]:
        """Each value of the header *name* in the requests for *path*; "" for a request without."""
        found = [seen for seen in self.site.requests if seen.path == path]
        return [{key.lower(): value for key, value in seen.headers}.get(name, "") for seen in found]


@pytest.fixture(params=["HTTP/2", "HTTP/1.1"])
def visit(request: pytest.FixtureRequest, child: Pupil) -> Visit:
    return Visit(child, child.sites if request.param == "HTTP/2" else child.older)


def test_a_form_arrives_as_it_was_typed(visit: Visit) -> None:
    visit.reads("/form")
    visit.pupil.browser.find_element(By.CSS_SELECTOR, "#plain textarea").send_keys("Grüße\nan alle")
    assert "POST 51 tree=oak+%26+ash&notes=Gr%C3%BC%C3%9Fe%0D%0Aan+alle" in visit.clicks("plain")


def test_a_picture_is_uploaded(visit: Visit, tmp_path: Path) -> None:
    (tmp_path / "oak.png").write_bytes(PICTURE + bytes(LONGEST // 2))
    visit.reads("/form")
    visit.pupil.browser.find_element(By.CSS_SELECTOR, "#file input").send_keys(str(tmp_path / "oak.png"))
    assert "Received" in visit.clicks("file")
    assert [seen.body > LONGEST // 2 for seen in visit.site.requests if seen.path == "/echo"] == [True]


def test_what_is_too_long_to_be_sent_is_a_page_in_plain_words(visit: Visit, tmp_path: Path) -> None:
    (tmp_path / "oak.png").write_bytes(PICTURE + bytes(2 * LONGEST))
    visit.reads("/form")
    visit.pupil.browser.find_element(By.CSS_SELECTOR, "#file input").send_keys(str(tmp_path / "oak.png"))
    assert "this may not be sent there from here" in visit.clicks("file")
    assert ("POST", "/echo") not in visit.site.log


def test_events_come_one_by_one(visit: Visit) -> None:
    begin = """
      window.heard = [], window.source = new EventSource("/events");
      return await new Promise(done => source.onmessage = m => { heard.push(m.data); done(heard) });
    """
    assert visit.runs(begin) == ["message 0"]
    visit.site.release.set()
    rest = """
      const whole = () => heard.length === 3;
      while (!whole()) await new Promise(done => setTimeout(done, 10));
      source.close();
      return heard;
    """
    assert visit.pupil.runs(rest) == ["message 0", "message 1", "message 2"]


def test_an_answer_without_content_leaves_the_page_as_it_is(visit: Visit) -> None:
    visit.reads("/")
    assert "The oak wood." in visit.reads("/empty")
    assert visit.pupil.runs("const r = await fetch('/empty'); return [r.status, await r.text()]") == [204, ""]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_leads_on(visit: Visit, status: int) -> None:
    assert "GET 0" in visit.reads(f"/to?status={status}&where=/echo")
    assert visit.pupil.browser.current_url == visit.url(HOST, "/echo")


def test_a_redirect_that_keeps_the_request_keeps_its_body(visit: Visit) -> None:
    script = "return await (await fetch('/to?status=307&where=/echo', {method: 'POST', body: 'tree=oak'})).text()"
    assert "POST 8 tree=oak" in str(visit.runs(script))


def test_a_redirect_to_a_closed_site_is_a_page(visit: Visit) -> None:
    assert CLOSED in visit.reads(f"/to?status=302&where={visit.url('gambling.test')}")
    assert visit.pupil.browser.current_url == visit.url("gambling.test")


def test_cookies_are_kept_and_sent_again(visit: Visit) -> None:
    visit.pupil.browser.delete_all_cookies()
    visit.reads("/cookies")
    assert "tree=oak; leaf=green" in visit.reads("/cookies")


def test_what_is_known_already_is_not_sent_again(visit: Visit) -> None:
    script = "const r = await fetch('/tagged', {cache: 'no-cache'}); return [r.status, await r.text()]"
    assert [visit.runs(script), visit.runs(script)] == [[200, "oak"], [200, "oak"]]
    assert visit.headers("/tagged", "if-none-match")[-1] == '"oak"'


def test_media_are_fetched_in_ranges(visit: Visit) -> None:
    visit.reads("/player")
    seek = """
      const player = document.getElementById("sound");
      if (!player.readyState) await new Promise(done => player.onloadedmetadata = done);
      player.currentTime = 50;
      await new Promise(done => player.onseeked = done);
      return [player.duration, player.currentTime];
    """
    assert visit.pupil.runs(seek) == [60, 50]
    first, *others = visit.headers("/sound", "range")
    assert first == "bytes=0-"
    assert [asked for asked in others if int(asked[6:].partition("-")[0]) > len(sound()) // 2]


def test_a_page_of_a_hundred_parts_is_whole(visit: Visit) -> None:
    visit.reads("/parts")
    script = "return [...document.images].filter(i => i.complete && i.naturalWidth === 2).length"
    assert visit.pupil.browser.execute_script(script) == PARTS
    assert visit.site.connections <= BROWSERS_MOST


def test_a_page_is_whole_though_its_server_takes_leave_meanwhile(child: Pupil) -> None:
    """As nginx does after a thousand requests: it ends what it has taken up, and is asked for the rest anew."""
    child.sites.leaves_after = 60  # a browser asks a second time, and seldom more often
    child.reads(HOST, "/parts", child.sites.port)
    script = "return [...document.images].filter(i => i.complete && i.naturalWidth === 2).length"
    assert child.browser.execute_script(script) == PARTS
    assert child.sites.connections > 0


def test_what_nobody_reads_any_more_is_fetched_no_further(visit: Visit) -> None:
    script = """
      const stop = new AbortController(), answer = await fetch("/endless", {signal: stop.signal});
      const reader = answer.body.getReader();
      await reader.read();
      stop.abort();
    """
    visit.runs(script)
    until(lambda: visit.site.left == ["/endless"])


def test_a_file_is_saved(visit: Visit, tmp_path: Path) -> None:
    there = {"behavior": "allow", "downloadPath": str(tmp_path)}
    visit.pupil.browser.execute_cdp_cmd("Browser.setDownloadBehavior", there)
    visit.reads("/save")
    until((tmp_path / "homework.pdf").exists)
    assert (tmp_path / "homework.pdf").read_bytes() == b"%PDF-1.7 homework"


def test_a_page_has_data_of_another_site(visit: Visit) -> None:
    script = """
      const own = {"content-type": "application/json", "x-own": "1"};
      const answer = await fetch(given[0], {method: "PUT", headers: own, body: "{}"});
      return [answer.status, await answer.json()];
    """
    assert visit.runs(script, visit.url("other.test", "/shared")) == [200, {"method": "PUT", "size": 2}]
    assert [method for method, path in visit.site.log if path == "/shared"] == ["OPTIONS", "PUT"]


def test_closed_parts_of_a_page_leave_the_page_whole(visit: Visit) -> None:
    script = """
      const shown = async (kind, ready) => {
        const part = document.createElement(kind);
        part.src = given[0];
        document.body.append(part);
        const whole = new Promise(done => { part.onload = done; part.onerror = () => done("broken") });
        return await whole === "broken" || ready(part);
      };
      return [await shown("img", part => part.naturalWidth), await shown("iframe", part => part.contentDocument)];
    """
    assert visit.runs(script, visit.url("gambling.test", "/part")) == [1, None]
    assert "The oak wood." in visit.pupil.text
    assert "/part" not in [path for _, path in visit.site.log]
