import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocklists import domain
from proxy_addons.target import climbs, host_of, hosts_of, url_of


@pytest.mark.parametrize(
    ("authority", "host"),
    [
        ("Good.TEST", "good.test"),
        ("good.test.", "good.test"),
        ("good.test:8443", "good.test"),
        ("%67ood.test", "good.test"),
        ("bücher.test", "xn--bcher-kva.test"),
        ("127.1", "127.0.0.1"),
        ("0x7f.0.0.1:80", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("[::1]:443", "::1"),
        ("::1", "::1"),
        ("[::ffff:127.0.0.1]", "127.0.0.1"),
    ],
)
def test_a_host_is_one_however_it_is_written(authority: str, host: str) -> None:
    assert host_of(authority) == host


@pytest.mark.parametrize("authority", ["", "good.test@evil.test", "a b", "good.test/x", "a,b", "a\\b", "a#b", "."])
def test_what_servers_read_differently_names_no_host(authority: str) -> None:
    assert host_of(authority) is None


def test_different_names_are_different_hosts() -> None:
    assert hosts_of(["good.test", "GOOD.test:443", "evil.test", "@"]) == {"good.test", "evil.test", None}


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        (["evil.test:80"], {"good.test", "evil.test"}),
        (["good.test", "good.test"], {"good.test", None}),
        (["b\u00fccher.test"], {"good.test", None}),
        (["xn--bcher-kva.test"], {"good.test", "xn--bcher-kva.test"}),
        ([], {"good.test"}),
    ],
)
def test_a_request_has_one_host_line_at_most_and_in_ascii(lines: list[str], named: set[str | None]) -> None:
    assert hosts_of(["good.test"], lines) == named


def test_many_host_lines_cost_nothing() -> None:
    started = time.process_time()
    assert hosts_of(["good.test"], [f"{n}.{chr(0xFDFA) * 3}.test" for n in range(1000)]) == {"good.test", None}
    assert time.process_time() - started < 0.1


@given(st.text())
def test_no_text_raises_and_each_host_is_canonical(authority: str) -> None:
    host = host_of(authority)
    assert host is None or domain.canonical(host) == host


@given(st.binary())
def test_no_path_raises_or_leaves_its_host(path: bytes) -> None:
    found = url_of("https", "good.test", b"/" + path)
    assert found.host == "good.test" if found else b"#" in path


def test_a_raw_byte_and_its_escape_are_the_same_page() -> None:
    assert url_of("http", "good.test", b"/\xff") == url_of("http", "good.test", b"/%FF")


def test_a_star_asks_about_the_whole_server_with_options_only() -> None:
    found = url_of("http", "::1", b"*", "OPTIONS")
    assert found
    assert (found.host, found.path) == ("::1", "/")
    assert url_of("http", "::1", b"*", "GET") is None


@pytest.mark.parametrize(
    "path", [b"", b"page", b"?/page", b"*/../page", b"https://good.test/page", b" /page", b"/page#part", b"/#"]
)
def test_a_target_that_servers_read_differently_is_no_page(path: bytes) -> None:
    assert url_of("https", "good.test", path) is None
    assert url_of("https", "good.test", path, "OPTIONS") is None


def test_a_path_that_leads_up_is_seen_and_a_query_leads_nowhere() -> None:
    assert climbs(b"/a/%252e%252E/b")
    assert not climbs(b"/a/\xff?b=/../c")
