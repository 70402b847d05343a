"""What people are called."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporting import pseudonym

KEY = b"a key of the tests"


@given(st.integers(1, 2**40 - 1), st.sampled_from(["2026-1", "2026-2", "2026-3"]))
def test_a_pseudonym_leads_back_to_its_person_in_its_term(person, term):
    called = pseudonym.of(person, term, KEY)
    assert pseudonym.is_one(called)
    assert pseudonym.person(called, term, KEY) == person
    assert pseudonym.person(f" {called.lower().replace('-', '')} ", term, KEY) == person


def test_nobody_has_two_names_in_a_term_and_two_terms_share_none():
    named = {pseudonym.of(person, term, KEY) for person in range(1, 2_001) for term in ("2026-1", "2026-2")}
    assert len(named) == 4_000


def test_another_key_says_another_thing():
    assert pseudonym.of(7, "2026-1", KEY) != pseudonym.of(7, "2026-1", b"another")
    assert pseudonym.person(pseudonym.of(7, "2026-1", KEY), "2026-2", KEY) != 7


@pytest.mark.parametrize("person", [0, -1, 2**40])
def test_what_is_no_person_has_no_name(person):
    assert pseudonym.of(person, "2026-1", KEY) == ""


@pytest.mark.parametrize("text", ["", "K7QM", "K7QM-4DT0", "K7QM-4DTXX", "\N{CYRILLIC CAPITAL LETTER KA}7QM-4DTX"])
def test_what_is_no_pseudonym_is_nobody(text):
    assert not pseudonym.is_one(text)
    assert pseudonym.person(text, "2026-1", KEY) is None


@pytest.mark.parametrize(
    ("day", "term"),
    [
        ((2026, 1, 1), "2026-1"),
        ((2026, 4, 10), "2026-1"),
        ((2026, 4, 11), "2026-2"),
        ((2026, 8, 31), "2026-2"),
        ((2026, 9, 1), "2026-3"),
        ((2026, 12, 31), "2026-3"),
    ],
)
def test_each_day_is_in_the_term_that_began_before_it(day, term):
    assert pseudonym.term_of(datetime.date(*day)) == term
    assert pseudonym.begins(term) <= datetime.date(*day)
