"""Text as phrases are looked for in it: one case, no accents, no disguises, one blank between words.

What a person reads as a word is one word here, however its letters are written: full-width, in bold, with accents, with
a Cyrillic letter in place of a Latin one. Phrases are folded like texts, so both meet. The result is UTF-8 with a
blank at each end; of ASCII it holds small letters, digits and single blanks.

Measured for 100 KB: see `tests/bench/page_scan.py`. What would cost 10 ms if it were done for every letter (a table for
all of Unicode) is done for each *different* letter beyond ASCII, of which a text has few.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from blocklists.finder import Finder

_CYRILLIC = (
    "\u0430\u0432\u0433\u0435\u0437\u043a\u043c\u043d\u043e\u043f\u0440\u0441"
    "\u0442\u0443\u0445\u044c\u0455\u0456\u0458\u04bb\u04cf\u0501\u051b\u051d"
)
_GREEK = "\u03b1\u03b2\u03b3\u03b5\u03b7\u03b9\u03ba\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7\u03c9\u03f2\u03f3"
_ARMENIAN = "\u0570\u0578\u057d\u0585"
_SMALL_CAPITALS = (
    "\u0251\u0261\u026a\u0274\u0280\u0299\u029c\u029f\u028f\u0262\u1d00\u1d04\u1d05"
    "\u1d07\u1d0a\u1d0b\u1d0d\u1d0f\u1d18\u1d1b\u1d1c\u1d20\u1d21\u1d22\ua730\ua731"
)
_LOOKALIKES = dict(
    zip(
        _CYRILLIC + _GREEK + _ARMENIAN + _SMALL_CAPITALS,
        "abre3kmhonpctyxbsijhldqw" + "abyenikvoptuxwcj" + "hnuo" + "aginrbhlygacdejkmoptuvwzfs",
        strict=True,
    )
)
"""Letters that look like a Latin one, in small form. They count as it in Latin text, and inside of Latin words."""

_LETTERS = {
    "\u00df": "ss",
    "\u00e6": "ae",
    "\u00f0": "d",
    "\u00f8": "o",
    "\u00fe": "th",
    "\u0111": "d",
    "\u0127": "h",
    "\u0131": "i",
    "\u0142": "l",
    "\u014b": "n",
    "\u0153": "oe",
    "\u0167": "t",
    "\u0180": "b",
    "\u0640": "",  # Arabic's stretched line
    "\u0649": "\u064a",  # the letters of Arabic script that Urdu and Persian write otherwise
    "\u06cc": "\u064a",
    "\u06a9": "\u0643",
    "\u06c1": "\u0647",
    "\u06be": "\u0647",
    "\u115f": "",  # Hangul's fillers show nothing
    "\u1160": "",
    "\u2019": "",  # apostrophes
    "\u2018": "",
    "\u02bc": "",
    "\u00b4": "",
    "\u2032": "",
    "\uff07": "",
}
"""Letters that no normal form takes apart, and characters that are as good as not there."""

_MARKS = (
    (0x0300, 0x036F),
    (0x0483, 0x0489),
    (0x0591, 0x05C7),
    (0x0610, 0x061A),
    (0x064B, 0x065F),
    (0x0670, 0x0670),
    (0x06D6, 0x06ED),
    (0x1AB0, 0x1AFF),
    (0x1DC0, 0x1DFF),
    (0x20D0, 0x20FF),
    (0xFE00, 0xFE0F),
    (0xFE20, 0xFE2F),
)
"""Accents and vowel points; the marks of Indian and Thai writing are vowels, which stay."""

_LETTER_BLOCKS = ((0x1F1E6, 26), (0x1F150, 26), (0x1F170, 26))
"""Pictures of the letters A to Z (flags, filled circles and squares), which have no normal form."""

_RARE = 8
"""One character in so many beyond ASCII, at most, is Latin text."""
_FEW = 64
"""Different characters that are replaced one after the other; for more a table is quicker."""

_SIDE_BY_SIDE = re.compile("[a-z][{0}]|[{0}][a-z]".format("".join(_LOOKALIKES)))
_WORD = re.compile(r"\w+")
_TO_LATIN = str.maketrans(_LOOKALIKES)
_SPACED = re.compile(rb"(?<= )(?:[a-z] ){4,}")
_ONE_EACH = Finder([rb" [a-z] [a-z] [a-z] [a-z] "])
_BLANKS = re.compile(rb"  +")
_GAPS = 16
"""One double blank in so many bytes, at least, is many."""
_AROUND = 48
"""Bytes on both sides of a disguised word that are looked at with it: a phrase may go on there."""
_MANY = 2_000
"""Signs that can stand for letters; of a text with more than that the whole is looked at again."""

_APOSTROPHES = b"'`"
_ASCII = bytes(range(128))


def _bytes_table(leet: dict[str, str]) -> bytes:
    """What becomes of each byte: letters (small) and digits stay, as does what is beyond ASCII; the rest is a blank."""
    table = bytearray(b" " * 128 + bytes(range(128, 256)))
    for kept in "abcdefghijklmnopqrstuvwxyz0123456789":
        table[ord(kept)] = ord(kept)
        table[ord(kept.upper())] = ord(kept)
    for written, meant in leet.items():
        table[ord(written)] = ord(meant)
    return bytes(table)


def _kind_of(byte: str) -> str:
    if byte in "0134578@$!|+":
        return "0"
    return "a" if byte.isascii() and byte.isalpha() else " "


_PLAIN = _bytes_table({})
_LEET = _bytes_table(dict(zip("0134578@$!|+", "oieastbasilt", strict=True)))

_KINDS = bytes(ord(_kind_of(chr(byte))) for byte in range(256))
"""Each byte as what it is in a word: a letter "a", a sign that can stand for one "0", or anything else " "."""
_SHAPES = (b"a0a", b"a00a", b" 0aa", b"a00 ")
"""p0rn, f00l, $ex, a$$; of a word with but one sign at its end (wow!) the sign is none."""


def fold(text: str) -> bytes:
    """*text* folded; " " if there is nothing to look at in it."""
    return _words(_ascii_form(text), _PLAIN)


def disguised(text: str) -> bytes:
    """What *text* says besides under its breath, folded: p0rn read as letters, and p o r n written together.

    b"" for a text without any; the words around each are there with it.
    """
    return disguised_in(_ascii_form(text))


def both(text: str) -> tuple[bytes, bytes]:
    """(`fold`, `disguised`) of *text*, made together."""
    raw = _ascii_form(text)
    folded = _words(raw, _PLAIN)
    return folded, disguised_in(raw) + _together(folded)


def disguised_in(raw: bytes) -> bytes:
    """The disguised words of *raw*, folded."""
    kinds = b" %b  " % raw.translate(_KINDS)
    signs = kinds.count(b"0")
    if signs > _MANY:
        return _words(raw, _LEET)
    found = list(_disguises(kinds)) if signs else []
    return b"".join(_words(raw[start:end], _LEET) for start, end in _windows(found, raw))


def _disguises(kinds: bytes) -> Iterator[int]:
    """The place in its text of each disguised word of *kinds*, which has a blank before it."""
    place = kinds.find(b"0")
    while place >= 0:
        if kinds.startswith(_SHAPES, place - 1):
            yield place - 1
        place = kinds.find(b"0", place + 1)


def _windows(places: list[int], raw: bytes) -> list[tuple[int, int]]:
    """(start, end) around each of *places*, in whole words, those that meet as one."""
    windows: list[tuple[int, int]] = []
    for place in places:
        start = raw.find(b" ", max(0, place - _AROUND), place) if place > _AROUND else 0
        end = raw.rfind(b" ", place, place + _AROUND) if place + _AROUND < len(raw) else len(raw)
        start, end = max(start, 0 if place <= _AROUND else place - _AROUND), end if end > place else place + _AROUND
        if windows and start <= windows[-1][1]:
            windows[-1] = windows[-1][0], end
        else:
            windows.append((start, end))
    return windows


def _together(folded: bytes) -> bytes:
    """The words of *folded* that are written with blanks between their letters, without them."""
    if not _ONE_EACH.stands_in(folded):
        return b""
    return b"".join(b" %b " % m[0].replace(b" ", b"") for m in _SPACED.finditer(folded))


def _words(raw: bytes, table: bytes) -> bytes:
    """*raw* by *table* with one blank between words: the gaps are fewer than the words, or else not many."""
    text = raw.translate(table, _APOSTROPHES)
    if text.count(b"  ") * _GAPS > len(text):
        text = b" ".join(text.split())
    return _BLANKS.sub(b" ", b" %b " % text)


def _ascii_form(text: str) -> bytes:
    """*text* with what is beyond ASCII folded; UTF-8."""
    raw = text.encode("utf-8", "replace")
    if text.isascii():
        return raw
    beyond = raw.translate(None, _ASCII).decode()
    if len(beyond) * _RARE > len(text):
        return _other_script(text).encode("utf-8", "replace")
    letters = set(beyond)
    if len(letters) > _FEW:
        return text.translate({ord(letter): _latin(letter) for letter in letters}).encode("utf-8", "replace")
    for letter in letters:
        text = text.replace(letter, _latin(letter))
    return text.encode("utf-8", "replace")


@lru_cache(maxsize=8192)
def _latin(letter: str) -> str:
    """What *letter* is in Latin text, where look-alikes are what they look like."""
    return "".join(map(_plain, _normal(letter).translate(_TO_LATIN)))


def _other_script(text: str) -> str:
    """*text*, which is not mainly Latin: look-alikes count only within Latin words."""
    folded = _normal(text)
    letters = set(folded)
    if not _LOOKALIKES.keys().isdisjoint(letters) and _SIDE_BY_SIDE.search(folded):
        folded = _WORD.sub(_mixed_word, folded)
    changed = {letter: plain for letter in letters if letter > "\x7f" and (plain := _plain(letter)) != letter}
    if len(changed) > _FEW:
        return folded.translate({ord(letter): plain for letter, plain in changed.items()})
    for letter, plain in changed.items():
        folded = folded.replace(letter, plain)
    return folded


def _mixed_word(found: re.Match[str]) -> str:
    word = found[0]
    return word.translate(_TO_LATIN) if _SIDE_BY_SIDE.search(word) else word


def _normal(text: str) -> str:
    return unicodedata.normalize("NFKD", text).casefold()


@lru_cache(maxsize=16384)
def _plain(letter: str) -> str:
    """What stands for *letter*, in normal form: itself, another, a blank, or nothing."""
    code = ord(letter)
    if code < 128:
        return letter
    if (known := _LETTERS.get(letter)) is not None:
        return known
    for first, count in _LETTER_BLOCKS:
        if first <= code < first + count:
            return chr(ord("a") + code - first)
    category = unicodedata.category(letter)
    if category == "Cf" or any(first <= code <= last for first, last in _MARKS):
        return ""
    if category == "Nd":
        return str(unicodedata.decimal(letter))
    return letter if category[0] in "LMN" else " "
