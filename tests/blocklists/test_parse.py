import gzip
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from blocklists import domain, parse
from blocklists.formats import MAX_LINE
from blocklists.formats.hosts import LOCAL_NAMES
from blocklists.parse import Format, Skipped, Tally, parse_lines
from tests.fuzz import laws

SIGNS = "ax7.-_*|^/$@#%?&=,:;()[]{}'\"\\ \t\n\r\x00\x85é。ß\u200d"

PLAIN = b"""\xef\xbb\xbf# a list

Gambling.TEST   # the best known
bets.test.
b\xc3\xbccher.test
192.0.2.7
not a name
http://casino.test/
\xff\xfe.test
"""

HOSTS = b"""127.0.0.1 localhost localhost.localdomain
::1 ip6-localhost ip6-loopback
0.0.0.0 0.0.0.0
0.0.0.0 gambling.test www.gambling.test # two
0.0.0.0\tbets.test\r
0.0.0.0 bad..name fine.test
0.0.0.0
"""


def test_a_plain_list_is_a_name_a_line():
    read = parse_lines(PLAIN.splitlines(keepends=True), Format.PLAIN)
    assert read.names == {"gambling.test", "bets.test", "xn--bcher-kva.test", "192.0.2.7", "casino.test"}
    assert read.tally.lines == 9
    assert (read.tally.said, read.tally.skipped_count) == (7, 2)
    assert read.tally.skipped == [
        Skipped(7, "more than one word on a line"),
        Skipped(9, "not the name of a host"),
    ]


def test_a_hosts_list_is_an_address_and_names_and_leaves_out_the_machine_itself():
    read = parse_lines(HOSTS.splitlines(keepends=True), Format.HOSTS)
    assert read.names == {"gambling.test", "www.gambling.test", "bets.test", "fine.test"}
    assert read.tally.skipped == [Skipped(6, "not the name of a host"), Skipped(7, "an address without a name")]


def test_a_hosts_line_opens_with_an_address():
    assert parse_lines([b"gambling.test 0.0.0.0"], Format.HOSTS).tally.skipped == [
        Skipped(1, "a hosts line opens with an address")
    ]


def test_a_line_with_several_names_of_which_some_are_bad_counts_once():
    read = parse_lines([b"0.0.0.0 bad..name one fine.test"], Format.HOSTS)
    assert read.names == {"fine.test"}
    assert (read.tally.said, read.tally.skipped_count, read.tally.understood) == (1, 1, 0)


@pytest.mark.parametrize("lines", [PLAIN, HOSTS.replace(b"0.0.0.0\n", b"")])
def test_the_format_is_recognised(lines: bytes):
    fmt = Format.PLAIN if lines is PLAIN else Format.HOSTS
    split = lines.splitlines(keepends=True)
    assert parse_lines(split) == parse_lines(split, fmt)


def test_a_list_joined_from_both_formats_loses_nothing():
    assert parse_lines([b"bets.test", b"0.0.0.0 gambling.test", b"casino.test"]).names == {
        "bets.test",
        "gambling.test",
        "casino.test",
    }


def test_a_line_beyond_any_honest_length_is_counted_and_no_half_of_a_name_is_taken():
    line = b"0.0.0.0 " + b"gambling.test " * 400
    read = parse_lines([line, b"#" * 9000, b"bets.test"])
    assert read.names == {"bets.test"}
    assert read.tally.skipped == [Skipped(1, f"longer than {MAX_LINE} bytes")]


def test_only_the_first_skipped_lines_are_kept_and_all_are_counted():
    read = parse_lines([b"no name"] * 250)
    assert read.tally.skipped_count == 250
    assert len(read.tally.skipped) == parse.MAX_SKIPPED_KEPT


def test_of_each_reason_a_first_line_is_kept():
    read = parse_lines([b"no name"] * 250 + [b"||a.test^$ctag=x", b"no name"], parse.Format.ADBLOCK)
    assert [one.line for one in read.tally.skipped[parse.MAX_SKIPPED_KEPT :]] == [251]


def test_a_file_is_read(tmp_path: Path):
    path = tmp_path / "gambling.txt"
    path.write_bytes(PLAIN)
    assert parse.parse_file(path) == parse_lines(PLAIN.splitlines(keepends=True))
    with pytest.raises(OSError, match="nowhere"):
        parse.parse_file(tmp_path / "nowhere.txt")


def test_a_gzipped_list_is_unpacked(tmp_path: Path):
    path = tmp_path / "gambling.txt.gz"
    path.write_bytes(gzip.compress(PLAIN))
    assert parse.parse_file(path) == parse_lines(PLAIN.splitlines(keepends=True))


