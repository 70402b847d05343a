"""What a pupil meets in a browser behind the front door: closed pages, parts of pages, and whose certificate it is.

The closed pages are also saved as pictures under build/pages/, for people to look at.
"""

import pytest
from selenium.common.exceptions import WebDriverException

from tests.end_to_end.test_block_page import picture, pytestmark
from tests.support.pupil import HELPLINE, UNDERSCORED, Pupil

__all__ = ["pytestmark"]

PROGRAM = "4d5a90000300000004000000ffff0000b8"
"""How a program for Windows begins."""
BANDS = {
    "eyfs": "Stop.",
    "ks1": "Stop.",
    "ks2": "about betting or gambling",
    "ks3": "gambling.test is closed here because it is about betting or gambling.",
    "ks4": "gambling.test is closed here because it is about betting or gambling.",
    "ks5": "gambling.test is closed here because it is about betting or gambling.",
    "staff": "Category",
}
TALK = """
const socket = new WebSocket(given[0]), heard = [];
return await new Promise(done => {
  socket.onopen = () => given[1].forEach(words => socket.send(words));
  socket.onmessage = m => { heard.push(m.data); if (heard.length === given[1].length) done(heard) };
  socket.onclose = e => done(e.code);
})
"""
CLOSED_ABNORMALLY = 1006
"""What a browser calls a WebSocket that never came to be (RFC 6455, 7.4.1)."""


@pytest.mark.parametrize("band", BANDS)
def test_a_closed_site_over_https_is_a_page_for_each_age(child: Pupil, band: str) -> None:
    child.become(band)
    assert BANDS[band] in child.reads("gambling.test", "/a/page?q=secret")
    assert "secret" not in child.text
    assert "Oak Lane School" in child.issuer("gambling.test")
    assert child.secure.connections == 0
    picture(child.browser, f"{band}-gambling.test-front-door")


def test_who_issued_a_certificate_says_whether_the_connection_was_opened(child: Pupil) -> None:
    shown = {}
    for host in ("unknown.test", "good.test", HELPLINE):
        assert f"hello from {host}" in child.reads(host)
        shown[host] = "the school" if "Oak Lane School" in child.issuer(host) else "its own"
    assert shown == {"unknown.test": "the school", "good.test": "its own", HELPLINE: "its own"}


def test_whoever_has_the_schools_key_cannot_stand_in_for_a_helpline(child: Pupil) -> None:
    """The authority itself excludes it (G19), so that not even a signer that was taken over could."""
    assert "ERR_CERT_INVALID" in child.reads(HELPLINE, port=child.impostor.port)
    assert not child.impostor.requests
    assert f"hello from good.test:{child.impostor.port}" in child.reads("good.test", port=child.impostor.port)


def test_an_opened_site_speaks_http_2_on_both_sides(child: Pupil) -> None:
    child.reads("unknown.test", "/second")
    spoken = "return performance.getEntriesByType('navigation')[0].nextHopProtocol"
    assert child.browser.execute_script(spoken) == "h2"
    assert [seen.protocol for seen in child.secure.requests if seen.path == "/second"] == ["2"]


def test_a_page_talks_over_a_websocket(child: Pupil) -> None:
    child.reads("unknown.test")
    words = ["hello", "Grüße", "x" * 200_000, ""]
    assert child.runs(TALK, f"wss://unknown.test:{child.secure.port}/ws", words) == words


def test_a_websocket_to_a_closed_site_does_not_open_and_is_on_record(child: Pupil) -> None:
    child.reads("unknown.test")
    address = f"wss://gambling.test:{child.secure.port}/ws/closed"
    assert child.runs(TALK, address, ["hello"]) == CLOSED_ABNORMALLY
    assert child.refused("gambling.test").count(("category", "/ws/closed")) == 1
    assert not [seen for seen in child.secure.requests if seen.path.startswith("/ws")]


@pytest.mark.parametrize(
    "described",
    [
        f"type=application/x-msdownload&hex={PROGRAM}",
        f"type=image/png&hex={PROGRAM}",
        "type=text/plain&disposition=attachment;filename=setup.exe&hex=00",
    ],
)
def test_a_file_of_a_closed_kind_is_a_page_in_plain_words(child: Pupil, described: str) -> None:
    assert "files of this kind may not be fetched from here" in child.reads("unknown.test", f"/serve?{described}")
    assert ("download", "/serve") in child.refused("unknown.test")


@pytest.mark.parametrize(("band", "mode"), [("ks2", "Strict"), ("ks4", "Moderate")])
def test_youtube_is_asked_to_be_restricted(child: Pupil, band: str, mode: str) -> None:
    child.become(band)
    assert "hello from www.youtube.com" in child.reads("www.youtube.com", f"/watch?v={band}")
    (seen,) = [seen for seen in child.secure.requests if seen.path == f"/watch?v={band}"]
    assert dict(seen.headers)["youtube-restrict"] == mode


@pytest.mark.parametrize("host", ["unknown.test", "good.test"])
def test_a_site_that_is_away_is_a_page_in_plain_words(child: Pupil, host: str) -> None:
    """Also one whose connections are relayed, where only a page of our own can say more than the browser does."""
    assert "This site is not answering" in child.reads(host, port=child.nobodys)


def test_a_helpline_that_is_away_is_not_opened_to_say_so(child: Pupil) -> None:
    with pytest.raises(WebDriverException, match="ERR_"):
        child.reads(HELPLINE, port=child.nobodys)


@pytest.mark.parametrize("host", ["unknown.test.", "good.test.", UNDERSCORED])
def test_a_site_is_found_by_every_name_that_browsers_take(child: Pupil, host: str) -> None:
    for server in (child.secure, child.older):
        assert "hello from" in (text := child.reads(host, port=server.port)) or "The oak wood." in text
    assert child.reads("gambling.test.").startswith("This page is closed")
