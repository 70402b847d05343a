import time

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from blocklists import domain, url

# Examples of our own for the rules that Safe Browsing v4 publishes under "URLs and Hashing", and for what lies beside
# them: whatever a browser would take to the same page must have the same form.


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("school.test", "http://school.test/"),
        ("http://school.test", "http://school.test/"),
        ("//school.test/a", "http://school.test/a"),
        ("HTTPS://School.TEST/A", "https://school.test/A"),
        ("https:school.test/a", "https://school.test/a"),
        ("https:/school.test/a", "https://school.test/a"),
        ("https:////school.test/a", "https://school.test/a"),
        ("https:\\\\school.test\\a", "https://school.test/a"),
        ("wss://school.test/a", "wss://school.test/a"),
        ("git+ssh://school.test/a", "git+ssh://school.test/a"),
        ("  http://school.test/a \n", "http://school.test/a"),
        ("\x00\x1f http://school.test/a\x0c", "http://school.test/a"),
        ("ht\ttp://sch\nool.te\rst/a\tb", "http://school.test/ab"),
        ("http://school.test?", "http://school.test/?"),
        ("http://school.test?q", "http://school.test/?q"),
        ("http://school.test/a?b?c", "http://school.test/a?b?c"),
        ("http://school.test/?a=/../b", "http://school.test/?a=/../b"),
    ],
)
def test_scheme_and_blanks(written: str, form: str):
    assert str(url.canonical(written)) == form


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("http://school.test/a#b", "http://school.test/a"),
        ("http://school.test/a#b#c?d", "http://school.test/a"),
        ("http://school.test#/a", "http://school.test/"),
        ("http://school.test/a?b#c", "http://school.test/a?b"),
        ("http://school.test/a%23b#c", "http://school.test/a%23b"),
    ],
)
def test_a_fragment_is_left_out_and_an_escaped_one_is_none(written: str, form: str):
    assert str(url.canonical(written)) == form


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("http://school.test/%41", "http://school.test/A"),
        ("http://school.test/%2541", "http://school.test/A"),
        ("http://school.test/%25%34%31", "http://school.test/A"),
        ("http://school.test/%252525252541", "http://school.test/A"),
        ("http://school.test/%25", "http://school.test/%25"),
        ("http://school.test/%", "http://school.test/%25"),
        ("http://school.test/%zz%4", "http://school.test/%25zz%254"),
        ("http://school.test/100%25%32%35off", "http://school.test/100%25off"),
        ("http://school.test/%7Ea%21b%40c", "http://school.test/~a!b@c"),
        ("http://school.test/a b", "http://school.test/a%20b"),
        ("http://school.test/%01%7f%80", "http://school.test/%01%7F%80"),
        ("http://school.test/caf\u00e9", "http://school.test/caf%C3%A9"),
        ("http://school.test/caf%e9", "http://school.test/caf%E9"),
        ("http://school.test/\ud800", "http://school.test/%ED%A0%80"),
        ("http://school.test/a%3Fb", "http://school.test/a%3Fb"),
        ("http://school.test/?a%3Fb%26c%23", "http://school.test/?a?b&c%23"),
        ("http://%73chool.te%73t/", "http://school.test/"),
        ("http://%2573chool.test/", "http://school.test/"),
        ("http://school%2etest/", "http://school.test/"),
        ("http://%31%39%32.0.2.7/", "http://192.0.2.7/"),
        ("http://b%C3%BCcher.test/", "http://xn--bcher-kva.test/"),
    ],
)
def test_percent_escapes_are_decoded_until_none_is_left(written: str, form: str):
    assert str(url.canonical(written)) == form