def test_a_gzipped_list_that_ends_early_is_read_as_far_as_it_goes_and_says_so(tmp_path: Path):
    content = b"".join(b"name-%d.test\n" % number for number in range(100_000))
    path = tmp_path / "list.gz"
    path.write_bytes(gzip.compress(content)[:-5000])
    read = parse.parse_file(path)
    assert read.tally.skipped == [Skipped(read.tally.lines + 1, "the gzip data ends early")]
    assert len(read.names) == read.tally.lines == read.tally.said - 1 > 50_000
    path.write_bytes(b"\x1f\x8b and nothing of the kind")
    assert parse.parse_file(path).tally.skipped == [Skipped(1, "the gzip data is damaged")]


@pytest.mark.parametrize("fmt", [Format.AUTO, Format.PLAIN, Format.ADBLOCK])
def test_a_web_page_gives_no_rule_and_one_reason(fmt: Format):
    page = b"<!DOCTYPE html>\n<html>\n<a href='x'>\ngambling.test\n</html>\n".splitlines(keepends=True)
    read = parse_lines(page, fmt)
    assert (read.names, read.rules) == (set(), [])
    assert read.tally.reasons == {"a web page, not a list": 1}
    assert (read.tally.said, read.tally.understood) == (1, 0)


def test_every_kind_of_rule_is_counted_apart():
    lines = [b"||a.test^", b"@@||b.test^", b"||c.test/x/", b"*ads*", b"||d.test^$client=x", b"! a comment", b""]
    tally = parse_lines(lines).tally
    assert (tally.format, tally.lines, tally.said) == (Format.ADBLOCK, 7, 5)
    assert (tally.names, tally.pages, tally.patterns, tally.rules) == (2, 1, 1, 4)
    assert tally.understood == pytest.approx(0.8)


def test_a_list_comes_in_batches_and_lines_are_numbered_throughout(tmp_path: Path):
    path = tmp_path / "list.txt"
    path.write_bytes(b"".join(b"name-%d.test\n" % number for number in range(60_000)) + b"no name\n")
    tally = Tally()
    found = list(parse.read(path, Format.AUTO, tally))
    assert len(found) > 2
    assert sum(len(batch.names) for batch in found) == tally.names == 60_000
    assert tally.skipped == [Skipped(60_001, "more than one word on a line")]


def test_a_rule_is_taken_back_from_the_end_of_a_file_and_not_of_a_stream(tmp_path: Path):
    lines = [b"||gambling.test^\n", b"||bets.test^\n", b"||bets.test^$badfilter\n"]
    path = tmp_path / "list.txt"
    path.write_bytes(b"".join(lines))
    assert parse.parse_file(path).names == parse_lines(iter(lines)).names == {"gambling.test"}
    tally = Tally()
    (batch,) = parse.batches(iter(lines), Format.AUTO, tally)
    assert batch.names == ["gambling.test", "bets.test"]
    assert tally.reasons == {"the modifier $badfilter is not supported": 1}


@given(st.one_of(st.binary(max_size=300), st.text(SIGNS, max_size=300).map(str.encode)), st.sampled_from(Format))
@example(b"", Format.AUTO)
@example(b"\xef\xbb\xbf<html>\nx.test", Format.AUTO)
def test_no_bytes_raise_and_every_rule_is_in_canonical_form(raw: bytes, fmt: Format):
    laws.check_list(raw, fmt)


@given(st.lists(st.from_regex(r"[A-Za-z0-9]{1,8}(\.[a-z]{2,5}){1,3}\.?", fullmatch=True)))
def test_every_name_of_a_clean_list_is_taken_in_both_formats(names: list[str]):
    plain = parse_lines([name.encode() for name in names], Format.PLAIN)
    hosts = parse_lines([b"0.0.0.0 " + name.encode() for name in names], Format.HOSTS)
    assert plain.names == {domain.canonical(name) for name in names}
    assert hosts.names == plain.names - LOCAL_NAMES
    assert not plain.tally.skipped_count + hosts.tally.skipped_count


@pytest.mark.parametrize("line", [b"http://com/a", b"uk/b/", b"||com/a/", b"||com/a"])
def test_a_page_of_a_name_with_one_label_is_left_out(line: bytes):
    read = parse_lines([b"http://x.test/a", line] if b"|" not in line else [b"||x.test^", line])
    assert [rule for rule in read.rules if getattr(rule, "host", "x.test") != "x.test"] == []
    assert read.tally.skipped_count == 1
