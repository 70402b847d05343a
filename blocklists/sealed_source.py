"""A file of illegal entries as a licensee receives it: CSV or plain, in the encodings that such files have.

What comes out is a row for each line with the texts that may be its entry. Nothing here is written, logged or raised
that holds a line's text: what is wrong with a line is said by its number and a reason.
"""

import codecs
import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec

from blocklists import sealed_entry
from blocklists.sealed_entry import Entry, Problem

LONGEST_ROW = 20
"""Lines that a quoted field may run over (a note, say) before its opening quote is taken for a slip."""
SAMPLE = 200
"""Lines by which a file without a header is told to be CSV."""
FEW, MOST = 3, 0.8
"""Lines too few to count, and the part that is nearly all of them."""
NUMBERS_KEPT = 5
"""Line numbers that are shown for each reason."""

URL_WORDS = (
    "url",
    "urls",
    "uri",
    "webaddress",
    "address",
    "link",
    "website",
    "entry",
    "domain",
    "domains",
    "host",
    "hostname",
)
"""What the column of the entries is called, without blanks and signs; the first of these that a header has."""
_DELIMITERS = ",;\t|"
_LINE_END = re.compile(r"\r\n|\n|\r")
_NOT_UTF8 = re.compile(r"[\udc80-\udcff]")


class Row(msgspec.Struct, frozen=True):
    """A line: *texts* are readings of its one entry, and each that names something is sealed; or it has a *problem*."""

    number: int
    texts: tuple[str, ...] = ()
    problem: Problem | None = None


class Layout(msgspec.Struct, frozen=True):
    """How a file is read: by the *column* (from 0) of CSV rows of *width* columns, or, without a delimiter, by lines.

    *sure*: a header or quotes say so. A column that was only counted might be a part of a URL with commas in it.
    """

    delimiter: str = ""
    column: int = 0
    width: int = 1
    header: bool = False
    sure: bool = True

    def __str__(self) -> str:
        return f"CSV, column {self.column + 1}" if self.delimiter else "plain, an entry a line"


class NoColumnError(ValueError):
    """The column that somebody named is not in the file; what is in it is not said."""


class Tally(msgspec.Struct):
    """What became of rows: how many were *read*, how many of those keep a * as it stands, and which were left out."""

    read: int = 0
    literal: int = 0
    skipped: dict[Problem, int] = msgspec.field(default_factory=Counter)
    numbers: dict[Problem, list[int]] = msgspec.field(default_factory=dict)

    def entries(self, row: Row) -> set[Entry]:
        """The entries that *row* names, counted as one."""
        found = [sealed_entry.read(text) for text in row.texts]
        entries = {one for one in found if isinstance(one, Entry)}
        if entries:
            self.read += 1
            self.literal += any("*" in one.path for one in entries)
        else:
            self._skip(row.problem or next(one for one in found if isinstance(one, Problem)), row.number)
        return entries

    def _skip(self, problem: Problem, number: int) -> None:
        self.skipped[problem] += 1
        numbers = self.numbers.setdefault(problem, [])
        if len(numbers) < NUMBERS_KEPT:
            numbers.append(number)

    @property
    def skipped_count(self) -> int:
        """How many rows were left out."""
        return sum(self.skipped.values())


def of_lines(lines: Iterable[bytes]) -> Iterator[Row]:
    """The rows of *lines* that are one entry each."""
    return _plain(enumerate((line.decode("utf-8-sig", "surrogateescape") for line in lines), 1))


def of_file(content: bytes, column: str = "") -> tuple[Layout, Iterator[Row]]:
    """How the file with this *content* is laid out, and its rows.

    *column* says which one of a CSV file has the entries, by its number from 1 or its name in the header; "0" says that
    the file is plain. NoColumnError if there is no such column.
    """
    lines = [(number, line) for number, line in enumerate(_LINE_END.split(text_of(content)), 1) if not _is_empty(line)]
    sample = [line for _, line in lines[:SAMPLE]]
    layout = _named_layout(sample, column) if column else _layout(sample)
    body = lines[1:] if layout.header else lines
    return layout, _csv(body, layout) if layout.delimiter else _plain(body)


def text_of(content: bytes) -> str:
    """*content* as text. What is no UTF-8 stays as single bytes, which `_readings` makes sense of line by line."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace")
    return content.decode("utf-8-sig", "surrogateescape")


def _is_empty(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _plain(numbered: Iterable[tuple[int, str]]) -> Iterator[Row]:
    return (_row(number, (line,)) for number, line in numbered if not _is_empty(line))


def _row(number: int, texts: Iterable[str]) -> Row:
    readings = tuple(dict.fromkeys(reading for text in texts for reading in _readings(text)))
    if any("\0" in text for text in readings):
        return Row(number, problem=Problem.NUL)
    return Row(number, readings)


def _readings(text: str) -> tuple[str, ...]:
    """*text*; what an older encoding wrote is asked for as its bytes' escapes by one page, as UTF-8 by another."""
    if not _NOT_UTF8.search(text):
        return (text,)
    as_latin = _NOT_UTF8.sub(lambda m: chr(ord(m[0]) - 0xDC00), text)
    return as_latin, _NOT_UTF8.sub(lambda m: f"%{ord(m[0]) - 0xDC00:02X}", text)


