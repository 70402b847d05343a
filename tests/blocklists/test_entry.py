import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocklists import entry
from blocklists.entry import Entry


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("bbc.test", Entry("bbc.test")),
        ("BBC.test.", Entry("bbc.test")),
        ("www.bbc.test", Entry("www.bbc.test")),
        ("https://www.bbc.test/", Entry("www.bbc.test")),
        ("  bbc.test/bitesize/ ", Entry("bbc.test", "/bitesize")),
        ("bbc.test/bitesize//ks1", Entry("bbc.test", "/bitesize/ks1")),
        ("bbc.test/a/../b", Entry("bbc.test", "/b")),
        ("bbc.test/a%2e/%41", Entry("bbc.test", "/a./A")),
        ("bbc.test:8080/a", Entry("bbc.test", "/a")),
        ("https://user@bbc.test/a#b", Entry("bbc.test", "/a")),
        ("b\u00fccher.test", Entry("xn--bcher-kva.test")),
        ("0xc0000207", Entry("192.0.2.7")),
        ("[::1]/a", Entry("::1", "/a")),
        ("intranet", Entry("intranet")),
    ],
)
def test_an_entry_is_read_as_people_write_it(written: str, read: Entry):
    assert entry.parse(written) == read


@pytest.mark.parametrize(
    "written",
    [
        "",
        "  ",
        "*",
        "*.bbc.test",
        "bbc.test/*",
        "bbc.test news.test",
        "bbc.test\tnews.test",
        "/bitesize/ks1",
        "//bbc.test",
        "_",
        "-",
        "_.-",
        "http://",
        "bbc.test:x",
        "video.test/watch?v=1",
        "bbc.test?",
    ],
)
def test_what_names_no_host_or_less_than_a_page_is_none(written: str):
    assert entry.parse(written) is None


def test_unreadable_entries_are_left_out():
    assert entry.parse_all(("a.test", "*", "b.test/x")) == (Entry("a.test"), Entry("b.test", "/x"))


def test_labels_weigh_more_than_folders():
    ranked = ["a.test", "a.test/x", "a.test/x/y", "b.a.test", "b.a.test/x"]
    ranks = [read.rank for read in entry.parse_all(tuple(ranked))]
    assert ranks == sorted(ranks)
    assert len(set(ranks)) == len(ranked)


@pytest.mark.parametrize(
    ("path", "covered"),
    [
        ("/bitesize", True),
        ("/bitesize/", True),
        ("/bitesize/ks1", True),
        ("/bitesizes", False),
        ("/", False),
        ("/news/bitesize", False),
    ],
)
def test_a_path_covers_what_stands_under_it_and_not_what_only_begins_like_it(path: str, covered: bool):
    assert Entry("bbc.test", "/bitesize").covers_path(path) is covered


@pytest.mark.parametrize(
    "path",
    [
        *("/Bitesize", "/bitesize;a=b/c", "/bitesize.", "/bitesize%20/c", "/bitesize%00.html"),
        *("/.;/bitesize", "/;x/bitesize/c", "/%00/bitesize", "/%20/bitesize/"),
    ],
)
def test_for_closing_a_path_covers_what_some_server_takes_for_it(path: str):
    assert Entry("bbc.test", "/bitesize").may_cover(path)
    assert not Entry("bbc.test", "/bitesize").covers_path(path)


@pytest.mark.parametrize("path", ["/bitesized", "/bite;size", "/.bitesize", "/a/bitesize"])
def test_for_closing_a_path_covers_nothing_that_every_server_keeps_apart(path: str):
    assert not Entry("bbc.test", "/bitesize").may_cover(path)


def test_for_closing_a_path_of_nothing_but_what_servers_leave_off_covers_the_root_and_not_the_site():
    for path in ("/;x", "/a/..;"):
        assert Entry("bbc.test", path).may_cover("/")
        assert not Entry("bbc.test", path).may_cover("/news")
    assert Entry("bbc.test", "/a/;x").may_cover("/a")


@given(st.text())
def test_an_entry_without_a_path_covers_every_path(path: str):
    assert Entry("bbc.test").covers_path(path)


@given(st.one_of(st.text(), st.from_regex(r"(https?://)?[a-z0-9.\[\]:]{1,12}(/[a-z%./]{0,9}){0,3}", fullmatch=True)))
def test_no_text_raises_and_an_entry_read_again_is_itself(text: str):
    read = entry.parse(text)
    assert read is None or entry.parse(str(read)) == read


@given(st.binary())
def test_no_bytes_raise(raw: bytes):
    assert entry.parse(raw.decode("latin-1")) is None or raw
