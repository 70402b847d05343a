"""From a question in DNS to the page: the two processes as a gateway runs them, and a browser that is told of no proxy."""

import asyncio
import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from dns_filter.ask import ask
from reporting.breach import Breach
from reporting.frames import read_frames
from tests.end_to_end.test_block_page import picture, pin
from tests.support.commands import started
from tests.support.gateway import CLOSED_ADDRESS, Gateway

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
needs_browser = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("gateway")
    made = Gateway(folder)
    with contextlib.ExitStack() as stack:
        for name in ("dns", "closed"):
            stack.enter_context(started(name, "--config", str(made.file), folder=folder, log=folder / name))
        yield made


def curled(gateway: Gateway, url: str, *more: str, source: str = "127.0.0.1") -> subprocess.CompletedProcess[str]:
    """curl, by a device that finds every site where DNS leads a closed name."""
    lead = [f"::{CLOSED_ADDRESS}:{gateway.closed_tls if url.startswith('https') else gateway.closed}"]
    words = ["curl", "-sS", "-i", "--noproxy", "*", "--interface", source, "--connect-to", *lead, *more, url]
    return subprocess.run([*words, "--cacert", str(gateway.certificate)], capture_output=True, text=True, check=False)


def refusals(gateway: Gateway) -> list[tuple[str, str]]:
    spool = gateway.settings.files.spool
    found = (frame.record for path in spool.glob("*.journal") for frame in read_frames(path, 0))
    return [(record.source, record.host) for record in found if isinstance(record, Breach)]


def test_a_closed_name_leads_to_its_page_and_stands_on_record_once(gateway: Gateway) -> None:
    assert asyncio.run(ask(("127.0.0.1", gateway.dns), "gambling.test")).addresses == (CLOSED_ADDRESS,)
    before = refusals(gateway)
    assert before == [("dns", "gambling.test")]
    for scheme in ("http", "https"):
        answer = curled(gateway, f"{scheme}://gambling.test/any/page?q=secret", "-H", "Cookie: a=secret")
        assert answer.stdout.startswith("HTTP/1.1 403 Forbidden"), answer.stderr
        assert "about betting or gambling" in answer.stdout
        assert "secret" not in answer.stdout
    assert refusals(gateway) == before


def test_an_open_name_is_to_be_tried_again(gateway: Gateway) -> None:
    answer = curled(gateway, "https://positive.test/")
    assert answer.stdout.startswith("HTTP/1.1 503 "), answer.stderr
    assert "This page may be open now" in answer.stdout


def test_a_helpline_gets_no_certificate_of_the_schools(gateway: Gateway) -> None:
    """The authority cannot sign for it (G19), and the client says so."""
    assert "certificate" in curled(gateway, "https://www.childline.org.uk/").stderr


def test_whoever_is_in_no_network_gets_no_byte(gateway: Gateway) -> None:
    answer = curled(gateway, "http://gambling.test/", source="127.0.77.1")
    assert (answer.returncode, answer.stdout) != (0, "")
    assert answer.stdout == ""


@needs_browser
def test_a_browser_shows_the_page_of_a_closed_site_over_https(gateway: Gateway, tmp_path: Path) -> None:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "no-proxy-server"):
        options.add_argument(f"--{argument}")
    options.add_argument(f"--host-resolver-rules=MAP * {CLOSED_ADDRESS}:{gateway.closed_tls}")
    options.add_argument(f"--ignore-certificate-errors-spki-list={pin(gateway.certificate)}")
    options.add_argument(f"--user-data-dir={tmp_path / 'browser'}")
    browser = webdriver.Chrome(options, Service(DRIVER))
    try:
        browser.get("https://gambling.test/a/page")
        assert browser.current_url == "https://gambling.test/a/page"
        assert "about betting or gambling" in browser.execute_script("return document.body.innerText")
        assert browser.get_cookies() == []
        picture(browser, "ks2-closed-address-desk")
    finally:
        browser.quit()
