"""What a PDF of ours draws: for each line its characters from left to right, with where the line begins."""

import re
import zlib

STREAM = re.compile(rb"stream\r?\n(.*?)endstream", re.DOTALL)
LINE = re.compile(rb"BT ([0-9.]+) ([0-9.]+) Td (.*?) ET\n", re.DOTALL)
TEXT = re.compile(rb"\(((?:[^()\\]|\\.)*)\) Tj", re.DOTALL)
MEANS = re.compile(rb"<([0-9A-Fa-f]{4})> <([0-9A-Fa-f]+)>")
ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
CONTROLS = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


class Line:
    """One line: *at* points from the left, the *glyphs* by number, and the *text* that they stand for."""

    def __init__(self, at, glyphs, means):
        self.at, self.glyphs = at, glyphs
        self.text = "".join(means.get(glyph, "") for glyph in glyphs)


def lines(pdf):
    """The lines of *pdf*, which has one font of its own."""
    unpacked = [_unpacked(part) for part in STREAM.findall(pdf)]
    means = {
        int(glyph, 16): bytes.fromhex(text.decode()).decode("utf-16-be")
        for part in unpacked
        if b"beginbfchar" in part
        for glyph, text in MEANS.findall(part)
    }
    return [Line(float(at), _glyphs(drawn), means) for part in unpacked for at, _, drawn in LINE.findall(part)]


def _glyphs(drawn):
    raw = b"".join(ESCAPED.sub(lambda found: CONTROLS.get(found[1], found[1]), part) for part in TEXT.findall(drawn))
    return [int.from_bytes(raw[at : at + 2]) for at in range(0, len(raw), 2)]


def _unpacked(part):
    try:
        return zlib.decompress(part)
    except zlib.error:
        return part
