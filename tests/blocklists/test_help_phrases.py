import pytest

from blocklists import defaults, help_phrases
from blocklists.help_phrases import HelpPhrases
from blocklists.rulebook import Severity

SHIPPED = help_phrases.shipped()


def test_no_phrase_stands_twice() -> None:
    phrases = [help_phrases.words(row["phrase"]) for row in defaults.table("help_phrases")]
    assert sorted(phrases) == sorted(set(phrases))


@pytest.mark.parametrize(
    ("text", "theme"),
    [
        ("my dad hits me who do i tell", "abuse"),
        ("childline my dad hits me", "abuse"),
        ("I WANT TO DIE", "suicide"),
        ("I don\u2019t want to be here anymore", "suicide"),
        ("i w\u00e0nt to die", "suicide"),
        ("how do i stop hurting myself", "self-harm"),
    ],
)
def test_own_danger_is_urgent_whatever_help_stands_beside_it(text: str, theme: str) -> None:
    assert (theme, Severity.URGENT) in [(hit.theme, hit.severity) for hit in SHIPPED.hits(text)]


@pytest.mark.parametrize("text", ["suicide statistics uk", "what is self-harm"])
def test_a_topic_is_a_concern(text: str) -> None:
    assert [hit.severity for hit in SHIPPED.hits(text)] == [Severity.CONCERN]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "childline",
        "childline self harm",
        "samaritans suicide line",
        "suicide squad film",
        "oak trees",
        "selfharmony",
    ],
)
def test_a_help_service_and_what_only_sounds_alike_say_nothing(text: str) -> None:
    assert SHIPPED.hits(text) == ()


def test_the_gravest_phrase_of_a_theme_is_the_evidence() -> None:
    [hit] = SHIPPED.hits("suicide i want to die suicidal")
    assert (hit.theme, hit.evidence) == ("suicide", "i want to die")


@pytest.mark.parametrize(
    ("theme", "phrase", "role"), [("a", "b", "nonsense"), ("", "b", "risk"), ("a", "b", "help"), ("a", "!", "risk")]
)
def test_a_row_that_cannot_be_read_is_named(theme: str, phrase: str, role: str) -> None:
    with pytest.raises(ValueError, match=r"help_phrases\.csv"):
        HelpPhrases([{"theme": theme, "phrase": phrase, "role": role}])


def test_no_phrases_find_nothing() -> None:
    assert HelpPhrases([]).hits("anything") == ()
