import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporting import page_link
from reporting.page_link import Link, Purpose

KEY, OTHER = bytes(32), bytes([1]) * 32
LINK = Link("games.test", "ks2", 1_800_000_000)


def test_a_link_says_what_was_put_in() -> None:
    text = page_link.make(KEY, Purpose.OPEN, LINK)
    assert page_link.read(KEY, Purpose.OPEN, text, LINK.at) == LINK


@given(st.text(max_size=253), st.text(max_size=40), st.integers(0, 2**40))
def test_a_link_stands_in_an_address_as_it_is(host: str, profile: str, at: int) -> None:
    link = Link(host, profile, at)
    text = page_link.make(KEY, Purpose.SAW, link)
    assert text.replace("-", "").replace("_", "").isalnum()
    assert text.isascii()
    if len(text) <= 1024:
        assert page_link.read(KEY, Purpose.SAW, text, at) == link


def test_one_purpose_is_not_another() -> None:
    assert page_link.read(KEY, Purpose.SAW, page_link.make(KEY, Purpose.OPEN, LINK), LINK.at) is None


def test_another_key_reads_nothing() -> None:
    assert page_link.read(OTHER, Purpose.OPEN, page_link.make(KEY, Purpose.OPEN, LINK), LINK.at) is None


@pytest.mark.parametrize(("later", "usable"), [(-301, False), (-300, True), (86_400, True), (86_401, False)])
def test_a_link_lasts_a_day(later: int, usable: bool) -> None:
    text = page_link.make(KEY, Purpose.OPEN, LINK)
    assert (page_link.read(KEY, Purpose.OPEN, text, LINK.at + later) is not None) is usable


@pytest.mark.parametrize("place", range(0, len(page_link.make(KEY, Purpose.OPEN, LINK)), 3))
def test_a_changed_letter_is_refused(place: int) -> None:
    text = page_link.make(KEY, Purpose.OPEN, LINK)
    changed = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
    assert page_link.read(KEY, Purpose.OPEN, changed, LINK.at) is None


@pytest.mark.parametrize("text", ["", "A", "*", "ä", "====", "A" * 1025, "../../etc/passwd"])
def test_what_is_no_link_is_refused(text: str) -> None:
    assert page_link.read(KEY, Purpose.OPEN, text, LINK.at) is None


@given(st.binary(max_size=300))
def test_no_bytes_are_taken_for_a_link(raw: bytes) -> None:
    text = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    assert page_link.read(KEY, Purpose.OPEN, text, LINK.at) is None
