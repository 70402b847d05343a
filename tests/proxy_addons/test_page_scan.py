"""Pages of unknown sites are read before they are shown: with a real worker, and a server with every kind of page."""

import gzip
import itertools
import socket
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import brotli
import httpx
import pytest
import zstandard

from blocklists.rulebook import Severity
from reporting.breach import Clean
from reporting.frames import read_frames
from tests.proxy_addons.conftest import House
from tests.support.pages import Page, Pages
from tests.support.proxy_school import Nameserver, Running, School, running

BAD = "Welcome to our online casino: free spins and a no deposit bonus for everybody who likes it."
POLISH = "Zak\u0142ady bukmacherskie, kasyno online, darmowe spiny"
GOOD = "The river runs to the sea, and with it goes the rain that fell on the hills of the north. " * 8
HTML = "text/html; charset=utf-8"


def html(words: str, head: str = "") -> bytes:
    return f"<!doctype html><html><head>{head}</head><body><p>{words}</p></body></html>".encode()


def page(body: bytes, kind: str = HTML, **headers: str) -> Page:
    return Page([body], {"Content-Type": kind, **{k.replace("_", "-"): v for k, v in headers.items()}})


def bomb() -> bytes:
    return gzip.compress(b" " * 200_000_000, 9)


def slowly(pages: list[Pages], first: bytes) -> Iterator[bytes]:
    yield first
    pages[0].release.wait(30)
    yield b"<p>the end"


def endlessly(first: bytes) -> Iterator[bytes]:
    yield first
    yield from itertools.repeat(b"<p>and so it goes on" + b" " * 10_000)


ME: list[Pages] = []
PAGES = {
    "/good": page(html(GOOD)),
    "/good2": page(html(GOOD + "2")),
    "/bad": page(html(BAD)),
    "/gzip": page(gzip.compress(html(BAD)), Content_Encoding="gzip"),
    "/deflate": page(zlib.compress(html(BAD)), Content_Encoding="deflate"),
    "/bare-deflate": page(zlib.compress(html(BAD), wbits=-15), Content_Encoding="deflate"),
    "/br": page(brotli.compress(html(BAD)), Content_Encoding="br"),
    "/zstd": page(zstandard.compress(html(BAD)), Content_Encoding="zstd"),
    "/twice": page(gzip.compress(brotli.compress(html(BAD))), Content_Encoding="br, gzip"),
    "/bad-sum": page(gzip.compress(html(BAD))[:-8] + b"12345678", Content_Encoding="gzip"),
    "/cut-short": page(gzip.compress(html(BAD + GOOD))[:-20], Content_Encoding="gzip"),
    "/secret-coding": page(html(GOOD), Content_Encoding="rot13"),
    "/utf-16": page(html(BAD).decode().encode("utf-16"), "text/html"),
    "/meta": page(html(POLISH, '<meta charset="iso-8859-2">').decode().encode("iso-8859-2"), "text/html"),
    "/no-type": Page([html(BAD)], {}),
    "/octets": page(html(BAD), "application/octet-stream"),
    "/json": page(b'{"html": "<b>online\\u0020casino</b> and no deposit bonus, free spins"}', "application/json"),
    "/plain": page(BAD.encode(), "text/plain"),
    "/svg": page(f"<svg xmlns='http://www.w3.org/2000/svg'><text>{BAD}</text></svg>".encode(), "image/svg+xml"),
    "/not-found": Page([html(BAD)], {"Content-Type": HTML}, status=404),
    "/disguised": page(html("0nline c<b>a</b>s1no, fr33 sp1ns &amp; n\u00ad&#111; dep\u043esit b\u043enus")),
    "/alt": page(html("<img alt='online casino'><img alt='free spins'><img alt='no deposit bonus'>")),
    "/picture": page(b"\x89PNG\r\n\x1a\n" + html(BAD), "image/png"),
    "/program": page(b"MZ\0\0" + html(BAD), "application/octet-stream"),
    "/script": page(b"var casino = 'online casino free spins no deposit bonus'", "text/javascript"),
    "/bomb": lambda: page(bomb(), Content_Encoding="gzip"),
    "/bad-bomb": lambda: page(gzip.compress(html(BAD) + b" " * 200_000_000, 9), Content_Encoding="gzip"),
    "/large": lambda: page(html(GOOD) + b"<p>filling" * 600_000),
    "/large-bad": lambda: page(html(BAD) + b"<p>filling" * 600_000),
    "/endless-bad": lambda: Page(endlessly(html(BAD)), {"Content-Type": HTML}, length=False),
    "/slow": lambda: Page(slowly(ME, html(GOOD)), {"Content-Type": HTML}, length=False),
    "/slow-bad": lambda: Page(slowly(ME, html(BAD)), {"Content-Type": HTML}, length=False),
    "/empty": page(b""),
    "/secret-octets": page(html(GOOD), "application/octet-stream", Content_Encoding="rot13"),
    "/early-bad": Page([html(BAD)], {"Content-Type": HTML}, early=True),
    "/early-large-bad": lambda: Page([html(BAD) + b"<p>filling" * 300_000], {"Content-Type": HTML}, early=True),
    "/nested": lambda: page(b"<div>" * 300_000 + html(BAD)),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[School, Pages, Running]]:
    school = School(tmp_path_factory.mktemp("scanning"))
    with Nameserver() as dns, Pages(PAGES) as pages, running(school, school.settings(dns, pages.port)) as worker:
        ME[:] = [pages]
        yield school, pages, worker


