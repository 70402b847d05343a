"""Lists of phrases: our own tables, and the angled form of others."""

import pytest

from blocklists.phrases import Left, Phrase, Read, literal, read_angled, read_csv

HEAD = "phrase,weight,category,language"


def table(*lines: str) -> Read:
    return read_csv([HEAD, *lines])


def test_a_table_is_read() -> None:
    read = table("free spins,50,gambling,EN", "odds & bet now , 30 ,gambling,", "key stage,-30,,en", "# a note,,,")
    assert read.left == []
    assert read.phrases == [
        Phrase(("free spins",), 50, "gambling", "en"),
        Phrase(("odds", "bet now"), 30, "gambling"),
        Phrase(("key stage",), -30, "", "en"),
    ]
    assert read.phrases[1].words == "odds & bet now"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("casino,much,gambling,en", "no whole number"),
        ("casino,0,gambling,en", "no whole number"),
        ("casino,1001,gambling,en", "no whole number"),
        ("casino,99999999999999999999999,gambling,en", "no whole number"),
        ("casino,10,,en", "needs a category"),
        ("of,10,gambling,en", "too short"),
        ("!!!,10,gambling,en", "too short"),
        ("casino & ,10,gambling,en", "too short"),
        ("a" * 201 + ",10,gambling,en", "too long"),
        ("one & two & three & four & five & six,10,gambling,en", "more than 5 parts"),
        ("casino", "no whole number"),
    ],
    ids=lambda text: text[:20],
)
def test_a_bad_line_is_left_out_with_its_number_and_the_reason(line: str, why: str) -> None:
    read = table("bingo,10,gambling,en", line)
    assert len(read.phrases) == 1
    assert read.left[0].line == 3
    assert why in read.left[0].why


def test_what_is_no_table_is_left_out_as_a_whole() -> None:
    assert read_csv(["phrase,points"]).left == [Left(1, "no column weight, category, language")]
    assert read_csv([]).left[0].why.startswith("no column")
    assert "no table" in table("x" * 200_000).left[0].why


def test_the_angled_form_is_read() -> None:
    lines = [
        '#listcategory: "Gambling"',
        "",
        "< free spins ><50>",
        "<odds>,<bet now><30>",
        "<lesson><-20>",
        "<online casino>",
        "<20>",
        "<dice><3>",
    ]
    read = read_angled(lines, "gambling", "EN")
    assert [(phrase.parts, phrase.weight) for phrase in read.phrases] == [
        (("free spins",), 50),
        (("odds", "bet now"), 30),
        (("lesson",), -20),
        (("online casino",), 100),
        (("dice",), 3),
    ]
    assert {phrase.category for phrase in read.phrases} == {"gambling"}
    assert {phrase.language for phrase in read.phrases} == {"en"}
    assert [left.line for left in read.left] == [7]


@pytest.mark.parametrize(
    ("line", "why"), [(".Include</etc/phrases>", "another file"), ("casino", "no phrase"), ("<casino", "no phrase")]
)
def test_what_the_angled_form_has_besides_is_left_out(line: str, why: str) -> None:
    assert why in read_angled([line], "gambling").left[0].why


@pytest.mark.parametrize(
    ("part", "looked_for"),
    [
        ("Free  Spins!", b" free spins "),
        ("casino*", b" casino"),
        ("\u8d4c\u573a", "\u8d4c\u573a".encode()),
        ("go\u8d4c", " go\u8d4c".encode()),
    ],
    ids=ascii,
)
def test_a_part_is_looked_for_as_whole_words(part: str, looked_for: bytes) -> None:
    assert literal(part) == looked_for
