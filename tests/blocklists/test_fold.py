"""Folding: what a person reads as a word is one word, however its letters are written."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocklists.fold import both, disguised, fold

ALPHABET = set(string.ascii_lowercase + string.digits + " ")


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("", " "),
        (" \n ", " "),
        ("a  b \t c  d", " a b c d "),
        ("Hello,  World!\n", " hello world "),
        ("It's", " its "),
        ("It\u2019s", " its "),
        ("a t\u00e9st", " a test "),
        ("te\u0301st", " test "),
        ("\u0141\u00f3d\u017a, stra\u00dfe, \u00e6on", " lodz strasse aeon "),
        ("\uff26\uff55\uff4c\uff4c \U0001d41b\U0001d428\U0001d425\U0001d41d \ufb01n", " full bold fin "),
        ("so\u00adft ze\u200bro", " soft zero "),
        ("p\u0430yp\u0430l of the world", " paypal of the world "),
        (
            "p\u0430yp\u0430l \u0438 \u043c\u043e\u0441\u043a\u0432\u0430 \u0438 \u043c\u0438\u0440",
            " paypal \u0438 \u043c\u043e\u0441\u043a\u0432\u0430 \u0438 \u043c\u0438\u0440 ",
        ),
        ("\u041c\u043e\u0441\u043a\u0432\u0430", " \u043c\u043e\u0441\u043a\u0432\u0430 "),
        (
            "\u0645\u064f\u062d\u064e\u0645\u0651\u064e\u062f \u06a9\u06cc\u0640",
            " \u0645\u062d\u0645\u062f \u0643\u064a ",
        ),
        ("\u0661\u0662", " 12 "),
        ("\U0001f170\U0001f1e7 flag", " ab flag "),
        ("one\u2014two \ud800 three", " one two three "),
        ("one \ud800 two", " one two "),
        ("\u0e01\u0e34\u0e19", " \u0e01\u0e34\u0e19 "),
    ],
    ids=ascii,
)
def test_text_is_folded(text: str, folded: str) -> None:
    assert fold(text).decode() == folded


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("", ""),
        ("nothing hidden here", ""),
        ("wow! what a day!", ""),
        ("b1ngo", "bingo"),
        ("b00k", "book"),
        ("$ale now", "sale now"),
        ("gra$$ is", "grass is"),
        ("in the y3ar", "in the year"),
        ("far away " * 20 + "b1ngo hall " + "and so on " * 20, "bingo hall"),
        ("b1ngo " + "and so on " * 20 + "b1ngo", "bingo"),
        ("x" * 200 + " b1ngo " + "y" * 200, "bingo"),
        ("0" * 3_000 + " b1ngo", "bingo"),
        ("\uff42\uff11ngo", "bingo"),
    ],
    ids=lambda text: text[:24],
)
def test_disguised_words_are_read(text: str, hidden: str) -> None:
    found = disguised(text).decode()
    assert (f" {hidden} " in found) if hidden else not found


@pytest.mark.parametrize("text", ["b i n g o", "b.i.n.g.o", "b - i - n - g - o!", "now b i n g o now"])
def test_letters_with_blanks_between_are_written_together(text: str) -> None:
    assert b" bingo " in both(text)[1]


def test_many_different_letters_beyond_ascii_are_folded_too() -> None:
    many = "".join(chr(code) for code in range(0x00C0, 0x0180) if chr(code).isalpha())
    assert set(fold("plain words " * 400 + many).decode()) <= ALPHABET | {"\u0138", "\u017f"} | set("\u0138")
    every = "".join(chr(code) for code in range(0x0370, 0x0700))
    assert fold(every)


@given(st.text())
def test_ascii_of_what_is_folded_is_small_letters_digits_and_single_blanks(text: str) -> None:
    folded = fold(text).decode()
    assert {letter for letter in folded if letter.isascii()} <= ALPHABET
    assert "  " not in folded


@given(st.text())
def test_folding_twice_is_folding_once(text: str) -> None:
    once = fold(text)
    assert fold(once.decode()).decode() == once.decode()


@given(st.text(alphabet=string.ascii_letters + string.digits + " $!@\n"))
def test_plain_text_has_the_words_that_it_has(text: str) -> None:
    words = "".join(letter if letter.isalnum() else " " for letter in text.lower()).split()
    assert fold(text).split() == [word.encode() for word in words]
