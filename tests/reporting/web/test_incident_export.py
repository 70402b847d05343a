"""An incident as a PDF in letters of many kinds."""

import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reporting.web import incident_export
from reporting.web.incident_export import LACKING, UNJOINED, Sheet, as_pdf
from tests.support import pdf

DEJAVU, AMIRI = incident_export.FONTS[:2]
MEEM = "\N{ARABIC LETTER MEEM}"
HEBREW = "\N{HEBREW LETTER ALEF}\N{HEBREW LETTER BET}\N{HEBREW LETTER GIMEL}"
URDU = "\N{ARABIC LETTER NOON}\N{ARABIC LETTER YEH BARREE} \N{ARABIC LETTER HEH GOAL}"
CHINESE = "\N{CJK UNIFIED IDEOGRAPH-5F20}"

dejavu = pytest.mark.skipif(not DEJAVU.is_file(), reason="this machine has no DejaVu: apt install fonts-dejavu-core")
amiri = pytest.mark.skipif(not AMIRI.is_file(), reason="this machine has no Amiri: apt install fonts-hosny-amiri")


def drawn(monkeypatch, text, *, fonts=(DEJAVU,)):
    """The lines of a PDF about *text*, after its title."""
    monkeypatch.setattr(incident_export, "FONTS", fonts)
    return pdf.lines(as_pdf(Sheet("t", [], [("What happened", text)], [], [])))


def has(found, text):
    """Whether *text* is in the lines that were *found*, wherever they are broken."""
    return text in " ".join(" ".join(line.text for line in found).split())


@dejavu
def test_arabic_letters_are_joined_and_stand_at_the_right(monkeypatch):
    found = drawn(monkeypatch, MEEM * 4)
    [line] = [line for line in found if MEEM in line.text]
    assert len(set(line.glyphs)) == 3, "the first, the last, and those between"
    assert line.at > 400
    assert not has(found, UNJOINED)


@dejavu
def test_words_run_from_right_to_left_in_a_line_that_runs_from_left_to_right(monkeypatch):
    found = drawn(monkeypatch, f"ab {HEBREW} 12 cd")
    assert has(found, f"ab 12 {HEBREW[::-1]} cd")
    assert has(drawn(monkeypatch, f"{HEBREW} said to us"), f"{HEBREW[::-1]} said to us")
    assert found[3].at < 100


@dejavu
def test_what_was_written_from_right_to_left_stands_below_who_wrote_it_and_when(monkeypatch):
    monkeypatch.setattr(incident_export, "FONTS", (DEJAVU,))
    sheet = Sheet("t", [], [], [], [("Fri 27 Nov 2026, 10:42", "Ada", f"Who: {HEBREW} {HEBREW}")])
    found = pdf.lines(as_pdf(sheet))
    assert [line.text for line in found[-2:]] == ["Fri 27 Nov 2026, 10:42, Ada: Who:", f"{HEBREW[::-1]} {HEBREW[::-1]}"]
    assert (found[-2].at < 100, found[-1].at > 400) == (True, True)


@dejavu
def test_a_long_paragraph_from_right_to_left_is_read_from_its_first_line_on(monkeypatch):
    words = [f"{HEBREW}{letter}" for letter in "\N{HEBREW LETTER DALET}\N{HEBREW LETTER HE}\N{HEBREW LETTER VAV}"]
    lines = [line.text for line in drawn(monkeypatch, " ".join(word for word in words for _ in range(30)))]
    first = next(number for number, text in enumerate(lines) if words[0][::-1] in text)
    last = next(number for number, text in enumerate(lines) if words[2][::-1] in text)
    assert first < last


@dejavu
def test_without_the_library_letters_stay_apart_and_the_page_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "uharfbuzz", None)
    found = drawn(monkeypatch, MEEM * 4)
    [line] = [line for line in found if MEEM in line.text]
    assert len(set(line.glyphs)) == 1
    assert has(found, UNJOINED)


@dejavu
@amiri
def test_urdu_is_in_the_font_that_has_all_of_its_letters(monkeypatch):
    both = drawn(monkeypatch, URDU, fonts=(DEJAVU, AMIRI))
    one = drawn(monkeypatch, URDU, fonts=(DEJAVU,))
    assert (has(both, LACKING), has(one, LACKING)) == (False, True)


@dejavu
def test_what_no_font_has_is_a_question_mark_and_the_page_says_so(monkeypatch):
    found = drawn(monkeypatch, f"{CHINESE} {MEEM}\nNina")
    assert has(found, LACKING)
    assert has(found, "Nina")
    assert any("?" in line.text and MEEM in line.text for line in found)


def test_without_any_font_it_is_made_all_the_same(monkeypatch, tmp_path):
    monkeypatch.setattr(incident_export, "FONTS", (tmp_path / "none",))
    text = f"{MEEM} {HEBREW} {CHINESE} Siobh\N{LATIN SMALL LETTER A WITH ACUTE}n"
    made = as_pdf(Sheet(text, [("School", text)], [("Who", text)], [text], [("now", text, text)]))
    assert made.startswith(b"%PDF-")


LETTERS = st.sampled_from([*"ab1 ,.:()[]-\n\t%", *HEBREW, *URDU, MEEM, CHINESE, *map(chr, (
    0x0301, 0x0640, 0x064B, 0x0661, 0x06F1, 0x0627, 0x0644, 0x05B0, 0x200C, 0x200D, 0x200F, 0x202E, 0x2067, 0x2069,
    0x00AD, 0x1F600, 0xFDFA, 0xFE8E, 0xD800, 0x1E900, 0x0700, 0x07C0,
))])  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(LETTERS, max_size=300))
def test_no_text_keeps_it_from_being_made(text):
    assert as_pdf(Sheet(text, [("School", text)], [("Who", text)], [text], [("now", "A", text)])).startswith(b"%PDF-")
