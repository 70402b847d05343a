import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_addons.languages import chosen

THERE = {"en", "cy", "pl", "ur", "ar", "ro"}


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        ("", "en"),
        ("cy", "cy"),
        ("cy-GB,cy;q=0.9,en;q=0.8", "cy"),
        ("CY-gb", "cy"),
        ("en-GB,en;q=0.9,pl;q=0.8", "en"),
        ("fr-FR,fr;q=0.9,ro;q=0.5,ar;q=0.7", "ar"),
        ("zh-Hant-TW", "en"),
        ("pl;q=0", "en"),
        ("pl;q=x, ro;q=0.1", "ro"),
        ("pl;q=\N{SUPERSCRIPT TWO}, ro", "ro"),
        ("*", "en"),
        ("ur ; q = 0.4 , *;q=0.1", "ur"),
        ("pl;version=2,ro;q=0.9", "pl"),
        (",;,-,;q=", "en"),
        ("x," * 5000 + "pl", "en"),
    ],
)
def test_the_language_is_the_first_that_is_there(accept: str, language: str) -> None:
    assert chosen(accept, THERE, "en") == language


def test_a_school_has_a_language_of_its_own() -> None:
    assert chosen("de", THERE, "cy") == "cy"


@given(st.text())
def test_whatever_a_browser_sends_there_is_a_language(accept: str) -> None:
    assert chosen(accept, THERE, "en") in THERE
