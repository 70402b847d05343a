"""Where phrases may be: the places of their anchors among the words of a text."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocklists import fold
from blocklists.theme_anchors import Anchors, joined
from blocklists.theme_phrase import compiled, parse
from blocklists.theme_text import words_of

PHRASES = list(enumerate(compiled([parse(text, {}) for text in ("green tea", "tea ... milk", "caf\u00e9")], ["tea"])))
ANCHORS = Anchors(PHRASES)


def places(text: str, most: int = 100) -> list[tuple[int, list[int]]]:
    return [(place, [number for number, _ in phrases]) for place, phrases in ANCHORS.places(text.split(), most)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("some evergreen tea", []),
        ("green tea", [(1, [0])]),
        ("a green tea with milk", [(2, [0]), (4, [1])]),
        ("milk milk cafe", [(0, [1]), (1, [1]), (2, [2])]),
        ("one two caf three cafe", [(4, [2])]),
    ],
)
def test_an_anchor_is_found_by_its_place_among_the_words(text: str, found: list[tuple[int, list[int]]]) -> None:
    assert places(text) == found


def test_no_more_places_are_given_than_are_asked_for() -> None:
    assert places("milk " * 50, 3) == [(0, [1]), (1, [1]), (2, [1])]


def test_without_phrases_there_is_no_place() -> None:
    assert list(Anchors([]).places(["green", "tea"], 9)) == []
    assert Anchors([]).numbers(b" green tea ") == set()


@pytest.mark.parametrize(
    ("text", "numbers"),
    [(b" ", set()), (b" evergreen tea ", set()), (b" a green tea with milk milk ", {0, 1}), (b" cafe ", {2})],
)
def test_the_phrases_are_told_of_which_an_anchor_is_there(text: bytes, numbers: set[int]) -> None:
    assert ANCHORS.numbers(text) == numbers


@given(st.text(st.characters(codec="ascii")))
def test_ascii_text_that_was_folded_for_the_scan_has_the_same_words(text: str) -> None:
    assert fold.fold(text).split() == joined(words_of(text)).split()


def test_threads_may_look_at_once() -> None:
    text = "word " * 20_000 + "green tea"
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(places, [text] * 40)) == [[(20_001, [0])]] * 40
