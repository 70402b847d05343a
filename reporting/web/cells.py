"""Text in a cell of a spreadsheet, where it is read as text and never as a formula (G28).

A spreadsheet takes a cell that begins with one of a few signs for a formula; a quote before it says that it is text.
Everything else is made plain as on the pages. This file opens nothing.
"""

import csv
import io
from collections.abc import Iterable

from reporting.web.plain import plain

FORMULA = frozenset(
    "=+-@|%\t\r\n\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}\N{FULLWIDTH HYPHEN-MINUS}\N{FULLWIDTH COMMERCIAL AT}"
)
"""Signs that begin a formula in some spreadsheet, or a call in one of them."""

LONGEST = 2_000
"""Characters of a cell: longer than any name with a path, and far below what a spreadsheet takes (32,767)."""


def cell(value: object) -> str:
    """*value* as the text of a cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        value = " ".join(map(str, value))
    text = plain(str(value), LONGEST)
    return text if isinstance(value, int) else guarded(text)


def guarded(text: str) -> str:
    """The plain *text* with a quote before it where a spreadsheet could take it for a formula."""
    return f"'{text}" if text.lstrip()[:1] in FORMULA else text


def line(values: Iterable[object]) -> str:
    """*values* as a line of a CSV file (RFC 4180)."""
    made = io.StringIO()
    csv.writer(made, lineterminator="\r\n").writerow([cell(value) for value in values])
    return made.getvalue()
