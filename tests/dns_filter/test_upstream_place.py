import pytest

from dns_filter import upstream_place
from dns_filter.upstream_place import Place


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("9.9.9.9:53", Place("9.9.9.9", 53)),
        ("[2001:db8::1]:5353", Place("2001:db8::1", 5353)),
        ("tls://9.9.9.9:853#dns.quad9.net", Place("9.9.9.9", 853, "dns.quad9.net")),
        ("tls://[2001:db8::1]:853", Place("2001:db8::1", 853, "2001:db8::1")),
    ],
)
def test_a_place_is_read(text, place):
    assert upstream_place.parse(text) == place
    assert list(upstream_place.problems("here", text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "9.9.9.9",
        "tls://9.9.9.9",
        "tls://9.9.9.9:853#",
        "tls://9.9.9.9:853#DNS.test",
        "tls://dns.test:853",
        "https://x",
    ],
)
def test_what_is_no_place_is_told_what_to_write(text):
    assert upstream_place.parse(text) is None
    (problem,) = upstream_place.problems("here", text)
    assert problem.startswith("here: ")
    assert "write for example" in problem


def test_no_port_is_told():
    (problem,) = upstream_place.problems("here", "tls://9.9.9.9:0#dns.test")
    assert "names no port" in problem


def test_the_log_says_whether_there_is_tls():
    assert str(Place("9.9.9.9", 53)) == "9.9.9.9 port 53"
    assert str(Place("9.9.9.9", 853, "dns.test")) == "9.9.9.9 port 853 (TLS, dns.test)"
    assert (Place("9.9.9.9", 53).tls, Place("9.9.9.9", 853, "dns.test").tls) == (False, True)
