"""Text from outside, made safe to look at."""

import unicodedata

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from reporting.web.plain import LONGEST, UNSEEN, plain, plain_json, printed


@pytest.mark.parametrize(
    ("given_text", "shown"),
    [
        ("games.test", "games.test"),
        ("\x1b[31mred", "\ufffd[31mred"),
        ("[bold]x[/bold]", "[bold]x[/bold]"),
        ("a\u202egpj.exe", "a\ufffdgpj.exe"),
        ("a\u2066b\u2069c\u200ed\ufeff", "a\ufffdb\ufffdc\ufffdd\ufffd"),
        ("a\x00\r\n\tb", "a\ufffdb"),
        ("a\u2028b\u0085c", "a\ufffdb\ufffdc"),
        ("=cmd|' /C calc'!A0", "=cmd|' /C calc'!A0"),
        ("école.test", "école.test"),
        ("\ud800", "\ufffd"),
    ],
)
def test_what_cannot_be_seen_is_replaced_and_the_rest_stays(given_text, shown):
    assert plain(given_text) == shown


def test_a_long_value_is_cut_and_the_cut_is_shown():
    assert plain("a" * 65536) == "a" * LONGEST + "…"
    assert plain("a" * LONGEST) == "a" * LONGEST


@given(st.text(st.characters(), max_size=2 * LONGEST))
def test_nothing_unseen_is_ever_left(text):
    shown = plain(text)
    assert not [c for c in shown if unicodedata.category(c) in UNSEEN]
    assert len(shown) <= LONGEST + 1
    assert plain(shown[:LONGEST]) == shown[:LONGEST]


def test_a_template_prints_numbers_and_our_own_markup_as_they_are():
    assert printed(7) == 7
    assert printed(Markup("<b>\n</b>")) == "<b>\n</b>"
    assert printed("\x07") == "\ufffd"


def test_every_text_within_json_is_made_plain():
    found = plain_json({"a": ["\x1b", {"b": "x\u202e"}], "n": 1, "t": ("\x00",), "none": None})
    assert found == {"a": ["\ufffd", {"b": "x\ufffd"}], "n": 1, "t": ["\ufffd"], "none": None}
    assert msgspec.json.encode(found)
