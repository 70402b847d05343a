"""Headers found faster are found the same, and mitmproxy is left as it was."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mitmproxy import connection, http
from mitmproxy.net.http import url
from mitmproxy.test import tflow

from proxy_addons import library_speed

NAMES = st.sampled_from(["Host", "host", "X-Odd", "x-odd", "Cookie", "\u00e4", "\udce4"])
FIELDS = st.lists(st.tuples(NAMES, st.binary(max_size=8)), max_size=6)


def answers(headers: http.Headers, name: str) -> tuple[object, ...]:
    try:
        item: object = headers[name]
    except KeyError as error:
        item = error.args
    raw = name.encode("utf-8", "surrogateescape")
    return headers.get(name), headers.get(raw, "none"), headers.get_all(name), name in headers, raw in headers, item


@given(FIELDS, NAMES)
def test_headers_are_found_as_mitmproxy_finds_them(fields: list[tuple[str, bytes]], name: str) -> None:
    headers = http.Headers([(key.encode("utf-8", "surrogateescape"), value) for key, value in fields])
    theirs = answers(headers, name)
    with library_speed.gained():
        assert answers(headers, name) == theirs


@given(FIELDS, NAMES, NAMES)
def test_a_header_that_was_changed_is_found_as_it_is_now(
    fields: list[tuple[str, bytes]], name: str, changed: str
) -> None:
    headers = http.Headers([(key.encode("utf-8", "surrogateescape"), value) for key, value in fields])
    with library_speed.gained():
        answers(headers, name)
        headers[changed] = "new"
        headers.add("x-odd", "more")
        found = answers(headers, name)
        assert found == answers(http.Headers(headers.fields), name) == answers(headers.copy(), name)
        del headers[changed]
        assert headers.get(changed) is None


def test_what_is_no_name_is_no_header() -> None:
    with library_speed.gained():
        assert 5 not in http.Headers(host="a.test")


@pytest.mark.parametrize("name", ["get_all", "__getitem__", "get", "__contains__"])
def test_afterwards_mitmproxy_is_as_it_was(name: str) -> None:
    before = vars(http.Headers).get(name)
    with library_speed.gained():
        assert vars(http.Headers)[name] is not before
    assert vars(http.Headers).get(name) is before


def test_messages_are_made_unchecked() -> None:
    with library_speed.gained():
        http.Response.make(200, b"", {"a": "b"})
        http.ResponseData(
            http_version=1,  # type: ignore[arg-type]
            headers=http.Headers(),
            content=None,
            trailers=None,
            timestamp_start=0,
            timestamp_end=None,
            status_code=200,
            reason=b"",
        )


@pytest.mark.parametrize("host", ["good.test", b"good.test", "a..b", b"\xff", "192.0.2.1", "x" * 300])
def test_a_host_is_valid_as_it_is_to_mitmproxy(host: str | bytes) -> None:
    theirs = url.is_valid_host(host)
    with library_speed.gained():
        assert [url.is_valid_host(host), url.is_valid_host(host)] == [theirs, theirs]


def test_no_two_flows_or_connections_have_one_name() -> None:
    with library_speed.gained():
        flows = [tflow.tflow() for _ in range(3)]
        servers = [connection.Server(address=("good.test", 80)) for _ in range(3)]
    names = [*(f.id for f in flows), *(s.id for s in servers)]
    assert len(set(names)) == 6
    assert all(isinstance(name, str) for name in names)


LABELS = st.text("abz09-_.A", max_size=70)
URLS = st.builds(
    lambda scheme, host, port, path: f"{scheme}://{host}{port}{path}".encode(),
    st.sampled_from(["http", "https", "HTTP", "ftp", ""]),
    st.one_of(LABELS, st.sampled_from(["site.test", "xn--bcher-kva.test", "[::1]", "192.0.2.1", "b\u00fccher.test"])),
    st.sampled_from(["", ":", ":0", ":80", ":8080", ":99999", ":x"]),
    st.one_of(st.text("a/;?#=&%[]: \u00e4", max_size=12).map(lambda text: f"/{text}"), st.just("")),
)


def outcome(read: Callable[..., object], *given: object) -> object:
    try:
        return read(*given)
    except ValueError:
        return ValueError


@settings(max_examples=400)
@given(URLS)
def test_a_url_is_read_as_mitmproxy_reads_it(text: bytes) -> None:
    theirs = outcome(url.parse, text), outcome(url.parse, text.decode())
    with library_speed.gained():
        assert (outcome(url.parse, text), outcome(url.parse, text.decode())) == theirs


@given(URLS, st.booleans())
def test_an_authority_is_read_as_mitmproxy_reads_it(text: bytes, check: bool) -> None:
    authority = text.split(b"/")[2]
    theirs = [outcome(url.parse_authority, one, check) for one in (authority, authority.decode(), authority * 60)]
    with library_speed.gained():
        for _ in range(2):
            ours = [outcome(url.parse_authority, one, check) for one in (authority, authority.decode(), authority * 60)]
            assert ours == theirs


@pytest.mark.parametrize(
    "text",
    ["http://site.test", "http://a.site.test:8080/", "https://site.test/a.b/c?d=e&f=%20g", "http://site.test/a//b/"],
)
def test_a_plain_url_is_read_at_once(text: str) -> None:
    found = library_speed._PLAIN_URL.fullmatch(text.encode())
    assert (found is not None) is (text != "http://site.test")
