"""An incident as a PDF and as CSV, for a school to attach to its case system (G28).

No site, search or name is in it but what somebody wrote into the incident. Every text is made plain; a cell of a
spreadsheet that could be taken for a formula has a quote before it. The PDF's fonts know western letters only
where no DejaVu is installed, and never Chinese; what they lack is a question mark, and the page says so. It says too
where Arabic or Hebrew stands, whose letters it neither joins nor turns round.
"""

import csv
import io
import unicodedata
from collections.abc import Container, Iterable, Sequence
from pathlib import Path

import msgspec

from reporting.web import cells
from reporting.web.plain import plain
from reporting.web.render import LONGEST_PROSE

FONT = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")
LACKING = "Letters that this machine has no font for are shown as question marks; the CSV has them."
UNJOINED = "Words in letters that run from right to left do not stand here as they should; the CSV has them right."
RIGHT_TO_LEFT = frozenset({"R", "AL"})
"""Bidi classes of letters that run from right to left (Unicode Standard Annex 9, table 4)."""


LATIN = range(256)
"""The code points of the built-in fonts: Latin-1."""


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
    pdf.set_title(plain(sheet.title))
    pdf.add_page()
    family = "own" if own else "helvetica"
    letters: Container[int] = getattr(pdf.fonts[family], "cmap", LATIN) if own else LATIN
    told = warnings("".join(words for _, words in _lines(sheet)), letters)
    for size, words in (*((10, warning) for warning in told), *_lines(sheet)):
        pdf.set_font(family, size=size)
        pdf.multi_cell(0, size * 0.5, _fits(words, letters), new_x="LMARGIN", new_y="NEXT")
    return bytes(pdf.output())


def warnings(text: str, letters: Container[int]) -> list[str]:
    """What a reader of a PDF with *text* must know, before anything else."""
    found = [LACKING] if _fits(text, letters) != text else []
    if any(unicodedata.bidirectional(letter) in RIGHT_TO_LEFT for letter in set(text)):
        found.append(UNJOINED)
    return found


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
    return "\n".join(plain(line, LONGEST_PROSE) for line in text.split("\n"))


def _fits(text: str, letters: Container[int]) -> str:
    """*text* with a question mark for each character that the font, which has *letters*, lacks."""
    return "".join(letter if letter == "\n" or ord(letter) in letters else "?" for letter in text)


def _cells(*texts: str) -> list[str]:
    return [cells.guarded(_paragraphs(text)) for text in texts]
