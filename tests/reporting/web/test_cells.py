"""Text in the cells of a spreadsheet."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporting.web import cells

PLANTED = [
    "=1+1", "+1", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0", "\t=1", "\r=1", "\n=1", " =1", "\N{FULLWIDTH EQUALS SIGN}1",
    "|calc", "%0A=1", "\u202e=1", "\x00=1", "\ufeff=1",
]  # fmt: skip


@pytest.mark.parametrize("text", PLANTED, ids=ascii)
def test_no_cell_begins_a_formula(text):
    made = cells.cell(text)
    assert made[0] not in cells.FORMULA
    assert made.lstrip()[0] not in cells.FORMULA


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "yes"),
        (False, "no"),
        (-3, "-3"),
        (("a.test", "b.test"), "a.test b.test"),
        ("a.test", "a.test"),
        ("", ""),
        ("a=b", "a=b"),
    ],
)
def test_what_is_harmless_stays_as_it_is(value, text):
    assert cells.cell(value) == text


@given(st.lists(st.text(max_size=50), min_size=1, max_size=5))
def test_a_line_is_one_line_with_as_many_cells_as_there_are_values(values):
    [read] = csv.reader(io.StringIO(cells.line(values), newline=""))
    assert len(read) == len(values)
    assert not any(cell.lstrip()[:1] in cells.FORMULA for cell in read if cell)


def test_a_long_text_is_cut():
    assert len(cells.cell("x" * 64_000)) == cells.LONGEST + 1
