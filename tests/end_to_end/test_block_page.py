"""The pages as a browser shows them, at the width of a phone and of a desk, in light and in dark.

Each page is also saved as a picture under build/pages/, for people to look at.
"""

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from selenium import webdriver

from blocklists import snapshot
from blocklists.clients import Clients, Network
from proxy_addons import words
from tests.support.browser import IS_THERE, browsing
from tests.support.origin import Origin
from tests.support.proxy_school import ROOT, Nameserver, Running, School, running

pytestmark = pytest.mark.skipif(not IS_THERE, reason="needs chromium, chromedriver and certutil")

WIDTHS = {"phone": (360, 740), "desk": (1280, 800)}
PICTURES = ROOT / "build" / "pages"
AA = 4.5
"""The contrast that WCAG 2.1, 1.4.3 asks of text."""

CONTRASTS = """
const light = v => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4 };
const luminance = c => 0.2126 * light(c[0]) + 0.7152 * light(c[1]) + 0.0722 * light(c[2]);
const parts = text => text.match(/[\\d.]+/g).map(Number);
const behind = e => { for (; e; e = e.parentElement) {
  const c = parts(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c; }
  return [255, 255, 255] };
return [...document.querySelectorAll("main *")]
  .filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()))
  .map(e => { const a = luminance(parts(getComputedStyle(e).color)), b = luminance(behind(e));
    return [e.textContent.trim().slice(0, 40), (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)] })
"""


class Asking:
    """A browser behind the worker, whose profile can be changed."""

    def __init__(self, school: School, worker: Running, browser: webdriver.Chrome, port: int) -> None:
        """Begin as KS2."""
        self.school, self.worker, self.browser, self.port = school, worker, browser, port

    def become(self, profile: str) -> None:
        """Give this machine's address another profile, and wait until the worker knows."""
        networks = (Network("127.0.0.1/32", profile),)
        snapshot.write(self.school.files.clients, Clients(networks), version=2, written_ns=2)
        marks = {"ks1": "Stop.", "ks2": "Go back and try another page", "ks3": "You will not be", "staff": "Category"}
        while marks[profile] not in self.worker.curl(f"http://gambling.test:{self.port}/"):
            pass

    def look(self, host: str, width: str, *, dark: bool = False) -> None:
        """Open *host* at a *width*."""
        columns, rows = WIDTHS[width]
        metrics = {"width": columns, "height": rows, "deviceScaleFactor": 1, "mobile": width == "phone"}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
        self.browser.get(f"http://{host}:{self.port}/?q=reflected")

    def speak(self, language: str) -> None:
        """Have the browser ask for pages in *language*."""
        self.browser.execute_cdp_cmd("Network.enable", {})
        self.browser.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": {"Accept-Language": language}})

    def overflow(self) -> int:
        """Pixels by which the page is wider than its window."""
        return int(self.browser.execute_script("return document.documentElement.scrollWidth - innerWidth"))

    def text(self) -> str:
        """What a person reads."""
        return str(self.browser.execute_script("return document.body.innerText"))


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    school = School(tmp_path_factory.mktemp("pages"))
    (school.folder / "portal.key").write_bytes(bytes(32))
    portal = {"portal_url": "https://schoolgate.internal", "portal_key": str(school.folder / "portal.key")}
    with (
        Nameserver() as dns,
        Origin() as origin,
        running(school, school.settings(dns, origin.port, **portal)) as worker,
    ):
        folder = tmp_path_factory.mktemp("browser")
        with browsing(folder, f"proxy-server={worker.url}", trusts=(school.ca,)) as browser:
            yield Asking(school, worker, browser, origin.port)
        assert origin.connections == 0


