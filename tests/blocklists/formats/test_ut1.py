import gzip
from pathlib import Path

import pytest

from blocklists import parse
from blocklists.formats import Format, Unread, ut1
from blocklists.parse import Skipped
from blocklists.rule import PageRule, PatternRule, Subject

DOMAINS = b"gambling.test\n.bets.test\n192.0.2.7\nnot a name\n"
URLS = b"""casino.test/play/
www.dice.test/a/b
http://poker.test/a?id=7
cards.test/

# a comment
chess.test/#/bets
x y
localhost/
"""
EXPRESSIONS = rb"""(/banner/|/sponsor/)
# a comment
^[0-9]+\.[0-9]+/search\?q=[0-9]+$
.*
"""


def folder(path: Path, **files: bytes) -> Path:
    path.mkdir()
    for name, content in files.items():
        (path / name.replace("_", ".")).write_bytes(gzip.compress(content) if name.endswith("_gz") else content)
    return path


@pytest.mark.parametrize("fmt", [Format.AUTO, Format.UT1])
def test_a_folder_is_read_whole_gzipped_or_not(tmp_path: Path, fmt: Format):
    path = folder(tmp_path / "gambling", domains_gz=DOMAINS, urls=URLS, expressions_gz=EXPRESSIONS, usage=b"black\n")
    read = parse.parse_file(path, fmt)
    assert read.names == {"gambling.test", "bets.test", "192.0.2.7", "cards.test"}
    assert read.rules == [
        PageRule("casino.test", "/play", folder=True),
        PageRule("www.dice.test", "/a/b", folder=True),
        PageRule("poker.test", "/a?id=7"),
        PageRule("chess.test", "/"),
        PatternRule("(/banner/|/sponsor/)", Subject.URL),
        PatternRule(r"^[0-9]+\.[0-9]+/search\?q=[0-9]+$", Subject.URL),
    ]
    assert read.tally.skipped == [
        Skipped(4, "more than one word on a line", "domains.gz"),
        Skipped(8, "more than one word on a line", "urls"),
        Skipped(9, "a name with one label", "urls"),
        Skipped(4, "matches every site", "expressions.gz"),
    ]
    assert (read.tally.format, read.tally.lines, read.tally.said) == (Format.UT1, 17, 14)


def test_a_folder_may_hold_one_file_only(tmp_path: Path):
    assert parse.parse_file(folder(tmp_path / "a", domains=b"x.test\n")).names == {"x.test"}
    assert parse.parse_file(folder(tmp_path / "b", urls_gz=b"x.test/a\n")).rules == [
        PageRule("x.test", "/a", folder=True)
    ]


def test_a_web_page_in_a_folder_is_no_list(tmp_path: Path):
    read = parse.parse_file(folder(tmp_path / "a", domains=b"<html>\nx.test\n", urls=b"y.test/\n"))
    assert (read.names, read.tally.skipped) == ({"y.test"}, [Skipped(1, "a web page, not a list", "domains")])


def test_of_a_file_and_its_gzipped_copy_one_is_read(tmp_path: Path):
    path = folder(tmp_path / "a", domains=b"x.test\n", domains_gz=b"old.test\n")
    assert parse.parse_file(path).names == {"x.test"}


def test_a_folder_without_any_of_them_cannot_be_read(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="has no domains, urls, expressions"):
        parse.parse_file(folder(tmp_path / "a", usage=b"black\n"))


def test_a_folder_is_of_no_other_format(tmp_path: Path):
    with pytest.raises(IsADirectoryError):
        parse.parse_file(folder(tmp_path / "a", domains=b"x.test\n"), Format.PLAIN)


def test_a_single_file_of_a_folder_is_read_by_its_name(tmp_path: Path):
    path = folder(tmp_path / "a", urls_gz=b"x.test/a\n", other=b"y.test\n")
    assert parse.parse_file(path / "urls.gz", Format.UT1).rules == [PageRule("x.test", "/a", folder=True)]
    assert parse.parse_file(path / "other", Format.UT1).names == {"y.test"}
    assert ut1.reader_of(path / "expressions").shapes == ()


@pytest.mark.parametrize(
    "opens", ["^https?://", "^http://", r"^https?:\/\/", "^HTTPS://", "^(https?|ftp)://", "^(?:http|https)://", "^"]
)
def test_a_scheme_that_an_expression_opens_with_is_left_off_as_no_subject_has_one(opens: str):
    assert list(ut1.expression(f"{opens}ads[0-9]+")) == [PatternRule("^ads[0-9]+", Subject.URL)]


@pytest.mark.parametrize("text", ["https?://x", "^https?://?x", "^(https?://)?x", "[^https?://]x"])
def test_what_only_looks_like_a_scheme_stays(text: str):
    assert list(ut1.expression(text)) == [PatternRule(text, Subject.URL)]


@pytest.mark.parametrize("text", ["^https?://", "^https?://.*", "^https?://[^/]*/?"])
def test_an_expression_of_a_scheme_alone_matches_every_site(text: str):
    assert list(ut1.expression(text)) == [Unread("matches every site")]