def _layout(sample: list[str]) -> Layout:
    """What *sample*, the first lines of a file, says of it: by its header, else by counting; else it is plain."""
    for delimiter in _DELIMITERS:
        names = [_name(cell) for cell in _fields(sample[0], delimiter)] if sample else []
        if word := next((word for word in URL_WORDS if word in names), ""):
            return Layout(delimiter if len(names) > 1 else "", names.index(word), len(names), header=True)
    return next(filter(None, (_counted_layout(sample, delimiter) for delimiter in _DELIMITERS)), Layout())


def _name(cell: str) -> str:
    return re.sub(r"[^a-z0-9]", "", cell.lower())


def _counted_layout(sample: list[str], delimiter: str) -> Layout | None:
    """CSV rows without a header: nearly all of one width, with a column in which nearly all cells are entries."""
    quoted = all(line.startswith('"') for line in sample)
    rows = [_fields(line, delimiter) for line in sample]
    width, _ = Counter(map(len, rows)).most_common(1)[0] if rows else (1, 0)
    alike = [row for row in rows if len(row) == width]
    if width < 2 or len(alike) < MOST * len(rows) or (len(rows) < FEW and not quoted):
        return None
    scores = [[_score(row[column]) for row in alike] for column in range(width)]
    column = max(range(width), key=lambda one: sum(scores[one]))
    if sum(map(bool, scores[column])) < MOST * len(alike):
        return None
    return Layout(delimiter, column, width, sure=quoted or column > 0)


def _score(cell: str) -> int:
    """A cell that is an entry, and twice one with a path, as a column of URLs goes before one of their hosts."""
    return (1 + ("/" in cell)) * isinstance(sealed_entry.read(cell), Entry)


def _named_layout(sample: list[str], column: str) -> Layout:
    """The layout in which there is a column of this number or name."""
    number = int(column) if column.isdecimal() else None
    if number == 0:
        return Layout()
    split = [(_fields(sample[0], delimiter), delimiter) for delimiter in _DELIMITERS] if sample else []
    for header, delimiter in sorted(split, key=lambda one: -len(one[0])):
        names = {_name(cell): place for place, cell in enumerate(header, 1)}
        place = number or names.get(_name(column), len(header) + 1)
        if place <= len(header):
            named = not _score(header[place - 1])
            return Layout(delimiter if len(header) > 1 else "", place - 1, len(header), header=named)
    raise NoColumnError(f"the first line has no column {column!r}")


def _csv(numbered: Iterable[tuple[int, str]], layout: Layout) -> Iterator[Row]:
    """The rows of a CSV file.

    A delimiter that no quotes protect may be the URL's or the file's; where that is not sure, either reading counts.
    """
    for number, fields in _records(numbered, layout.delimiter):
        if len(fields) <= layout.column:
            yield Row(number, problem=Problem.COLUMNS)
            continue
        end = layout.column + 1 + max(0, len(fields) - layout.width)
        whole = [] if layout.sure else [layout.delimiter.join(fields)]
        yield _row(number, (fields[layout.column], layout.delimiter.join(fields[layout.column : end]), *whole))


def _records(numbered: Iterable[tuple[int, str]], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """(number of the first line, fields) of each record; a quote that nothing closes does not eat what follows it."""
    held: list[tuple[int, str]] = []
    for one in numbered:
        held.append(one)
        record = _strictly([line for _, line in held], delimiter)
        if record is None and len(held) < LONGEST_ROW:
            continue
        yield from [(held[0][0], record)] if record else _singly(held, delimiter)
        held = []
    yield from _singly(held, delimiter)


def _strictly(lines: list[str], delimiter: str) -> list[str] | None:
    """The one record that *lines* are; empty if they are not one, None while a quote is open."""
    try:
        records = list(
            csv.reader([f"{line}\n" for line in lines], delimiter=delimiter, skipinitialspace=True, strict=True)
        )
    except csv.Error as error:
        return None if "unexpected end" in str(error) else []
    return records[0] if len(records) == 1 else []


def _singly(held: list[tuple[int, str]], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    return ((number, _fields(line, delimiter)) for number, line in held)


def _fields(line: str, delimiter: str) -> list[str]:
    """The fields of one *line*, however it is quoted."""
    try:
        return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error:  # a field longer than the module's limit
        return [line]
