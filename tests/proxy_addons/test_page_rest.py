"""What comes of a page behind 2 MB, or behind 5 s, is read as well: nothing that closes it is shown."""

import gzip
import random
import socket
from collections.abc import Callable, Iterator

import brotli
import pytest
import zstandard

from proxy_addons import page_rest
from proxy_addons.held import MOST
from proxy_addons.page_rest import STEP, Windows
from proxy_addons.page_text import Kind
from proxy_addons.unpack import unpack
from proxy_addons.unpacking import BrokenError
from tests.proxy_addons.test_page_scan import BAD, GOOD, cleans, until
from tests.support.pages import Page, Pages
from tests.support.proxy_school import Nameserver, Running, School, running

HTML = "text/html; charset=utf-8"
FILLING = b"<p>filling"
CHANCE = random.Random(7)
NOISE = "".join(f"<p>{CHANCE.getrandbits(256):x}" for _ in range(60_000)).encode()
"""Text that does not pack to less than half of it: 4 MB."""

GARBAGE = CHANCE.randbytes(2_000_000)


def filled(size: int) -> bytes:
    return FILLING * (size // len(FILLING))


def hidden(behind: int) -> bytes:
    """A page with bad words that begin *behind* so many bytes, and with more behind them."""
    start = b"<!doctype html><p>" + GOOD.encode()
    return start + filled(behind - len(start)).ljust(behind - len(start)) + BAD.encode() + filled(400_000)


def noisy(words: str) -> bytes:
    return b"<!doctype html>" + NOISE + NOISE[:1_500_000] + words.encode() + NOISE[:500_000]


def page(body: bytes, kind: str = HTML, coding: str = "") -> Page:
    return Page([body], {"Content-Type": kind} | ({"Content-Encoding": coding} if coding else {}))


def slowly(site: list[Pages], *pieces: str) -> Page:
    def given() -> Iterator[bytes]:
        for piece in pieces:
            yield piece.encode()
            site[0].release.wait(30)

    return Page(given(), {"Content-Type": HTML}, length=False)


ME: list[Pages] = []
PAGES = {
    "/behind": lambda: page(hidden(MOST + 500_000)),
    "/json": lambda: page(b'["' + filled(MOST + 300_000) + BAD.encode() + b'"]', "application/json"),
    "/utf-16": lambda: page(hidden(MOST).decode().encode("utf-16"), "text/html"),
    "/gzip": lambda: page(gzip.compress(noisy(BAD), 1), coding="gzip"),
    "/br": lambda: page(brotli.compress(noisy(BAD), quality=1), coding="br"),
    "/zstd": lambda: page(zstandard.compress(noisy(BAD)), coding="zstd"),
    "/good": lambda: page(noisy(GOOD)),
    "/good-gzip": lambda: page(gzip.compress(noisy(GOOD), 1, mtime=0), coding="gzip"),
    "/packed": lambda: page(gzip.compress(hidden(2 * MOST)), coding="gzip"),
    "/packed-broken": lambda: page(gzip.compress(filled(2 * MOST))[:-8] + bytes(8), coding="gzip"),
    "/broken": lambda: page(gzip.compress(noisy(GOOD), 1)[: MOST + 500_000] + GARBAGE, coding="gzip"),
    "/too-far": lambda: page(hidden(page_rest.MOST + STEP)),
    "/slow-bad": lambda: slowly(ME, "<p>" + GOOD, f"<p>{BAD}", "<p>the end"),
    "/slow": lambda: slowly(ME, "<p>" + GOOD, "<p>more", "<p>the end"),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[School, Pages, Running]]:
    school = School(tmp_path_factory.mktemp("rest"))
    with Nameserver() as dns, Pages(PAGES) as pages, running(school, school.settings(dns, pages.port)) as worker:
        ME[:] = [pages]
        yield school, pages, worker


def asking(site: tuple[School, Pages, Running], path: str) -> socket.socket:
    _, pages, worker = site
    made = socket.create_connection(("127.0.0.1", worker.port), 20)
    made.sendall(f"GET http://unknown.test:{pages.port}{path} HTTP/1.0\r\nHost: unknown.test\r\n\r\n".encode())
    return made


def all_of(connection: socket.socket) -> bytes:
    got = b""
    try:
        while data := connection.recv(1 << 20):
            got += data
    except ConnectionResetError:
        pass
    return got


def body_of(site: tuple[School, Pages, Running], path: str) -> tuple[bytes, bytes]:
    """(status line, body) of what arrives, whole or not."""
    with asking(site, path) as connection:
        head, _, body = all_of(connection).partition(b"\r\n\r\n")
    return head.partition(b"\r\n")[0], body


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "/gzip": lambda body: page_of("gzip", body),
    "/br": lambda body: page_of("br", body),
    "/zstd": lambda body: page_of("zstd", body),
}


