"""Weighted phrases: what a page's words say about what it is, and how the lists of them are read.

This file holds values and reads text; it opens no file. `blocklists.score` weighs what was found, and
`blocklists.phrase_scan` finds it. A clear hit weighs 100; a phrase with a negative weight speaks for the page. A bad
line is counted and left out, with its reason, never raised.
"""

import csv
import re
from collections.abc import Iterable, Iterator

import msgspec

from blocklists.fold import fold

CLEAR = 100
"""The weight of one clear hit: alone it closes a page for the younger bands (POLICY.md, "Scan limits")."""
HEAVIEST = 1_000
"""A weight beyond it is a slip of the finger."""
_SHORTEST = 3
"""Bytes of a folded part without its blanks: what is shorter is in every page."""
_LONGEST = 200
_MOST_PARTS = 5
_COLUMNS = ("phrase", "weight", "category", "language")

_UNSPACED = ((0x0E00, 0x0EFF), (0x1000, 0x11FF), (0x1780, 0x17FF), (0x2E80, 0x9FFF), (0xA960, 0xA97F), (0xAC00, 0xD7FF))
"""Writing without blanks between words, or with endings that are joined to them: nothing is asked of what follows."""


class Phrase(msgspec.Struct, frozen=True):
    """A phrase of *category* with its *weight*; all of *parts* (as the list writes them) must stand on the page.

    A part is found as whole words; with a star at its end, words that begin like that are found too. *language* is a
    code such as "en", or "" for words of no language.
    """

    parts: tuple[str, ...]
    weight: int
    category: str
    language: str = ""

    @property
    def words(self) -> str:
        """The phrase as its list writes it."""
        return " & ".join(self.parts)


class Left(msgspec.Struct, frozen=True):
    """A line that was left out, by its number from 1, and why."""

    line: int
    why: str


class Read(msgspec.Struct):
    """What was read of a list."""

    phrases: list[Phrase] = []
    left: list[Left] = []


def read_csv(lines: Iterable[str]) -> Read:
    """Read our own form: a table with the columns phrase, weight, category and language, the names first."""
    read = Read()
    rows = csv.DictReader(lines)
    try:
        if missing := [name for name in _COLUMNS if name not in (rows.fieldnames or ())]:
            read.left.append(Left(1, f"no column {', '.join(missing)}"))
            return read
        for row in rows:
            text, weight, category, language = ((row[name] or "").strip() for name in _COLUMNS)
            if not text.startswith("#"):
                _take(read, rows.line_num, text.split("&"), weight, (category, language))
    except csv.Error as error:
        read.left.append(Left(rows.line_num, f"no table: {error}"))
    return read


_E2_PART = re.compile(r"<([^<>]*)>")
_E2_LINE = re.compile(r"<[^<>]*>(?:\s*,?\s*<[^<>]*>)*")
_E2_CATEGORY = re.compile(r'#\s*listcategory:\s*"?([^"]*)"?', re.IGNORECASE)
_NUMBER = re.compile(r"-?\d+")


def read_angled(lines: Iterable[str], category: str, language: str = "") -> Read:
    """Read the form of e2guardian and DansGuardian: <phrase><weight>, <one>,<and another><weight>.

    All is of *category*, whatever a listcategory says: its author's names are not ours. A phrase without a weight, as
    in a list of banned ones, is a clear hit. Theirs are found inside of words too; here they are whole words, as a
    town's name may hold any of them.
    """
    read = Read()
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if text.startswith("."):
            read.left.append(Left(number, "another file is included; read that one by itself"))
        elif not _E2_LINE.fullmatch(text):
            read.left.append(Left(number, "no phrase in angle brackets"))
        else:
            parts = _E2_PART.findall(text)
            weight = parts.pop() if len(parts) > 1 and _NUMBER.fullmatch(parts[-1].strip()) else str(CLEAR)
            _take(read, number, parts, weight, (category, language))
    return read


def _take(read: Read, line: int, parts: list[str], weight: str, of: tuple[str, str]) -> None:
    """Add the phrase to *read*, or the reason why it cannot be one; *of* are its category and language."""
    category, language = of
    texts = tuple(part.strip() for part in parts)
    if why := next(_problems(texts, weight.strip(), category), ""):
        read.left.append(Left(line, why))
    else:
        read.phrases.append(Phrase(texts, int(weight), category, language.lower()))


def _problems(parts: tuple[str, ...], weight: str, category: str) -> Iterator[str]:
    if not _NUMBER.fullmatch(weight) or not 0 < abs(int(weight[:9])) <= HEAVIEST:
        yield f"the weight is no whole number from 1 to {HEAVIEST}, or from -{HEAVIEST} to -1"
    if not category and not weight.startswith("-"):
        yield "a phrase that speaks against a page needs a category"
    if len(parts) > _MOST_PARTS:
        yield f"more than {_MOST_PARTS} parts"
    for part in parts:
        size = len(fold(part).strip())
        if size < _SHORTEST:
            yield "a part is too short: it would be found on every page"
        if size > _LONGEST:
            yield "a part is too long"


def literal(part: str) -> bytes:
    """What is looked for in a folded text to find *part*: with blanks where a word must begin or end."""
    words = fold(part).strip()
    text = words.decode()
    begins = b"" if _is_unspaced(text[0]) else b" "
    ends = b"" if part.endswith("*") or _is_unspaced(text[-1]) else b" "
    return begins + words + ends


def _is_unspaced(letter: str) -> bool:
    return any(first <= ord(letter) <= last for first, last in _UNSPACED)
