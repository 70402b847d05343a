"""Requests rewritten so that results are strict, byte by byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocklists import search
from blocklists.search import By, Class, Engine, Setting
from proxy_addons import safe_search

OAK = Engine(
    "oak",
    "Oak",
    Class.GENERAL,
    ("oak.test",),
    (),
    (Setting(By.QUERY, "safe", "on"), Setting(By.COOKIE, "ff", "1"), Setting(By.HEADER, "X-Safe", "yes")),
)
PLAIN = Engine("plain", "Plain", Class.GENERAL, ("plain.test",), ())


@pytest.mark.parametrize(
    ("asked", "searching", "forced"),
    [
        (b"/s?q=a", True, b"/s?q=a&safe=on"),
        (b"/s", True, b"/s?safe=on"),
        (b"/s?", True, b"/s?safe=on"),
        (b"/s", False, b"/s"),
        (b"/s?", False, b"/s?"),
        (b"/s?q=a&&b", False, b"/s?q=a&&b"),
        (b"/s?safe=off", False, b"/s?safe=on"),
        (b"/s?safe=on&q=a", True, b"/s?q=a&safe=on"),
        (b"/s?safe=off&q=a&safe=off&safe", True, b"/s?q=a&safe=on"),
        (b"/s?SAFE=off&q=a", True, b"/s?q=a&safe=on"),
        (b"/s?%73%61fe=off&q=a", True, b"/s?q=a&safe=on"),
        (b"/s?%2573afe=off&q=a", True, b"/s?q=a&safe=on"),
        (b"/s?safe%00x=off&q=a", True, b"/s?q=a&safe=on"),
        (b"/s?safe[]=off&safe%5B0%5D=off&q=a", True, b"/s?q=a&safe=on"),
        (b"/s?+safe+=off&q=a", True, b"/s?q=a&safe=on"),
        (b"/s?unsafe=1&q=safe%3Doff", True, b"/s?unsafe=1&q=safe%3Doff&safe=on"),
        (b"/s?q=\xff%zz", True, b"/s?q=\xff%zz&safe=on"),
        (b"/s?q=a?safe=off", True, b"/s?q=a?safe=off&safe=on"),
    ],
)
def test_the_setting_is_there_once_and_the_rest_as_it_was(asked: bytes, searching: bool, forced: bytes) -> None:
    assert safe_search.forced_path(OAK, asked, searching=searching) == forced


@pytest.mark.parametrize(
    ("lines", "forced"),
    [
        ([], "ff=1"),
        (["ff=0"], "ff=1"),
        (["a=1; FF=0 ;ff = 2; b=2"], "a=1; b=2; ff=1"),
        (["a=1", "ff=0", "b=2;"], "a=1; b=2; ff=1"),
        (["aff=1; ff"], "aff=1; ff=1"),
    ],
)
def test_the_cookie_is_there_once_in_one_line(lines: list[str], forced: str) -> None:
    assert safe_search.forced_cookies(OAK, lines) == [forced]


def test_an_engine_without_settings_is_asked_as_the_client_asks() -> None:
    assert safe_search.forced_path(PLAIN, b"/s?safe=off", searching=True) == b"/s?safe=off"
    assert safe_search.forced_cookies(PLAIN, ["a=1"]) is None
    assert safe_search.forced_headers(PLAIN) == []


def test_headers_are_told_by_name_and_value() -> None:
    assert safe_search.forced_headers(OAK) == [("X-Safe", "yes")]


def test_a_form_has_the_setting_only_in_place_of_another() -> None:
    assert safe_search.forced_form(OAK, b"q=a&safe=off") == b"q=a&safe=on"
    assert safe_search.forced_form(OAK, b"q=a") == b"q=a"


@given(st.binary(max_size=300), st.booleans())
def test_forcing_twice_is_forcing_once(raw: bytes, searching: bool) -> None:
    once = safe_search.forced_path(OAK, raw, searching=searching)
    assert safe_search.forced_path(OAK, once, searching=searching) == once


@pytest.mark.parametrize("engine", search.shipped().by_name.values(), ids=lambda e: e.name)
def test_no_setting_takes_the_place_of_the_words(engine: Engine) -> None:
    assert engine.keys.isdisjoint(s.name for s in engine.settings if s.by is By.QUERY)
