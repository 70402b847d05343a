"""Themes: what is found in whose words, what silences it, and what the shipped phrases find in our corpus."""

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocklists import defaults, fold, themes
from blocklists.profile import STAFF_THEMES
from blocklists.rulebook import Severity
from blocklists.themes import Role, Row, Theme, Themes
from blocklists.verdict import Hit
from tests.support.sentences import sentences, went_wrong

THEMES = {
    "storm": Theme("Storms", Severity.URGENT, Severity.CONCERN),
    "rain": Theme("Rain", Severity.NOTE, Severity.NOTE),
}
ROWS = [
    ("storm", "i am out in (a|the) storm", Role.RISK),
    ("storm", "storm chasing", Role.TOPIC),
    ("storm", "thunder & tent", Role.TOPIC),
    ("storm", "hail stones", Role.TOPIC),
    ("rain", "heavy rain", Role.TOPIC),
    ("storm", "(novel|film)", Role.CONTEXT),
    ("*", "lesson", Role.CONTEXT),
    ("*", "mountain rescue", Role.HELP),
    ("storm", "storm chasing (song|club)", Role.HARMLESS),
    ("storm", "thunder and lightning cake", Role.HARMLESS),
]
WEATHER = Themes(THEMES, [Row(theme, phrase, role, "en") for theme, phrase, role in ROWS], {})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("I am out in the storm!", [("storm", Severity.URGENT)]),
        ("i am out in a storm, mountain rescue", [("storm", Severity.URGENT)]),
        ("i am out in a storm, lesson, film", [("storm", Severity.URGENT)]),
        ("storm chasing", [("storm", Severity.CONCERN)]),
        ("heavy rain and storm chasing", [("storm", Severity.CONCERN), ("rain", Severity.NOTE)]),
        ("a tent in the thunder", [("storm", Severity.CONCERN)]),
        ("storm chasing film", []),
        ("heavy rain film", [("rain", Severity.NOTE)]),
        ("heavy rain lesson", []),
        ("storm chasing mountain rescue", []),
        ("mountain rescue", []),
        ("storm chasing song", []),
        ("storm chasing song, then storm chasing", [("storm", Severity.CONCERN)]),
        ("thunder and lightning cake in a tent", []),
        ("thunder and lightning cake in a tent with thunder", [("storm", Severity.CONCERN)]),
        ("storm", []),
        ("", []),
    ],
)
def test_what_somebody_types_is_of_a_theme(text: str, found: list[tuple[str, Severity]]) -> None:
    assert [(hit.theme, hit.severity) for hit in WEATHER.hits(text)] == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("i am out in a storm, storm chasing, hail stones", ["storm"]),
        ("i am out in a storm, storm chasing", []),
        ("i am out in a storm, storm chasing, storm chasing", []),
        ("i am out in a storm, storm chasing, hail stones. mountain rescue", []),
    ],
)
def test_a_page_is_of_a_theme_by_three_phrases_and_never_urgent(text: str, found: list[str]) -> None:
    hits = WEATHER.hits_on_page(text)
    assert hits == WEATHER.hits_on_page(text, fold.fold(text))
    assert [hit.theme for hit in hits] == found
    assert all(hit.severity <= Severity.CONCERN for hit in hits)


