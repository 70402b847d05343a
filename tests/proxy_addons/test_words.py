import re
import string
from pathlib import Path

import pytest

from blocklists import defaults
from proxy_addons import words
from proxy_addons.trouble import Trouble

ENGLISH = words.of("en")
OTHERS = sorted(words.available() - {"en"})
ROOM = Path(words.__file__).parent


def places(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


def test_there_are_the_languages_that_a_school_was_promised() -> None:
    assert words.available() >= {"en", "cy", "pl", "ur", "ar", "ro"}


@pytest.mark.parametrize("language", OTHERS)
def test_a_language_has_every_sentence_and_no_other(language: str) -> None:
    assert set(words.of(language).sentences) == set(ENGLISH.sentences)


@pytest.mark.parametrize("language", OTHERS)
def test_the_places_in_a_sentence_are_the_same_in_each_language(language: str) -> None:
    found = words.of(language).sentences
    assert {key: places(text) for key, text in found.items()} == {
        key: places(text) for key, text in ENGLISH.sentences.items()
    }


@pytest.mark.parametrize("language", OTHERS)
def test_every_sentence_is_in_the_language(language: str) -> None:
    """A copied file whose sentences are still in English would pass every other test."""
    alike = {"help.samaritans", "help.childline", "ks1.stop"}
    found = words.of(language).sentences
    assert not {key for key, text in found.items() if text == ENGLISH.sentences[key]} - alike


@pytest.mark.parametrize("language", sorted(words.available()))
def test_a_file_is_called_by_its_language_and_says_its_direction(language: str) -> None:
    found = words.of(language)
    assert found.language == language
    strong = sum("\u0590" <= c <= "\u08ff" for text in found.sentences.values() for c in text)
    latin = sum(c.isascii() and c.isalpha() for text in found.sentences.values() for c in text)
    assert found.direction == ("rtl" if strong > latin else "ltr")


@pytest.mark.parametrize("language", sorted(words.available()))
def test_a_sentence_is_text_and_no_markup(language: str) -> None:
    for key, text in words.of(language).sentences.items():
        assert text.strip() == text, key
        assert text, key
        assert not re.search(r"[<>&\x00-\x1f\u200e\u200f\u202a-\u202e\u2066-\u2069]", text), key


def test_the_english_of_a_category_is_what_the_policy_says() -> None:
    shipped = {f"category.{row['category']}": f"it is {row['words']}" for row in defaults.table("categories")}
    assert {key: text for key, text in ENGLISH.sentences.items() if key.startswith("category.")} == shipped


def test_every_sentence_is_used_and_every_used_one_is_there() -> None:
    """Those whose key is put together: reasons, lines, codes, categories, troubles."""
    sources = [
        *(p.read_text() for p in ROOM.glob("*.py")),
        *(p.read_text() for p in ROOM.glob("templates/*.html")),
    ]
    tables = "page|ks1|ks2|secondary|staff|help|help_adult|before_results|trouble"
    named = set(re.findall(rf"\"((?:{tables})\.(?!css|html)\w+)\"", "".join(sources)))
    named |= {f"{why.key}.{part}" for why in Trouble for part in ("title", "words")}
    put_together = ("because.", "line.", "later.", "category.")
    assert named == {key for key in ENGLISH.sentences if not key.startswith(put_together)}


def test_a_sentence_that_a_language_lacks_is_given_in_english() -> None:
    lacking = words.Words("xx", "ltr", {}, ENGLISH)
    assert lacking.plain("page.closed") == ENGLISH.plain("page.closed")
    assert "page.closed" not in lacking


def test_a_sentence_that_no_language_has_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError):
        words.of("cy").plain("page.nowhere")


def test_what_is_put_into_a_sentence_is_escaped() -> None:
    assert ENGLISH("ks1.tell_named", adult="<b>{host}") == "Tell &lt;b&gt;{host}."


def test_a_browser_has_its_language_and_a_school_its_own() -> None:
    assert words.for_reader("pl-PL,en;q=0.5").language == "pl"
    assert words.for_reader("de", "cy").language == "cy"
    assert words.for_reader("de", "tlh").language == "en"