def test_a_path_escaped_more_often_than_any_honest_one_names_nothing():
    deepest = "%" + "25" * (url.MAX_UNESCAPES - 2) + "41"
    assert str(url.canonical(f"http://school.test/{deepest}")) == "http://school.test/A"
    assert url.canonical(f"http://school.test/%25{deepest[1:]}") is None
    assert url.canonical(f"http://school.test/?%25{deepest[1:]}") is None
    assert url.canonical(f"http://%25{deepest[1:]}.test/") is None


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("", "/"),
        ("/", "/"),
        ("//", "/"),
        ("/a/", "/a/"),
        ("/a//b", "/a/b"),
        ("/./a/./b/.", "/a/b/"),
        ("/a/../b", "/b"),
        ("/a/b/..", "/a/"),
        ("/a/..", "/"),
        ("/../../a", "/a"),
        ("/a/b/../../../c", "/c"),
        ("/%2e%2e/a", "/a"),
        ("/a/%252e%252e/b", "/b"),
        ("/a%2f..%2fb", "/b"),
        ("\\a\\..\\b", "/b"),
        ("/a%5C..%5Cb", "/b"),
        ("/a/...", "/a/..."),
        ("/a/.b/..c", "/a/.b/..c"),
        ("/a;b=c/d", "/a;b=c/d"),
    ],
)
def test_dot_segments_and_runs_of_slashes_are_resolved(written: str, path: str):
    found = url.canonical("http://school.test" + written)
    assert found is not None
    assert found.path == path


@pytest.mark.parametrize(
    "written",
    [
        "192.0.2.7",
        "192.0.2.7.",
        "192.0.519",
        "3221225991",
        "0xc0.0.2.7",
        "0XC0000207",
        "0300.0.2.7",
        "0300.0x0.02.7..",
        "0x000000000000000000000000c0.0.2.7",
        "[::ffff:192.0.2.7]",
        "[::ffff:c000:207]:443",
        "\uff11\uff19\uff12.0.2.7",
        "\uff10xc0000207",
        "%30xc0000207",
    ],
)
def test_every_notation_of_an_address_is_that_address(written: str):
    found = url.canonical(f"https://{written}/")
    assert found is not None
    assert str(found) == "https://192.0.2.7/"


def test_an_address_of_version_6_keeps_its_brackets():
    assert str(url.canonical("http://[2001:DB8::0:1]:8080/a")) == "http://[2001:db8::1]:8080/a"
    assert str(url.canonical("http://[fe80::1%25eth0]/")) == "http://[fe80::1]/"


@pytest.mark.parametrize(
    ("written", "host"),
    [
        ("http://www.bbc.test@gambling.test/", "gambling.test"),
        ("http://a:b@gambling.test:80/", "gambling.test"),
        ("http://a@b@gambling.test/", "gambling.test"),
        ("http://www.bbc.test%2F@gambling.test/", "gambling.test"),
        ("http://www.bbc.test%23@gambling.test/", "gambling.test"),
        ("http://gambling.test\\@www.bbc.test/", "gambling.test"),
        ("http://gambling.test/@www.bbc.test", "gambling.test"),
        ("http://gambling.test?@www.bbc.test", "gambling.test"),
        ("http://gambling.test#@www.bbc.test", "gambling.test"),
        ("http://GAMBLING.test./", "gambling.test"),
        ("http://...gambling..test.../", "gambling.test"),
        ("http://gambling\u3002test\uff61/", "gambling.test"),
        ("http://\u3002gambling.\uff0etest/", "gambling.test"),
        ("http://gam\u00adbling.test/", "gambling.test"),
        ("http://gambling.test:/", "gambling.test"),
        ("http://gambling.test:0000443/", "gambling.test"),
        ("http://foo_bar.gambling.test/", "foo_bar.gambling.test"),
    ],
)
def test_the_host_is_the_one_that_a_browser_would_go_to(written: str, host: str):
    found = url.canonical(written)
    assert found is not None
    assert found.host == host


@pytest.mark.parametrize(
    ("written", "port"),
    [
        ("http://school.test:80/", ""),
        ("https://school.test:443/", ""),
        ("https://school.test:0443/", ""),
        ("https://school.test:80/", "80"),
        ("http://school.test:65535/", "65535"),
        ("http://school.test:0/", "0"),
        ("http://school.test:000/", "0"),
        ("http://school.test:/", ""),
        ("git://school.test:80/", "80"),
    ],
)
def test_a_port_is_kept_unless_it_is_the_schemes_own(written: str, port: str):
    found = url.canonical(written)
    assert found is not None
    assert found.port == port


