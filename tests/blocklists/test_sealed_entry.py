import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocklists import sealed_entry, url
from blocklists.sealed_entry import DEEPEST_FOLDER, LONGEST_PREFIX, Entry, Kind, Problem, read


@pytest.mark.parametrize(
    "text",
    [
        "harm.test",
        "HARM.test.",
        ".harm.test",
        "*.harm.test",
        "harm.test/",
        "harm.test/*",
        "harm.test*",
        "*.harm.test/*",
        "http://harm.test",
        "https://harm.test:8443/",
        "http://*.harm.test/",
        "http://*.harm.test*",
        "*://*.harm.test/*",
        "*://harm.test",
        "https:harm.test",
        "http:///harm.test/",
        "//harm.test",
        "http://user@harm.test/",
        "harm.test/?",
        "harm.test:80",
        "harm.test/#",
        ' "harm.test" ',
        "<http://harm.test/>",
        "harm\u3002test",
    ],
)
def test_these_name_a_whole_host(text: str):
    assert read(text) == Entry(Kind.HOST, "harm.test")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("harm.test/page", "/page"),
        ("http://harm.test/page?", "/page"),
        ("http://harm.test/page#part", "/page"),
        ("http://harm.test/page#part*", "/page"),
        ("http://harm.test/page?id=7", "/page?id=7"),
        ("http://harm.test/?id=7", "/?id=7"),
        ("http://harm.test?id=7", "/?id=7"),
        ("http://harm.test/folder/", "/folder/"),
        ("http://harm.test/folder/*", "/folder/"),
        ("http://*.harm.test/folder/*", "/folder/"),
        ("http://harm.test/a/b/c/d/e/f/", "/a/b/c/d/e/f/"),
        ("http://harm.test/a,b;c.html", "/a,b;c.html"),
        ("http://harm.test/a*b/c", "/a*b/c"),
        ("harm.test\\page", "/page"),
    ],
)
def test_these_name_a_page_or_a_folder(text: str, path: str):
    assert read(text) == Entry(Kind.PAGE, "harm.test", path)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("harm.test/pic*", "/pic"),
        ("http://*.harm.test/folder/pic**", "/folder/pic"),
        ("http://harm.test/page?id=*", "/page?id="),
        ("http://harm.test/page?*", "/page?"),
        ("http://harm.test/?*", "/?"),
        ("http://harm.test/" + "a" * 2000 + "*", "/" + "a" * (LONGEST_PREFIX - 1)),
    ],
)
def test_a_star_at_the_end_names_what_begins_like_that(text: str, path: str):
    assert read(text) == Entry(Kind.PREFIX, "harm.test", path)


def test_a_folder_that_is_deeper_than_any_is_cut():
    found = read("http://harm.test/" + "a/" * 100)
    assert isinstance(found, Entry)
    assert found.path == "/" + "a/" * (DEEPEST_FOLDER - 1)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", Problem.NO_HOST),
        ("word", Problem.NO_HOST),
        ("not a host/", Problem.NO_HOST),
        ("person@harm.test", Problem.NO_HOST),
        ("mailto:person@harm.test", Problem.NO_HOST),
        ("2027-01-11", Problem.NO_HOST),
        ("http://", Problem.NO_HOST),
        ("http://a b.test/", Problem.NO_HOST),
        ("*", Problem.NO_HOST),
        ("har*.test", Problem.STAR),
        ("http://harm.*/page", Problem.STAR),
        ("harm.*", Problem.STAR),
        ("192.0.2.*", Problem.STAR),
        ("*.*.harm.test", Problem.STAR),
        ("http://test/", Problem.TOP_LEVEL),
        (".test", Problem.TOP_LEVEL),
        ("co.uk", Problem.SUFFIX),
        ("CO.UK.", Problem.SUFFIX),
        ("*.gov.uk", Problem.SUFFIX),
        ("http://github.io/", Problem.SUFFIX),
        ("https://*.github.io:8443/*", Problem.SUFFIX),
        ("county.sch.uk", Problem.SUFFIX),
        ("http://harm.test/#!/album/3", Problem.FRAGMENT),
        ("http://harm.test#album", Problem.FRAGMENT),
        ("http://harm.test/" + "a" * url.MAX_URL, Problem.TOO_LONG),
    ],
)
def test_these_name_nothing_for_a_reason(text: str, problem: Problem):
    assert read(text) is problem


@pytest.mark.parametrize("text", ["school.county.sch.uk", "class.github.io", "http://github.io/page", "www.gov.uk"])
def test_a_site_under_a_public_suffix_and_a_page_of_one_are_entries(text: str):
    assert isinstance(read(text), Entry)


@pytest.mark.parametrize("text", ["http://intranet/page", "http://192.0.2.7/", "http://[2001:db8::1]/", "192.0.2.7"])
def test_a_page_of_a_host_of_one_label_and_an_address_are_entries(text: str):
    assert isinstance(read(text), Entry)


PIECES = st.lists(
    st.sampled_from(
        ["*", "*.", "http://", "*://", "harm", ".", "test", "/", "//", "?", "#", "@", ":", "a", "%2a", " ", '"']
    ),
    max_size=10,
).map("".join)


@given(st.one_of(st.text(max_size=60), PIECES))
def test_no_text_raises_and_no_problem_quotes_it(text: str):
    found = sealed_entry.read(text)
    assert isinstance(found, Entry | Problem)


@given(PIECES)
def test_an_entry_is_one_that_its_own_address_has(text: str):
    """What an entry names is canonical: the address that it spells has the same host and path."""
    found = sealed_entry.read(text)
    if isinstance(found, Entry) and found.kind is not Kind.PREFIX:
        parsed = url.canonical(f"http://{found.host}{found.path}")
        assert parsed is not None
        spelled = parsed.path + ("" if parsed.query is None else f"?{parsed.query}")
        assert (parsed.host, spelled) == (found.host, found.path or "/")