def get(
    site: tuple[School, Pages, Running], path: str, host: str = "unknown.test", headers: dict[str, str] | None = None
) -> httpx.Response:
    _, pages, worker = site
    with httpx.Client(transport=httpx.HTTPTransport(proxy=worker.url), timeout=20) as client:
        return client.get(f"http://{host}:{pages.port}{path}", headers=headers)


REFUSED = [
    "/bad",
    "/gzip",
    "/deflate",
    "/bare-deflate",
    "/br",
    "/zstd",
    "/twice",
    "/bad-sum",
    "/cut-short",
    "/utf-16",
    "/meta",
    "/no-type",
    "/octets",
    "/json",
    "/plain",
    "/svg",
    "/not-found",
    "/disguised",
    "/alt",
    "/bad-bomb",
    "/large-bad",
    "/endless-bad",
    "/nested",
]


@pytest.mark.parametrize("path", REFUSED)
def test_a_page_is_refused_for_its_words_however_it_comes(site, path: str) -> None:
    answer = get(site, path)
    assert answer.status_code == 403
    assert "betting or gambling" in answer.text
    assert "free spins" not in answer.text
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize("path", ["/good", "/picture", "/program", "/script", "/empty"])
def test_a_page_without_such_words_arrives_as_it_was_sent(site, path: str) -> None:
    answer = get(site, path)
    assert answer.status_code == 200
    assert answer.content == b"".join(PAGES[path].pieces)


def test_a_page_in_a_coding_that_nobody_asked_for_is_not_shown(site) -> None:
    answer = get(site, "/secret-coding")
    assert answer.status_code == 503
    assert "We could not check this page" in answer.text


def test_nothing_stays_held_of_what_cannot_be_read_or_whose_client_leaves(site) -> None:
    _, pages, worker = site
    assert get(site, "/secret-octets").status_code == 503
    pages.release.clear()
    with socket.create_connection(("127.0.0.1", worker.port), 60) as client:
        client.sendall(f"GET http://unknown.test:{pages.port}/slow HTTP/1.1\r\nHost: unknown.test\r\n\r\n".encode())
        until(lambda: worker.metric("schoolgate_proxy_held_bytes") > 0)
    until(lambda: worker.metric("schoolgate_proxy_held_bytes") == 0)
    pages.release.set()


def until(true: Callable[[], bool]) -> None:
    """Return when *true* is, and fail if it is not within a minute."""
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline


def test_only_codings_that_can_be_read_are_asked_for(site) -> None:
    get(site, "/good", headers={"Accept-Encoding": "gzip, dcz, br;q=0.5, sdch", "Available-Dictionary": ":abc:"})
    _, headers = site[1].asked[-1]
    assert headers["accept-encoding"] == "gzip, br;q=0.5"
    assert "available-dictionary" not in headers


