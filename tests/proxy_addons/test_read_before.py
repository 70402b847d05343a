"""The same bytes are read once, and judged for each who asks for them."""

import pytest

from blocklists.phrase_lists import shipped
from blocklists.phrase_scan import Scanner
from blocklists.score import Score
from blocklists.themes import shipped as shipped_themes
from proxy_addons import read_before
from proxy_addons.page_text import Kind
from proxy_addons.read_before import ReadBefore
from proxy_addons.reading import Reading, Sent
from tests.proxy_addons.conftest import House

READING = Reading(Score(166, "gambling", (("online casino", 60),)), (), 91, 120)
SENT = Sent(b"<p>the same", "gzip", "text/html")


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    return shipped().twin()


def test_a_reading_is_found_again(scanner: Scanner) -> None:
    before, key = ReadBefore(), ReadBefore.key(SENT, Kind.HTML, None)
    assert before.find(scanner, key) is None
    before.keep(scanner, key, READING)
    assert before.find(scanner, key) is READING


@pytest.mark.parametrize(
    ("sent", "kind", "watched"),
    [
        (Sent(b"<p>the samf", "gzip", "text/html"), Kind.HTML, False),
        (Sent(b"<p>the same", "br", "text/html"), Kind.HTML, False),
        (Sent(b"<p>the same", "gzip", "text/html; charset=koi8-r"), Kind.HTML, False),
        (SENT, Kind.PLAIN, False),
        (SENT, Kind.HTML, True),
    ],
    ids=["bytes", "coding", "type", "kind", "themes"],
)
def test_whatever_else_may_be_read_otherwise_is_read(scanner: Scanner, sent: Sent, kind: Kind, watched: bool) -> None:
    before, key = ReadBefore(), ReadBefore.key(SENT, Kind.HTML, None)
    before.find(scanner, key)
    before.keep(scanner, key, READING)
    assert before.find(scanner, ReadBefore.key(sent, kind, shipped_themes() if watched else None)) is None


def test_other_phrases_read_everything_anew(scanner: Scanner) -> None:
    before, key, newer = ReadBefore(), ReadBefore.key(SENT, Kind.HTML, None), scanner.twin()
    before.find(scanner, key)
    before.keep(scanner, key, READING)
    assert before.find(newer, key) is None
    before.keep(scanner, key, READING)  # begun by the old phrases, and ended under the new ones
    assert before.find(newer, key) is None


def test_what_was_asked_for_last_is_kept(scanner: Scanner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_before, "MOST", 2)
    before = ReadBefore()
    first, second, third = (ReadBefore.key(Sent(text), Kind.HTML, None) for text in (b"1", b"2", b"3"))
    for key in (first, second):
        before.find(scanner, key)
        before.keep(scanner, key, READING)
    before.find(scanner, first)
    before.keep(scanner, third, READING)
    assert [before.find(scanner, key) for key in (first, second, third)] == [READING, None, READING]


def test_a_reading_with_very_much_in_it_is_not_kept(scanner: Scanner) -> None:
    before, key = ReadBefore(), ReadBefore.key(SENT, Kind.HTML, None)
    before.find(scanner, key)
    before.keep(scanner, key, Reading(Score(900, "gambling", (("online casino", 60),) * 41)))
    assert before.find(scanner, key) is None


def test_a_page_is_read_once_and_judged_and_on_record_for_each_who_asks(house: House) -> None:
    url = house.url("unknown.test", "/online-casino/free-spins")
    before = house.worker.metric("schoolgate_proxy_pages_read_before_total")
    answers = [house.worker.curl(url, ca=house.school.ca, profile=who) for who in ("ks2", "ks3")]
    assert house.worker.metric("schoolgate_proxy_pages_read_before_total") == before + 1
    assert all("betting or gambling" in answer for answer in answers)
    found = [breach for breach in house.school.breaches() if breach.path == "/online-casino/free-spins"]
    assert [breach.profile for breach in found] == ["ks2", "ks3"]
    assert found[0].evidence == found[1].evidence != ""