@pytest.mark.parametrize(
    "written",
    [
        "",
        "http://",
        "http:///",
        "http://?a",
        "http://#a",
        "http://.",
        "http://:80/",
        "http://a b.test/",
        "http://*.test/",
        "http://%00.test/",
        "http://%80.test/",
        "http://\ud800.test/",
        "http://a%2Fb.test/",
        "http://a\uff0fb.test/",
        "http://a%40b/",
        "http://school.test:x/",
        "http://school.test:65536/",
        "http://school.test:1000080/",
        "http://school.test:\uff18\uff10/",
        "http://school.test:\u00b2/",
        "http://school.test:-1/",
        "http://[::1/",
        "http://[::1]x/",
        "http://[::1]x:80/",
        "http://[school.test]/",
        "http://::1/",
        "javascript:alert(1)",
        "about:blank",
        "data:text/html,x",
        "a" * 64,
        "http://" + "a." * 200 + "test/",
        "http://" + "%25" * 20000,
        "http://school.test:" + "1" * 9000 + "@gambling.test/",
        "http://school.test/" + "a" * url.MAX_URL + "/../../b",
        " " * url.MAX_URL + "http://school.test/",
    ],
)
def test_what_names_no_host_is_none(written: str):
    assert url.canonical(written) is None


def test_a_long_query_is_cut_and_a_long_path_is_not():
    long = "http://school.test/a?" + "b" * url.MAX_URL
    found = url.canonical(long)
    assert found is not None
    assert (found.host, found.path) == ("school.test", "/a")
    assert url.canonical("http://school.test/a#" + "b" * url.MAX_URL) == url.canonical("http://school.test/a")


def test_the_expressions_of_a_short_url_with_a_query():
    found = url.canonical("http://a.b.test/1/2.html?c=3")
    assert found is not None
    assert list(url.expressions(found)) == [
        "a.b.test/1/2.html?c=3",
        "a.b.test/1/2.html",
        "a.b.test/",
        "a.b.test/1/",
        "b.test/1/2.html?c=3",
        "b.test/1/2.html",
        "b.test/",
        "b.test/1/",
    ]


def test_the_expressions_of_a_long_url_are_five_hosts_by_six_paths():
    found = url.canonical("http://h.g.f.e.d.c.test/1/2/3/4/5.html?x")
    assert found is not None
    hosts = ["h.g.f.e.d.c.test", "f.e.d.c.test", "e.d.c.test", "d.c.test", "c.test"]
    paths = ["/1/2/3/4/5.html?x", "/1/2/3/4/5.html", "/", "/1/", "/1/2/", "/1/2/3/"]
    assert list(url.expressions(found)) == [host + path for host in hosts for path in paths]


@pytest.mark.parametrize(
    ("host", "suffixes"),
    [
        ("test", ["test"]),
        ("a.test", ["a.test"]),
        ("a.b.test", ["a.b.test", "b.test"]),
        ("a.b.c.d.test", ["a.b.c.d.test", "b.c.d.test", "c.d.test", "d.test"]),
        ("a.b.c.d.e.test", ["a.b.c.d.e.test", "b.c.d.e.test", "c.d.e.test", "d.e.test", "e.test"]),
        ("192.0.2.7", ["192.0.2.7"]),
        ("2001:db8::1", ["2001:db8::1"]),
    ],
)
def test_the_host_suffixes(host: str, suffixes: list[str]):
    assert url.host_suffixes(host) == suffixes


@pytest.mark.parametrize(
    ("tail", "prefixes"),
    [
        ("", ["/"]),
        ("?a", ["/?a", "/"]),
        ("/a", ["/a", "/"]),
        ("/a/", ["/a/", "/"]),
        ("/a/?b", ["/a/?b", "/a/", "/"]),
        ("/a/b/c/d/", ["/a/b/c/d/", "/", "/a/", "/a/b/", "/a/b/c/"]),
        ("/a/b/c/", ["/a/b/c/", "/", "/a/", "/a/b/"]),
    ],
)
def test_the_path_prefixes(tail: str, prefixes: list[str]):
    found = url.canonical("http://school.test" + tail)
    assert found is not None
    assert url.path_prefixes(found) == prefixes