def test_the_record_says_the_score_and_what_it_came_from(site) -> None:
    get(site, "/bad?q=1")
    breach = next(b for b in site[0].breaches() if b.path == "/bad")
    assert breach.rule == "score 166 of 100"
    assert breach.evidence.startswith("online casino +60, no deposit bonus +60")
    assert (breach.category, breach.severity, breach.host) == ("gambling", Severity.NOTE, "unknown.test")


def test_a_site_that_is_known_is_not_read(site) -> None:
    assert get(site, "/bad", host="good.test").status_code == 200


def test_who_meets_unknown_sites_unscanned_is_not_read(site) -> None:
    assert "free spins" in site[2].curl(f"http://unknown.test:{site[1].port}/bad", profile="staff")


def test_a_large_page_is_judged_by_its_beginning_and_then_arrives_whole(site) -> None:
    answer = get(site, "/large")
    assert answer.status_code == 200
    assert len(answer.content) == len(html(GOOD)) + 10 * 600_000


def test_a_bomb_costs_no_memory(site) -> None:
    worker = site[2]
    before = worker.reset_peak()
    answer = get(site, "/bomb", headers={"Accept-Encoding": "identity"})
    assert answer.status_code == 200
    assert worker.memory("VmHWM") < before + 40_000_000


def test_the_server_of_an_endless_page_is_told_to_stop(site) -> None:
    site[1].cut_off.clear()
    get(site, "/endless-bad")
    assert site[1].cut_off.wait(60)


def test_a_page_that_trickles_is_shown_after_a_while_and_a_bad_one_is_refused(site) -> None:
    site[1].release.clear()
    _, pages, worker = site
    transport = httpx.HTTPTransport(proxy=worker.url)
    with httpx.Client(transport=transport, timeout=20) as client:
        with client.stream("GET", f"http://unknown.test:{pages.port}/slow") as answer:
            pieces = answer.iter_bytes()
            assert GOOD[:40].encode() in next(pieces)
            pages.release.set()
            assert b"the end" in b"".join(pieces)
        pages.release.clear()
        answer = client.get(f"http://unknown.test:{pages.port}/slow-bad")
        assert answer.status_code == 403
        pages.release.set()


def test_pages_that_are_clean_are_on_record_once_each(site) -> None:
    for path in ("/good", "/good2", "/good", "/bad"):
        get(site, path)
    until(lambda: len(cleans(site[0])) >= 2)
    found = cleans(site[0])
    assert {clean.site for clean in found} == {"unknown.test"}
    assert len({clean.page for clean in found}) == len(found)


def cleans(school: School) -> list[Clean]:
    frames = (f for path in school.files.spool.glob("*.journal") for f in read_frames(path))
    return [frame.record for frame in frames if isinstance(frame.record, Clean)]


@pytest.mark.parametrize("path", ["/early-bad", "/early-large-bad"])
def test_an_answer_to_an_upload_that_goes_on_is_not_shown_either(site, tmp_path: Path, path: str) -> None:
    upload = tmp_path / "upload"
    upload.write_bytes(bytes(30_000_000))
    shown = site[2].curl("--data-binary", f"@{upload}", f"http://unknown.test:{site[1].port}{path}")
    assert "free spins" not in shown
    assert get(site, "/good").status_code == 200


def test_a_page_over_https_and_http_2_is_refused_too(house: House) -> None:
    url = house.url("unknown.test", "/online-casino/free-spins/no-deposit-bonus")
    answer = house.worker.curl(url, ca=house.school.ca)
    assert "HTTP/2 403" in answer
    assert "betting or gambling" in answer
    assert "hello from" not in answer


def test_nothing_is_held_when_all_is_answered(site) -> None:
    get(site, "/good")
    assert site[2].metric("schoolgate_proxy_held_bytes") == 0
    assert site[2].metric("schoolgate_proxy_pages_scanned_total") >= 1
