"""An incident as a PDF and as CSV, for a school to attach to its case system (G28).

No site, search or name is in it but what somebody wrote into the incident. Every text is made plain; a cell of a
spreadsheet that could be taken for a formula has a quote before it. Each paragraph of the PDF is in the first of FONTS
that has its letters; Arabic, Urdu and Hebrew are joined and run from right to left. What no font here has is a question
mark, and the page says so.
"""

import csv
import io
from collections.abc import Container, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from reporting.web import cells, right_to_left
from reporting.web.plain import plain
from reporting.web.render import LONGEST_PROSE

if TYPE_CHECKING:
    from fpdf import FPDF

FONTS = (
    Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"),
    Path("/usr/share/fonts/opentype/fonts-hosny-amiri/Amiri-Regular.ttf"),
    Path("/usr/share/fonts/truetype/noto/NotoNaskhArabic-Regular.ttf"),
)
"""Where Debian puts fonts-dejavu-core (western, Greek, Cyrillic, Arabic, Hebrew; not Urdu), fonts-hosny-amiri (Arabic,
Persian, Urdu) and fonts-noto-core."""

LACKING = "Letters that this machine has no font for are shown as question marks; the CSV has them."
UNJOINED = "Words in letters that run from right to left do not stand here as they should; the CSV has them right."
LATIN = range(256)
"""The code points of the built-in fonts: Latin-1."""


class _Font(msgspec.Struct, frozen=True):
    """A font that the PDF has, by the name of its *family*, and the code points of its *letters*."""

    family: str
    letters: Container[int]

    def lacks(self, text: str) -> int:
        """How many characters of *text* it has no letter for."""
        return sum(letter != "\n" and ord(letter) not in self.letters for letter in text)

    def fits(self, text: str) -> str:
        """*text* with a question mark for each character that it lacks."""
        return "".join(letter if letter == "\n" or ord(letter) in self.letters else "?" for letter in text)


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

    lines = [(size, part) for size, words in _lines(sheet) for part in words.split("\n")]
    pdf = FPDF(format="A4")
    pdf.set_title(plain(sheet.title))
    pdf.add_page()
    fonts = _fonts(pdf, "".join(words for _, words in lines))
    shaped = _shapes(pdf, fonts)
    told = warnings([words for _, words in lines], fonts, shaped=shaped)
    for size, words in (*((10, warning) for warning in told), *lines):
        font = _font_of(words, fonts)
        pdf.set_font(font.family, size=size)
        if shaped and right_to_left.any_in(words):
            right_to_left.draw(pdf, font.fits(words), size * 0.5)
        else:
            pdf.multi_cell(0, size * 0.5, font.fits(words) or " ", align="L", new_x="LMARGIN", new_y="NEXT")
    return bytes(pdf.output())


def warnings(lines: Sequence[str], fonts: Sequence[_Font], *, shaped: bool) -> list[str]:
    """What a reader of a PDF with *lines* must know, before anything else; *shaped*: letters are joined and ordered."""
    found = [LACKING] if any(_font_of(words, fonts).lacks(words) for words in lines) else []
    if not shaped and right_to_left.any_in("".join(lines)):
        found.append(UNJOINED)
    return found


def _fonts(pdf: "FPDF", text: str) -> list[_Font]:
    """The fonts of this machine that *pdf* needs for *text*, now part of it; the built-in one where there is none."""
    found: list[_Font] = []
    for number, file in enumerate(path for path in FONTS if path.is_file()):
        if found and not any(all(ord(letter) not in one.letters for one in found) for letter in set(text) - {"\n"}):
            break
        pdf.add_font(f"own{number}", "", file)
        found.append(_Font(f"own{number}", getattr(pdf.fonts[f"own{number}"], "cmap", LATIN)))
    return found or [_Font("helvetica", LATIN)]


def _font_of(words: str, fonts: Sequence[_Font]) -> _Font:
    """The first of *fonts* that lacks the least of *words*: a word in two fonts would not be joined."""
    return min(fonts, key=lambda font: font.lacks(words))


def _shapes(pdf: "FPDF", fonts: Sequence[_Font]) -> bool:
    """Have *pdf* join letters and order them by their direction; False without a font or the library for it."""
    from fpdf.errors import FPDFException  # noqa: PLC0415 - as above

    if fonts[0].letters is LATIN:
        return False
    try:
        pdf.set_text_shaping(use_shaping_engine=True)
    except FPDFException:
        return False
    return True


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
        about, _, written = says.partition(": ")
        apart = f"{about}:\n{written}" if right_to_left.leads(written) else says
        yield 9, _paragraphs(f"{when}, {who}: {apart}")


def _paragraphs(text: str) -> str:
    return "\n".join(plain(line, LONGEST_PROSE) for line in text.split("\n"))


def _cells(*texts: str) -> list[str]:
    return [cells.guarded(_paragraphs(text)) for text in texts]