@pytest.mark.parametrize("profile", ["ks1", "ks2", "ks3", "staff"])
def test_a_page_fits_reads_well_and_loads_nothing(asking: Asking, profile: str) -> None:
    asking.become(profile)
    for host in ("gambling.test", "harm.test", "sealed.test"):
        for width in WIDTHS:
            for dark in (False, True):
                asking.look(host, width, dark=dark)
                assert "closed" in asking.text() or "Stop." in asking.text() or "denied" in asking.text()
                assert "reflected" not in asking.text()
                overflow = "return document.documentElement.scrollWidth - innerWidth"
                assert asking.browser.execute_script(overflow) <= 0, (host, width)
                too_faint = [row for row in asking.browser.execute_script(CONTRASTS) if row[1] < AA]
                assert not too_faint, (host, width, dark)
                loaded = "return performance.getEntriesByType('resource').map(e => e.name)"
                assert [n for n in asking.browser.execute_script(loaded) if "favicon" not in n] == []
                picture(asking.browser, f"{profile}-{host}-{width}{'-dark' if dark else ''}")
        styled = "return getComputedStyle(document.querySelector('main')).borderTopStyle"
        assert asking.browser.execute_script(styled) == "solid"
    noise = [e["message"] for e in asking.browser.get_log("browser") if "Content Security" in e["message"]]
    assert not [line for line in noise if "favicon" not in line]


def test_a_child_of_six_has_three_lines_to_read(asking: Asking) -> None:
    asking.become("ks1")
    asking.look("gambling.test", "phone")
    assert asking.text().split("\n\n")[:3] == ["Stop.", "This page is not on our list.", "Tell your teacher."]
    height = "return document.documentElement.scrollHeight - innerHeight"
    assert asking.browser.execute_script(height) <= 0


def test_help_is_seen_without_scrolling(asking: Asking) -> None:
    for profile in ("ks1", "ks2", "ks3", "staff"):
        asking.become(profile)
        asking.look("harm.test", "phone")
        where = "return document.querySelector('.help .number').getBoundingClientRect().bottom - innerHeight"
        assert asking.browser.execute_script(where) < 0, profile


@pytest.mark.parametrize("language", ["en", "ur", "cy"])
@pytest.mark.parametrize("profile", ["ks1", "ks2", "ks3", "staff"])
def test_a_page_is_whole_at_twice_the_size(asking: Asking, profile: str, language: str) -> None:
    """WCAG 2.1, 1.4.4: on a phone by the size of its text, on a desk by the browser's zoom, which halves the window."""
    asking.become(profile)
    asking.speak(language)
    try:
        for host in ("gambling.test", "harm.test", "sealed.test"):
            asking.look(host, "phone")
            asking.browser.execute_script("document.documentElement.setAttribute('style', 'font-size:200%')")
            assert asking.overflow() <= 0, host
            columns, rows = WIDTHS["desk"]
            metrics = {"width": columns // 2, "height": rows // 2, "deviceScaleFactor": 2, "mobile": False}
            asking.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
            asking.browser.get(f"http://{host}:{asking.port}/")
            assert asking.overflow() <= 0, host
            picture(asking.browser, f"{profile}-{host}-desk-twice-{language}")
    finally:
        asking.speak("en")


@pytest.mark.parametrize("language", ["ar", "ur", "pl", "ro", "cy"])
def test_a_page_in_another_language_fits_and_begins_on_its_side(asking: Asking, language: str) -> None:
    found = words.of(language)
    try:
        for profile in ("ks1", "ks2", "ks3", "staff"):
            asking.speak("en")  # by which `become` knows the profile's page
            asking.become(profile)
            asking.speak(language)
            for width in WIDTHS:
                asking.look("harm.test", width)
                assert asking.overflow() <= 0, (profile, width)
                heading = found.plain("ks1.stop" if profile == "ks1" else "page.closed")
                assert asking.text().startswith(heading)
                start = "return getComputedStyle(document.querySelector('main')).direction"
                assert asking.browser.execute_script(start) == found.direction
                picture(asking.browser, f"{profile}-harm.test-{width}-{language}")
    finally:
        asking.speak("en")


def test_a_closed_site_over_https_is_the_page_and_no_browser_error(asking: Asking) -> None:
    asking.become("ks2")
    asking.browser.get("https://gambling.test/")
    assert "about betting or gambling" in asking.text()
    assert asking.browser.current_url == "https://gambling.test/"


def pin(certificate: Path) -> str:
    """The digest of a certificate's key: the only key that the browser takes without knowing its authority."""
    key = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return base64.b64encode(hashlib.sha256(key.public_bytes(*form)).digest()).decode()


def picture(browser: webdriver.Chrome, name: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    Path(PICTURES / f"{name}.png").write_bytes(browser.get_screenshot_as_png())
