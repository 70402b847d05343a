"""Paragraphs of a PDF with letters that run from right to left: broken into lines, and each line put in order.

fpdf2 joins the letters of a run. It leaves the runs of a line where they stand, though, so that a number beside an
Arabic word is on its wrong side; here they are ordered as the Unicode Standard's Annex 9 says.
"""

import itertools
import unicodedata
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fpdf import FPDF

RIGHT_TO_LEFT = frozenset({"R", "AL"})
"""Bidi classes of letters that run from right to left (Annex 9, table 4)."""


def any_in(text: str) -> bool:
    """Whether *text* has letters that run from right to left."""
    return any(unicodedata.bidirectional(letter) in RIGHT_TO_LEFT for letter in set(text))


def leads(text: str) -> bool:
    """Whether *text* runs from right to left as a whole, as most of its letters do.

    Not by the first letter, as Annex 9 has it: an English note that begins with an Arabic name stays English.
    """
    kinds = [unicodedata.bidirectional(letter) for letter in text]
    return sum(kind in RIGHT_TO_LEFT for kind in kinds) > kinds.count("L")


def draw(pdf: "FPDF", text: str, height: float) -> None:
    """Put the paragraph *text* into *pdf* in its present font, in lines of *height* (mm); it shapes text already."""
    from_the_right, margin = leads(text), pdf.c_margin
    pdf.c_margin = 0
    for line in _lines(pdf, text, pdf.epw - 2 * margin):
        runs = [
            (run, backwards, _width(pdf, run, backwards=backwards)) for run, backwards in _runs(line, from_the_right)
        ]
        left = pdf.epw - margin - sum(width for _, _, width in runs) if from_the_right else margin
        pdf.set_x(pdf.l_margin + left)
        for run, backwards, width in runs:
            _shape(pdf, backwards=backwards)
            pdf.cell(width, height, run)
        pdf.ln(height)
    pdf.set_text_shaping(use_shaping_engine=True)
    pdf.c_margin = margin


def _lines(pdf: "FPDF", text: str, room: float) -> Iterator[str]:
    """*text* in lines that are no wider than *room* (mm), broken between words where it can be."""
    line, used, space = "", 0.0, pdf.get_string_width(" ")
    for word in _words(pdf, text, room):
        width = _width(pdf, word, backwards=leads(word))
        if line and used + space + width > room:
            yield line
            line, used = word, width
        else:
            line, used = f"{line} {word}" if line else word, used + space + width
    yield line


def _words(pdf: "FPDF", text: str, room: float) -> Iterator[str]:
    """The words of *text*, one that is wider than *room* in pieces; a letter is nowhere wider than the font is high."""
    most = max(1, int(room / pdf.font_size))
    for word in text.split(" "):
        if len(word) <= most or _width(pdf, word, backwards=leads(word)) <= room:
            yield word
        else:
            yield from map("".join, itertools.batched(word, most))


def _runs(line: str, from_the_right: bool) -> Iterable[tuple[str, bool]]:
    """The runs of *line* from left to right, each as it is read, and whether it is read backwards (rule L2)."""
    from fpdf.bidi import BidiParagraph  # noqa: PLC0415 - whoever calls has it
    from fpdf.enums import TextDirection  # noqa: PLC0415

    base = TextDirection.RTL if from_the_right else TextDirection.LTR
    seen = BidiParagraph(line, base_direction=base).get_reordered_characters()
    for level, run in itertools.groupby(seen, key=lambda one: one.embedding_level):
        read = sorted(run, key=lambda one: one.character_index)
        yield "".join(one.character for one in read), bool(level % 2)


def _width(pdf: "FPDF", run: str, *, backwards: bool) -> float:
    _shape(pdf, backwards=backwards)
    return pdf.get_string_width(run)


def _shape(pdf: "FPDF", *, backwards: bool) -> None:
    pdf.set_text_shaping(use_shaping_engine=True, direction="rtl" if backwards else "ltr")
