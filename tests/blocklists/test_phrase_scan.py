"""Finding phrases: as words, in disguise, in their language, from a saved database or a new one."""

from pathlib import Path

import pytest

from blocklists import phrase_lists, phrase_scan, snapshot
from blocklists.phrase_scan import Saved, Scanner
from blocklists.phrases import Phrase, read_csv

LANGUAGES = phrase_lists.languages()
PHRASES = read_csv(
    [
        "phrase,weight,category,language",
        "casino,60,gambling,",
        "bet*,40,gambling,",
        "tip* & odds,30,gambling,en",
        "kot,20,drugs,en",
        "\u8d4c\u573a,70,gambling,zh",
        "worksheet,-30,,",
    ]
).phrases


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    return Scanner(PHRASES, LANGUAGES)


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("", 0),
        ("Casino!", 60),
        ("casino casino CASINO", 60),
        ("casinos of occasinoism", 0),
        ("CAS\u00cdNO", 60),
        ("c@s1no", 60),
        ("c a s i n o", 60),
        ("c\u0430sin\u043e", 60),
        ("betting is", 40),
        ("alphabet", 0),
        ("a tip about the odds", 30),
        ("a tip about the weather", 0),
        ("\u5728\u8d4c\u573a\u91cc", 70),
        ("casino worksheet", 30),
    ],
    ids=ascii,
)
def test_a_text_has_the_score_of_its_phrases(scanner: Scanner, text: str, score: int) -> None:
    assert scanner.score(text).score == score


def test_a_light_word_of_another_language_is_none(scanner: Scanner) -> None:
    assert scanner.score("kot").score == 20
    assert scanner.score("To nie jest pies, ale kot, kt\u00f3ry si\u0119 bawi na dworze").score == 0


def test_a_saved_scanner_finds_the_same(scanner: Scanner, tmp_path: Path) -> None:
    scanner.save(tmp_path / "phrases", written_ns=1)
    again = phrase_scan.load(tmp_path / "phrases")
    assert again.phrases == scanner.phrases
    assert again.score("casino, betting") == scanner.score("casino, betting")


def test_a_database_that_does_not_load_here_is_compiled_anew(scanner: Scanner, tmp_path: Path) -> None:
    other = Saved(scanner.phrases, scanner.languages, b"made for another processor")
    snapshot.write(tmp_path / "phrases", other, version=1, written_ns=1)
    assert phrase_scan.load(tmp_path / "phrases").score("casino").score == 60


def test_no_phrases_are_found_nowhere(tmp_path: Path) -> None:
    Scanner((), {}).save(tmp_path / "phrases", written_ns=1)
    assert phrase_scan.load(tmp_path / "phrases").score("casino").score == 0


def test_a_twin_finds_the_same(scanner: Scanner) -> None:
    assert scanner.twin().score("casino") == scanner.score("casino")


def test_every_shipped_phrase_is_taken_and_found() -> None:
    lists = phrase_lists.read(phrase_lists.files(phrase_lists.FOLDER))
    assert lists
    assert [(path.name, left) for path, read in lists.items() for left in read.left] == []
    shipped = phrase_lists.shipped()
    for phrase in shipped.phrases:
        if phrase.weight > 0:
            text = " and then ".join(part.replace("*", "s") for part in phrase.parts)
            assert any(words == phrase.words for words, _ in shipped.score(text).evidence), phrase


def test_every_phrase_is_of_a_category_that_can_be_closed() -> None:
    from blocklists import defaults
    from blocklists.rulebook import NEVER_BLOCKED

    book = defaults.rulebook("Oak Lane School")
    categories = {phrase.category for phrase in phrase_lists.shipped().phrases if phrase.category}
    assert categories <= book.categories.keys() - NEVER_BLOCKED


def test_two_scanners_of_the_same_phrases_are_one(scanner: Scanner) -> None:
    assert Scanner([*PHRASES, *PHRASES], LANGUAGES).phrases == scanner.phrases
    assert isinstance(scanner.phrases[0], Phrase)
