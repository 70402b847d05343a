import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocklists import sealed_source
from blocklists.sealed_entry import Entry, Kind, Problem
from blocklists.sealed_source import LONGEST_ROW, Layout, NoColumnError, Tally, of_file

URLS = ["http://one.test/a", "http://two.test/b/", "three.test", "http://four.test/c?d=e"]


def read(text: str | bytes, column: str = "") -> tuple[Layout, list[str], Tally]:
    """The layout, every entry as host and path, and the tally."""
    layout, rows = of_file(text.encode() if isinstance(text, str) else text, column)
    tally = Tally()
    entries = [entry for row in rows for entry in sorted(tally.entries(row), key=str)]
    return layout, [entry.host + entry.path for entry in entries], tally


NAMED = ["one.test/a", "two.test/b/", "three.test", "four.test/c?d=e"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_plain_list_is_an_entry_a_line(end: str):
    layout, entries, tally = read(end.join(["# a list", "", *URLS, ""]))
    assert (str(layout), entries, tally.read) == ("plain, an entry a line", NAMED, 4)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_list_is_read_in_the_encoding_that_its_mark_says(encoding: str):
    text = "http://b\u00fccher.test/caf\u00e9\nharm.test\n"
    for content in (
        text,
        text.replace("\n", "\r\n"),
        text.removesuffix("\n"),
        f'"URL","id"\n"{text.splitlines()[0]}","1"',
    ):
        _, entries, _ = read(content.encode(encoding))
        assert entries[0] == "xn--bcher-kva.test/caf%C3%A9"


def test_utf_16_of_the_other_order_is_read_too():
    _, entries, _ = read(b"\xfe\xff" + "harm.test\n".encode("utf-16-be"))
    assert entries == ["harm.test"]


def test_what_an_older_encoding_wrote_is_sealed_as_either_page_asks_for_it():
    _, entries, tally = read("http://b\u00fccher.test/a\nhttp://old.test/caf\u00e9\n".encode("latin-1"))
    assert entries == ["xn--bcher-kva.test/a", "old.test/caf%C3%A9", "old.test/caf%E9"]
    assert tally.read == 2


def test_utf_16_without_a_mark_is_said_to_have_nul_characters():
    _, entries, tally = read("harm.test\n".encode("utf-16-le"))
    assert entries == []
    assert tally.numbers[Problem.NUL][0] == 1


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("header", ["URL", "url ", "Web Address", "Domain", "domains", "URI", "host"])
def test_a_header_names_the_column(delimiter: str, header: str):
    rows = [["id", header, "added"], *([str(n), u, "2027-01-11"] for n, u in enumerate(URLS))]
    layout, entries, tally = read("\n".join(delimiter.join(row) for row in rows))
    assert (str(layout), entries, tally.skipped_count) == ("CSV, column 2", NAMED, 0)


def test_columns_without_entries_are_no_csv():
    layout, entries, tally = read("some,words\nmore,words\nand,words\n")
    assert (layout, entries, tally.skipped_count) == (Layout(), [], 3)


def test_of_two_columns_the_one_of_urls_counts():
    layout, entries, _ = read("domain,url\none.test,http://one.test/a\n")
    assert (layout.column, entries) == (1, ["one.test/a"])


def test_a_header_of_one_column_is_no_entry():
    layout, entries, tally = read("URL\nhttp://one.test/a,b\n")
    assert (layout.delimiter, entries, tally.skipped_count) == ("", ["one.test/a,b"], 0)


def test_without_a_header_the_column_of_entries_is_found():
    rows = [f'{n},"{u}",three words here,2027-01-11' for n, u in enumerate(URLS)]
    layout, entries, tally = read("\n".join(rows))
    assert (str(layout), entries, tally.skipped_count) == ("CSV, column 2", NAMED, 0)


def test_a_column_of_urls_goes_before_one_of_their_hosts():
    layout, _, _ = read("".join(f"{n}.test,http://{n}.test/a/b\n" for n in "abcd"))
    assert layout.column == 1


def test_quotes_say_that_two_lines_are_csv():
    layout, entries, _ = read('"http://one.test/a,b","x"\n"http://two.test/","y"\n')
    assert (str(layout), entries) == ("CSV, column 1", ["one.test/a,b", "two.test"])


@pytest.mark.parametrize(
    "lines",
    [
        ["http://one.test/a,b", "http://two.test/c"],
        ["http://one.test/a,b,c", "http://two.test/c", "http://three.test/", "http://four.test/d,e", "five.test"],
        ["http://one.test/a;b", "http://two.test/c;d", "http://three.test/e"],
    ],
)
def test_commas_inside_the_urls_of_a_plain_list_stay(lines: list[str]):
    layout, entries, _ = read("\n".join(lines))
    assert layout.delimiter == ""
    assert entries[0] == lines[0].removeprefix("http://")


def test_where_every_url_of_a_plain_list_has_a_comma_either_reading_is_sealed():
    _, entries, tally = read("".join(f"http://{n}.test/story,12\n" for n in "abcd"))
    assert entries[:2] == ["a.test/story", "a.test/story,12"]
    assert tally.read == 4


def test_a_comma_that_nothing_protects_may_be_the_urls_or_the_files():
    _, entries, _ = read("id,url,added\n1,http://one.test/a,b,2027-01-11\n2,http://two.test/c,2027-01-11,\n")
    assert {"one.test/a,b", "two.test/c"} <= set(entries)


def test_a_row_that_is_too_short_is_counted_with_its_line():
    _, entries, tally = read("id,note,url\n1,a\n2,b,http://one.test/a\n\n,,\n")
    assert entries == ["one.test/a"]
    assert (tally.numbers[Problem.COLUMNS], tally.numbers[Problem.NO_HOST]) == ([2], [5])


def test_a_quoted_note_may_run_over_lines():
    _, entries, tally = read('note,url\n"one\n""two""\nthree",http://one.test/a\nx,http://two.test/b\n')
    assert (entries, tally.skipped_count) == (["one.test/a", "two.test/b"], 0)


@pytest.mark.parametrize("slip", ['"http://one.test/a,x', '"no,end', 'a "quoted" word,"open'])
def test_a_quote_that_nothing_closes_eats_no_other_line(slip: str):
    rows = [f"http://{n}.test/p,x" for n in range(LONGEST_ROW + 5)]
    _, entries, _ = read("\n".join(["url,note", slip, *rows, '"http://last.test/p","y"']))
    assert {f"{n}.test/p" for n in range(LONGEST_ROW + 5)} | {"last.test/p"} <= set(entries)


def test_a_field_of_any_length_is_read():
    huge = "x" * (csv.field_size_limit() + 1)
    _, entries, tally = read(f"url,note\nhttp://one.test/a,{huge}\nhttp://two.test/b,y\n")
    assert entries == ["two.test/b"]
    assert tally.skipped_count == 1


@pytest.mark.parametrize(("column", "entry"), [("2", "one.test/a"), ("Where", "one.test/a"), ("1", "seen.test")])
def test_a_person_may_say_which_column_it_is(column: str, entry: str):
    layout, entries, _ = read("found,where\nseen.test,http://one.test/a\n", column)
    assert (layout.delimiter, entries) == (",", [entry])


@pytest.mark.parametrize("column", ["1", "where"])
def test_a_file_of_one_column_is_plain_whatever_a_person_calls_it(column: str):
    layout, entries, _ = read("Where\nhttp://one.test/a\n", column)
    assert (layout.delimiter, entries) == ("", ["one.test/a"])


@pytest.mark.parametrize("column", ["0", "00"])
def test_a_person_may_say_that_it_is_no_csv(column: str):
    layout, entries, _ = read("".join(f"http://{n}.test/story,12\n" for n in "abcd"), column)
    assert (layout, entries[0]) == (Layout(), "a.test/story,12")


def test_a_column_by_its_number_without_a_header():
    _, entries, tally = read("one.test,x.test\ntwo.test,y.test\n", "2")
    assert (entries, tally.skipped_count) == (["x.test", "y.test"], 0)


@pytest.mark.parametrize("content", ["", "a,b\n", "one.test\n"])
@pytest.mark.parametrize("column", ["3", "url", "-1", "\u00b2"])
def test_a_column_that_is_not_there_is_refused_and_nothing_of_the_file_is_said(content: str, column: str):
    with pytest.raises(NoColumnError, match=f"^the first line has no column '{column}'$"):
        of_file(content.encode(), column)


def test_an_empty_file_has_no_rows():
    assert read("") == (Layout(), [], Tally())


def test_only_the_first_lines_of_a_reason_are_named():
    _, _, tally = read("\n".join(["word"] * 9))
    assert (tally.skipped[Problem.NO_HOST], tally.numbers[Problem.NO_HOST]) == (9, [1, 2, 3, 4, 5])


def test_stars_that_are_taken_as_they_stand_are_counted():
    _, entries, tally = read("http://one.test/a*b\nhttp://one.test/c*\n")
    assert (entries, tally.literal) == (["one.test/a*b", "one.test/c"], 1)


@given(st.binary(max_size=300), st.sampled_from(["", "0", "1", "2", "url"]))
def test_no_bytes_raise(content: bytes, column: str):
    try:
        read(content, column)
    except NoColumnError:
        assert column in {"1", "2", "url"}


CELL = st.text(st.sampled_from('ab ,;"\n|\t1'), max_size=8)


@given(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=6))
def test_whatever_stands_beside_them_every_url_of_a_csv_file_is_sealed(cells: list[tuple[str, str]]):
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerow(["before", "url", "after"])
    for number, (before, after) in enumerate(cells):
        writer.writerow([before, f"http://site{number}.test/a,b", after])
    _, entries, _ = read(out.getvalue())
    assert {f"site{number}.test/a,b" for number in range(len(cells))} <= set(entries)


def test_lines_of_bytes_are_an_entry_each():
    rows = list(sealed_source.of_lines([b"\xef\xbb\xbf# names\n", b"\n", b"one.test,two\n"]))
    assert [(row.number, row.texts) for row in rows] == [(3, ("one.test,two\n",))]
    assert Tally().entries(sealed_source.Row(1, ("harm.test",))) == {Entry(Kind.HOST, "harm.test")}
