"""An incident as a PDF and as CSV, for a school to attach to its case system (G28).

No site, search or name is in it but what somebody wrote into the incident. Every text is made plain; a cell of a
spreadsheet that could be taken for a formula has a quote before it. The PDF's fonts know western letters only
where no DejaVu is installed; what they lack is then a question mark, and the page says so.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from reporting.web import cells
from reporting.web.plain import plain

FONT = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")
LONGEST = 4_000
LACKING = "Letters that this machine has no font for are shown as question marks; the CSV has them."


class Sheet(msgspec.Struct, frozen=True):
    """An incident in words: (label, text) of its facts and fields, its alerts, and (when, who, what) of its history."""

    title: str
    facts: Sequence[tuple[str, str]]
    fields: Sequence[tuple[str, str]]
    alerts: Sequence[str]
    history: Sequence[tuple[str, str, str]]


def as_csv(sheet: Sheet) -> bytes:
    """*sheet* as CSV in UTF-8 with a mark, so that a spreadsheet reads it as that."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(("part", "when", "who", "what", "text"))
    for part, rows in (("fact", sheet.facts), ("field", sheet.fields)):
        writer.writerows(_cells(part, "", "", label, says) for label, says in rows)
    writer.writerows(_cells("alert", "", "", "", says) for says in sheet.alerts)
    writer.writerows(_cells("history", when, who, "", says) for when, who, says in sheet.history)
    return text.getvalue().encode("utf-8-sig")


def as_pdf(sheet: Sheet) -> bytes:
    """*sheet* as a PDF, A4."""
    from fpdf import FPDF  # noqa: PLC0415 - 10 MB that only somebody who exports needs

    pdf = FPDF(format="A4")
    own = FONT.is_file()
    if own:
        pdf.add_font("own", "", FONT)
    pdf.set_title(_fits(plain(sheet.title), own=own))
    pdf.add_page()
    family, lacking = "own" if own else "helvetica", False
    for size, words in _lines(sheet):
        pdf.set_font(family, size=size)
        shown = _fits(words, own=own)
        lacking = lacking or shown != words
        pdf.multi_cell(0, size * 0.5, shown, new_x="LMARGIN", new_y="NEXT")
    if lacking:
        pdf.multi_cell(0, 5, LACKING, new_x="LMARGIN", new_y="NEXT")
    return bytes(pdf.output())


def _lines(sheet: Sheet) -> Iterable[tuple[int, str]]:
    """(size in points, text) of each line or paragraph."""
    yield 16, plain(sheet.title)
    for label, says in sheet.facts:
        yield 10, plain(f"{label}: {says}")
    for label, says in sheet.fields:
        yield 13, " \n" + plain(label)
        yield 10, _paragraphs(says) or "-"
    yield 13, " \nAlerts"
    for says in sheet.alerts or ("none",):
        yield 10, plain(says)
    yield 13, " \nHistory"
    for when, who, says in sheet.history:
        yield 9, _paragraphs(f"{when}, {who}: {says}")


def _paragraphs(text: str) -> str:
    return "\n".join(plain(line, LONGEST) for line in text.split("\n"))


def _fits(text: str, *, own: bool) -> str:
    """*text* in the letters of the font: the built-in ones are Latin-1."""
    return text if own else text.encode("latin-1", "replace").decode("latin-1")


def _cells(*texts: str) -> list[str]:
    return [cells.guarded(_paragraphs(text)) for text in texts]
