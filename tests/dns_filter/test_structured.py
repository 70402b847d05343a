import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dns_filter import structured

WHY = "blocked: games (ks2)"


def test_a_text_has_the_fields_of_the_draft_and_no_blanks_between_them():
    text = structured.written(WHY, contact=("mailto:help@school.test", "tel:+441632960000"), organisation="Hill", sub=5)
    assert text == (
        '{"c":["mailto:help@school.test","tel:+441632960000"],"j":"blocked: games (ks2)","s":5,"o":"Hill","l":"en"}'
    )


def test_what_nobody_set_is_left_out():
    assert structured.written(WHY) == '{"j":"blocked: games (ks2)","l":"en"}'


def test_what_would_be_too_long_says_why_and_no_more():
    assert json.loads(structured.written(WHY, organisation="x" * structured.LONGEST)) == {"j": WHY}
    assert len(structured.written("é" * 9999).encode()) <= structured.LONGEST


@pytest.mark.parametrize("text", [structured.written(WHY, sub=1), WHY])
def test_a_reader_finds_why_in_either_form(text: str):
    assert structured.justification(text) == WHY


@given(st.text())
def test_no_text_raises(text: str):
    assert isinstance(structured.justification(text), str)


@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=100), st.text('abc\x1b\n"\\', max_size=20)
)
def test_every_text_is_json_in_one_line(why: str, organisation: str):
    text = structured.written(why, organisation=organisation)
    assert json.loads(text)["j"] == why
    assert "\n" not in text
