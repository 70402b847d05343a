"""Words as theme phrases are compared: what two ways of typing share is what is left of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocklists.theme_text import words_of


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("I can't SLEEP", ["i", "cant", "sleep"]),
        ("I can\u2019t", ["i", "cant"]),
        ("caf\u00e9, cafe\u0301!", ["cafe", "cafe"]),
        ("si\u0119 \u0141\u00f3d\u017a", ["sie", "lodz"]),
        ("\u00een \u0219coal\u0103", ["in", "scoala"]),
        ("so\u00adft zero\u200bwidth", ["soft", "zerowidth"]),
        ("one_two-three/four", ["one", "two", "three", "four"]),
        ("\u2014yes\u2026 \u201cno\u201d\u201e", ["yes", "no"]),
        ("\uff26\uff35\uff2c\uff2c", ["full"]),
        ("\U0001f600 ok", ["ok"]),
        ("\ud800 alone", ["alone"]),
        ("", []),
    ],
)
def test_a_text_is_its_words(typed: str, words: list[str]) -> None:
    assert words_of(typed) == words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("\u0645\u062f\u0631\u0633\u0629", "\u0645\u062f\u0631\u0633\u0647"),  # school, teh marbuta or heh
        ("\u0643\u062a\u0627\u0628", "\u06a9\u062a\u0627\u0628"),  # book, Arabic or Urdu kaf
        ("\u0643\u0650\u062a\u0627\u0628\u064c", "\u0643\u062a\u0627\u0628"),  # with vowel signs or without
        ("\u0643\u062a\u0640\u0640\u0627\u0628", "\u0643\u062a\u0627\u0628"),  # stretched
        ("\u0623\u0631\u064a\u062f", "\u0627\u0631\u06cc\u062f"),  # with a hamza or without
    ],
)
def test_arabic_letters_that_keyboards_mix_up_are_one(one: str, other: str) -> None:
    assert words_of(one) == words_of(other)


@given(st.text())
def test_any_text_has_words_without_a_space_and_its_words_are_their_own(text: str) -> None:
    words = words_of(text)
    assert not [word for word in words if not word or " " in word]
    assert words_of(" ".join(words)) == words


@given(
    st.text(alphabet="aB -'\u0301\u00e9\u2019\u00b4\ufb01\u0130\u212a\u0142\u064a\u2013\u00ad\u00bd\ud800", max_size=40)
)
def test_words_are_the_same_in_a_long_text_that_is_mostly_ascii(text: str) -> None:
    assert words_of(f"{text} {'a' * 400}") == [*words_of(text), "a" * 400]