def test_the_port_is_no_part_of_an_expression():
    plain, other = url.canonical("http://school.test/a"), url.canonical("https://school.test:8443/a")
    assert plain is not None
    assert other is not None
    assert list(url.expressions(plain)) == list(url.expressions(other))


AWKWARD = st.text(st.sampled_from("aA0.%/\\?#@:[]25fFeE \t\u3002\u00fc\ud800x-_"), max_size=40)


WORDS = r"""
http https HTTP wss git : / // \ ? # @ : & = ; . .. ... ./ ../ /./ /../ % %25 %2f %5C %2e %00 %C3%BC %ff %41 %zz a A 1 0
0x7f 443 80 8080 65536 school.test SCHOOL.TEST. www -_ xn--bcher-kva [::1] [2001:db8::1%25e] 192.0.2.7 index.html
.well-known a=1&b=%202
"""
SIGNS = "\u3002\uff0e\uff05\uff14\u00fc\u00df\u00ad\u200d\U0001f600\ud800\u00a0 \t\n\0\x1f\x7f"
PIECES = st.lists(st.sampled_from([*WORDS.split(), *SIGNS]), max_size=12).map("".join)
ORDINARY = r"https?://([a-zA-Z0-9_-]{1,4}\.){0,3}[a-zA-Z]{1,4}(:[0-9]{1,4})?(/[!-~]{0,6}){0,4}(\?[!-~]{0,9})?"
ANY = st.one_of(
    st.text(),
    AWKWARD,
    AWKWARD.map("http://a.test/".__add__),
    AWKWARD.map("http://".__add__),
    PIECES,
    PIECES.map("http://a.test/".__add__),
    PIECES.map("https://www.school.test:8080/a/b".__add__),
    st.from_regex(ORDINARY, fullmatch=True),
)


@given(ANY)
@example("http://a.test/%5Ca")
@example("http://a.test/%3Fa")
@example("http:a")
@example("http://\uff05\uff14\uff11.test")
def test_no_text_raises_and_the_form_of_a_form_is_itself(text: str):
    form = url.canonical(text)
    assert form is None or (url.canonical(str(form)) == form and str(form).isascii())


@given(ANY)
@example("http://School.TEST:80/A/b?c=%2541")
@example("https://a.test:80")
@example("https://a.test/a?")
@example("https://a.test/a//b")
@example("https://a.test/a/.;/b")
@example("https://1.0x1/")
@example("https://a.test/" + "b" * url.MAX_URL)
@example("https://" + "a." * 200 + "test/")
def test_the_short_way_and_the_long_one_lead_to_the_same_form(text: str):
    """`plain` too, which is no part of what makes two of them equal."""
    short = url._ordinary(text)
    assert short is None or msgspec.structs.astuple(short) == msgspec.structs.astuple(url._any(text))


@pytest.mark.parametrize(
    "text",
    [
        "http://school.test",
        "https://www.School.test:8443/a/b.html?c=d%20e&f=g",
        "https://school.test/a/b/?",
        "https://school.test/?u=https://a.test/../b",
    ],
)
def test_an_ordinary_address_goes_the_short_way(text: str):
    assert url._ordinary(text)


@given(st.binary())
def test_no_bytes_raise(raw: bytes):
    for text in (raw.decode("latin-1"), raw.decode("utf-8", "surrogateescape")):
        form = url.canonical(text)
        assert form is None or domain.canonical(form.host) == form.host


@given(AWKWARD)
def test_a_path_never_holds_a_dot_segment_or_an_empty_one(text: str):
    form = url.canonical("http://a.test/" + text)
    parts = form.path.split("/")[1:-1] if form else []
    assert not {"", ".", ".."} & set(parts)


@given(st.one_of(st.text(max_size=30), st.from_regex(r"[a-z0-9._-]{1,20}", fullmatch=True)))
def test_a_name_and_a_url_of_it_mean_the_same_host(text: str):
    name = domain.canonical(text)
    if name is not None:
        form = url.canonical(f"http://[{name}]/" if ":" in name else f"http://{name}/")
        assert form is not None
        assert form.host == name