def page_of(coding: str, body: bytes) -> bytes:
    """What a browser could show of *body*, which may end early."""
    return unpack(body, coding, 20_000_000)


@pytest.mark.parametrize("path", ["/behind", "/json", "/utf-16", "/gzip", "/br", "/zstd"])
def test_a_page_ends_before_the_words_that_close_it(site, path: str) -> None:
    status, body = body_of(site, path)
    shown = PACKED.get(path, bytes)(body)
    assert b" 200 " in status, "its beginning was out"
    assert len(shown) >= MOST
    assert b"free spins" not in shown.replace(b"\0", b"")
    found = [breach for breach in site[0].breaches() if breach.path == path]
    assert [breach.rule for breach in found] == ["score 166 of 100"], "it is on record once"


@pytest.mark.parametrize("path", ["/good", "/good-gzip"])
def test_a_long_page_without_such_words_arrives_whole_and_is_not_called_clean(site, path: str) -> None:
    before = len(cleans(site[0]))
    _, body = body_of(site, path)
    assert body == PAGES[path]().pieces[0]
    assert len(cleans(site[0])) == before


def test_what_packs_very_well_is_read_behind_its_first_megabytes_before_any_is_shown(site) -> None:
    status, body = body_of(site, "/packed")
    assert b" 403 " in status
    assert b"betting or gambling" in body


def test_what_packs_very_well_and_is_broken_at_its_end_is_not_shown(site) -> None:
    status, _ = body_of(site, "/packed-broken")
    assert b" 503 " in status


def test_nothing_goes_on_behind_what_no_browser_could_unpack(site) -> None:
    _, body = body_of(site, "/broken")
    assert NOISE[:1_000_000] in page_of("gzip", body)
    assert len(body) < MOST + 500_000 + 2 * STEP


def begun(connection: socket.socket) -> None:
    """Return when the first piece of a slow page has arrived."""
    came = b""
    while GOOD[-40:].encode() not in came:
        more = connection.recv(65536)
        assert more, "it ended before"
        came += more


def test_what_a_slow_page_brings_later_is_read_before_it_is_shown(site) -> None:
    site[1].release.clear()
    with asking(site, "/slow-bad") as connection:
        begun(connection)
        site[1].release.set()
        assert b"free spins" not in all_of(connection)


def test_each_piece_of_a_slow_page_arrives_when_it_comes(site) -> None:
    site[1].release.clear()
    with asking(site, "/slow") as connection:
        begun(connection)
        site[1].release.set()
        assert all_of(connection) == b"<p>more<p>the end"


def test_the_docs_say_how_far_a_page_is_read(site) -> None:
    _, body = body_of(site, "/too-far")
    assert b"free spins" in body


def test_the_metrics_say_that_nothing_is_held_any_more(site) -> None:
    until(lambda: site[2].metric("schoolgate_proxy_held_bytes") == 0)


# Windows


def words(pieces: list[bytes], content_type: str = "", kind: Kind = Kind.HTML, known: int = 0) -> list[str]:
    windows = Windows(kind, "", content_type, known)
    return [text for piece in pieces for text in windows.take(piece)]


@pytest.mark.parametrize("at", range(STEP - 60, STEP + 10, 7))
@pytest.mark.parametrize("codec", ["utf-8", "utf-16", "cp1251"])
def test_no_phrase_is_missed_for_where_a_window_ends(at: int, codec: str) -> None:
    phrase = "скачать казино бесплатно"
    body = (" " * (at // (2 if codec == "utf-16" else 1)) + phrase + " " * STEP).encode(codec)
    pieces = [body[start : start + 9_999] for start in range(0, len(body), 9_999)]
    assert any(phrase in text for text in words(pieces, "text/html" if codec == "utf-16" else f"; charset={codec}"))


def test_without_a_charset_a_window_that_begins_inside_a_character_is_read_all_the_same() -> None:
    body = "ю".encode() * 10_000 + "казино".encode()
    found = words([body[:9_001], body[9_001:]])
    assert "казино" in found[-1]


def test_what_was_read_with_the_beginning_is_not_read_again() -> None:
    assert words([b"known", b"new"], known=5) == ["knownnew"]


def test_no_more_than_so_many_megabytes_are_read() -> None:
    windows = Windows(Kind.PLAIN, "gzip", "", 0)
    read = sum(map(len, windows.take(gzip.compress(bytes(4 * page_rest.MOST)))))
    assert windows.over
    assert read < page_rest.MOST * 1.2


def test_a_window_of_what_is_broken_says_so() -> None:
    windows = Windows(Kind.PLAIN, "gzip", "", 0)
    with pytest.raises(BrokenError):
        list(windows.take(gzip.compress(NOISE)[:100_000] + GARBAGE))
