"""From a question in DNS to the page: the processes as a gateway runs them, and a browser that is told of no proxy."""

import asyncio
import contextlib
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dns_filter.ask import ask
from reporting.breach import Breach
from reporting.frames import read_frames
from tests.end_to_end.test_block_page import picture, pin
from tests.support.browser import IS_THERE, browsing
from tests.support.commands import started
from tests.support.gateway import CLOSED_ADDRESS, Gateway


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("gateway")
    made = Gateway(folder)
    with contextlib.ExitStack() as stack:
        for name in ("dns", "signer", "closed"):
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
    """The signer signs for nothing that is never opened (G19), so the connection is closed."""
    answer = curled(gateway, "https://www.childline.org.uk/")
    assert (answer.stdout, "SSL" in answer.stderr) == ("", True)


def test_whoever_is_in_no_network_gets_no_byte(gateway: Gateway) -> None:
    answer = curled(gateway, "http://gambling.test/", source="127.0.77.1")
    assert (answer.returncode, answer.stdout) != (0, "")
    assert answer.stdout == ""


def leaf_of(gateway: Gateway, host: str, file: Path) -> Path:
    """The certificate (PEM) that the closed address shows for *host*, checked as a device of the school does."""
    trust = ssl.create_default_context(cafile=str(gateway.certificate))
    line = socket.create_connection((CLOSED_ADDRESS, gateway.closed_tls), 10, ("127.0.0.1", 0))
    with line, trust.wrap_socket(line, server_hostname=host) as secured:
        file.write_text(ssl.DER_cert_to_PEM_cert(secured.getpeercert(binary_form=True)))
    return file


@pytest.mark.skipif(not IS_THERE, reason="needs chromium, chromedriver and certutil")
def test_a_browser_shows_the_page_of_a_closed_site_over_https(gateway: Gateway, tmp_path: Path) -> None:
    key = pin(leaf_of(gateway, "gambling.test", tmp_path / "leaf"))
    to_us = f"host-resolver-rules=MAP * {CLOSED_ADDRESS}:{gateway.closed_tls}"
    with browsing(tmp_path, "no-proxy-server", to_us, f"ignore-certificate-errors-spki-list={key}") as browser:
        browser.get("https://gambling.test/a/page")
        assert browser.current_url == "https://gambling.test/a/page"
        assert "about betting or gambling" in browser.execute_script("return document.body.innerText")
        assert browser.get_cookies() == []
        picture(browser, "ks2-closed-address-desk")