@given(st.from_regex(r"([a-z]{1,3}\.){0,7}[a-z]{1,3}", fullmatch=True), AWKWARD)
def test_there_are_at_most_thirty_expressions_and_none_twice(host: str, tail: str):
    form = url.canonical(f"http://{host}/{tail}")
    found = list(url.expressions(form)) if form else []
    assert len(found) == len(set(found)) <= url.HOST_SUFFIXES * (url.PATH_PREFIXES + 2)
    assert form is None or form.host + "/" in found


@pytest.mark.parametrize(
    "text",
    [
        "http://a.test/x/%252e%252e/y",
        "http://a.test/x/..%2fy",
        "http://a.test/x\\..\\y",
        "http://a.test/x%5cy",
        "http://a.test/x/..;/y",
        "http://a.test/x/./y",
        "http://a.test/x/..",
        "http://a.test/x#/../y",
        "http://a.test/x/%2E%2E/y",
        "http://a.test/x\ty",
    ],
)
def test_an_address_that_servers_read_differently_is_not_plain(text):
    assert not url.canonical(text).plain


@pytest.mark.parametrize(
    "text", ["http://a.test/", "a.test", "http://a.test/x.html?q=%25..%2f", "http://a.test/a;b/c%20d"]
)
def test_an_ordinary_address_is_plain(text):
    assert url.canonical(text).plain


def test_addresses_are_equal_by_their_canonical_form():
    assert (
        len({url.canonical("http://a.test/x/../y"), url.canonical("HTTP://A.test/y"), url.canonical("a.test/z")}) == 2
    )
    assert url.canonical("http://a.test/y") != "http://a.test/y"


@pytest.mark.parametrize(
    "path", ["/..", "/a/../b", "/%2e%2e", "/%252e%2e/", "/..;a/b", "/a\\..", "/..%2fa", "/..%5ca", "/.. ", "/..%00"]
)
def test_a_path_that_leads_up_is_seen_however_it_is_written(path: str):
    assert url.climbs(path)


@pytest.mark.parametrize("path", ["", "/", "/.", "/...", "/a..b", "/a../b", "/;..", "/100%", "/%25252525"])
def test_a_path_that_stays_where_it_is_does_not_lead_up(path: str):
    assert not url.climbs(path)


def test_what_is_escaped_more_often_than_any_honest_path_leads_up():
    assert url.climbs("/%" + "25" * 40 + "41")


@pytest.mark.parametrize(
    ("path", "bare"),
    [
        ("/a;b=c/d;e", "/a/d"),
        ("/a./b../c", "/a/b/c"),
        ("/a%20/b.%20.", "/a/b"),
        ("/a%00.html/b", "/a/b"),
        ("/a.b/c", "/a.b/c"),
        ("/", "/"),
        ("/.;/page", "/page"),
        ("/;x/page", "/page"),
        ("/%00/page", "/page"),
        ("/%20/page", "/page"),
        ("/.%20;x/...;/page;", "/page"),
        ("/a/..;x/page", "/page"),
        ("/..;/a/..%20", "/"),
        ("/a/b/..;", "/a/"),
        ("/a/;x", "/a/"),
        ("/a/b;x/", "/a/b/"),
        ("/;x/%00", "/"),
        ("/%20a%20b/c", "/%20a%20b/c"),
    ],
)
def test_the_laxest_servers_leave_off_parameters_ends_and_what_follows_a_nul(path: str, bare: str):
    assert url.bare(path) == bare


def test_in_lower_case_an_escape_stays_as_it_is():
    assert url.lower("/A/%C3%A9/B%2525") == "/a/%C3%A9/b%2525"
    assert url.lower("/A.HTML") == "/a.html"


@pytest.mark.parametrize("text", ["." * 8000 + "x", "%20" * 2600 + "x", "/." * 4000 + "x", ";%00" * 2000, "a./" * 2600])
def test_no_path_costs_the_laxest_reading_more_than_its_length(text: str):
    started = time.process_time()
    url.bare(f"/{text}")
    assert time.process_time() - started < 0.1