def test_the_evidence_is_our_phrase_and_not_the_childs_words() -> None:
    (hit,) = WEATHER.hits("secretname says i am out in the storm")
    assert hit == Hit("storm", Severity.URGENT, ("i am out in a/the storm",))


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (Row("snow", "snow", Role.RISK, "en"), "snow: 'snow': no such theme"),
        (Row("*", "snow", Role.TOPIC, "en"), "no such theme"),
        (Row("rain", "(snow", Role.RISK, "en"), "not closed"),
        (Row("rain", "snow & ice", Role.HARMLESS, "en"), "one run of words"),
    ],
)
def test_a_row_that_means_nothing_is_an_error_that_names_it(row: Row, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Themes(THEMES, [row], {})


def test_a_role_that_is_none_is_an_error() -> None:
    with pytest.raises(ValueError, match="shout"):
        list(themes.read([{"theme": "rain", "phrase": "rain", "role": "shout", "language": "en"}]))


@given(st.text())
def test_no_text_raises(text: str) -> None:
    WEATHER.hits(text)
    WEATHER.hits_on_page(text)


def test_a_long_text_ends_to_be_looked_at() -> None:
    assert WEATHER.hits_on_page("storm chasing " * 10_000 + " hail stones i am out in a storm") == ()


# The shipped phrases

CORPUS = sentences()
HARMLESS = sorted({(one.kind, one.language) for one in CORPUS if not one.theme})
FOUND = {"tune": 464, "held": 126, "later": 118, "last": 82}
"""Sentences of each split whose theme is found, of 464, 128, 123 and 82 (docs/explanation/themes.md)."""


@pytest.mark.parametrize(("kind", "language"), HARMLESS)
def test_what_is_harmless_raises_nothing(kind: str, language: str) -> None:
    about = [one.text for one in CORPUS if (one.theme, one.kind, one.language) == ("", kind, language)]
    assert not [text for text in about if themes.shipped().hits(text)]


@pytest.mark.parametrize("split", FOUND)
def test_of_the_sentences_about_a_risk_no_fewer_are_found_than_were(split: str) -> None:
    about = [one for one in CORPUS if one.theme and one.split == split]
    missed = [one.text for one in about if went_wrong(themes.shipped(), one)]
    assert len(about) - len(missed) >= FOUND[split], missed


HELP_WORDS = ("childline", "samaritans 116 123", "nspcc helpline")
GRAVE = ("suicide", "self-harm", "abuse")


@pytest.mark.parametrize("help_words", HELP_WORDS)
@pytest.mark.parametrize(
    "typed", ["i want to die", "my dad hits me who do i tell", "i cut myself on purpose", "my stepdad touches me"]
)
def test_a_risk_of_ones_own_is_urgent_whatever_help_stands_beside_it(typed: str, help_words: str) -> None:
    for text in (f"{typed} {help_words}", f"{help_words} {typed}", f"{help_words} lesson essay {typed}"):
        hits = themes.shipped().hits(text)
        assert [hit.severity for hit in hits if hit.theme in GRAVE] == [Severity.URGENT], text


@pytest.mark.parametrize("theme", GRAVE)
def test_every_risk_to_a_childs_life_is_urgent(theme: str) -> None:
    assert themes.shipped().themes[theme].risk is Severity.URGENT


def test_every_helpline_of_ours_is_nothing_by_itself() -> None:
    lines = (defaults.LISTS / "always-open.txt").read_text().splitlines()
    names = [line.partition("#")[0].strip() for line in lines]
    assert not [name for name in names if name and themes.shipped().hits(name.replace(".", " "))]


def test_the_gravest_themes_speak_all_six_languages() -> None:
    spoken = {(row.theme, row.language) for row in themes.shipped().rows if row.role is Role.RISK}
    assert {(theme, language) for theme in GRAVE for language in ("en", "cy", "pl", "ur", "ar", "ro")} <= spoken


def test_what_staff_are_watched_for_is_among_the_themes() -> None:
    assert STAFF_THEMES & themes.shipped().themes.keys() == {"radicalisation", "bypass"}


def test_no_theme_is_of_who_people_are() -> None:
    about_people = ("identity", "lgbt", "faith", "religion", "ethnic", "health", "gender", "sexuality")
    assert not [name for name in themes.shipped().themes if any(word in name for word in about_people)]


def test_no_phrase_stands_twice() -> None:
    rows = [(row.theme, row.phrase) for row in themes.shipped().rows]
    assert len(rows) == len(set(rows))


def test_every_table_of_phrases_holds_one_theme_and_the_columns_that_are_documented() -> None:
    for path in (defaults.DATA / "themes").glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert list(rows[0]) == ["theme", "phrase", "role", "language"], path
        assert {row["theme"] for row in rows} == {"*" if path.stem == "every" else path.stem}
