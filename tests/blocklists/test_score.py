"""What phrases add up to: each counts once and ever less, for the worst category, and excuses have an end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocklists.phrases import Phrase
from blocklists.score import EXCUSED, FADE, Score, counts, faded, weigh

weights = st.integers(1, 100)


def phrase(words: str, weight: int, category: str = "gambling", language: str = "") -> Phrase:
    return Phrase((words,), weight, category, language)


def test_nothing_found_is_nothing() -> None:
    assert weigh([], ()) == Score()
    assert weigh([phrase("lesson", -30, "")], ()) == Score()


def test_one_clear_hit_is_its_weight() -> None:
    assert weigh([phrase("casino", 100)], ()) == Score(100, "gambling", (("casino", 100),))


def test_each_further_phrase_counts_for_less() -> None:
    assert weigh([phrase("a", 20), phrase("b", 100), phrase("c", 40)], ()).score == round(100 + 40 * 0.85 + 20 * 0.7225)


@given(st.lists(weights, min_size=1, max_size=200))
def test_a_long_page_of_light_phrases_never_sums_up(given_weights: list[int]) -> None:
    assert faded(given_weights) <= max(given_weights) / (1 - FADE)


def test_the_worst_category_is_the_page_s() -> None:
    found = [phrase("a", 50, "weapons"), phrase("b", 40, "drugs"), phrase("c", 40, "drugs")]
    assert weigh(found, ()) == Score(74, "drugs", (("b", 40), ("c", 40)))


def test_what_speaks_for_a_page_is_taken_off_where_it_belongs() -> None:
    found = [phrase("a", 60), phrase("b", 60, "drugs"), phrase("c", -20, "drugs"), phrase("d", -10, "")]
    assert weigh(found, ()) == Score(50, "gambling", (("a", 60), ("d", -10)))


@given(st.lists(weights, min_size=1, max_size=20), st.lists(weights, max_size=50))
def test_no_page_is_excused_of_all(against: list[int], speaking_for: list[int]) -> None:
    found = [phrase(f"a{n}", w) for n, w in enumerate(against)]
    found += [phrase(f"b{n}", -w, "") for n, w in enumerate(speaking_for)]
    assert weigh(found, ()).score >= round(faded(against) * (1 - EXCUSED)) - 1


@pytest.mark.parametrize(
    ("weight", "language", "spoken", "counted"),
    [
        (20, "en", (), True),
        (20, "en", ("en", "cy"), True),
        (20, "en", ("de",), False),
        (20, "", ("de",), True),
        (50, "en", ("de",), True),
        (-30, "en", ("de",), False),
    ],
)
def test_a_light_phrase_counts_in_its_language_only(
    weight: int, language: str, spoken: tuple[str, ...], *, counted: bool
) -> None:
    assert counts(phrase("word", weight, language=language), spoken) is counted


def test_the_evidence_is_a_line() -> None:
    score = weigh([phrase("a", 60), phrase("b", 30), phrase("c", -20, "")], ())
    assert score.words() == "a +60, b +30, c -20"
    assert score.words(most=1) == "a +60, and 2 more"
    assert Score().words() == ""
