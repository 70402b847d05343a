import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocklists import endpoint


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("192.0.2.1:53", ("192.0.2.1", 53)),
        ("[2001:DB8::1]:65535", ("2001:db8::1", 65535)),
        ("[fe80::1%lo]:53", ("fe80::1%lo", 53)),
        ("127.0.0.1:0", ("127.0.0.1", 0)),
    ],
)
def test_an_endpoint_is_an_address_and_a_port(text: str, found: tuple[str, int]):
    assert endpoint.parse(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":53",
        "53",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1: 53",
        "127.0.0.1:+53",
        "127.0.0.1:5_3",
        "127.0.0.1:-1",
        "127.0.0.1:65536",
        "127.0.0.1:٥٣",
        "127.0.0.1:" + "9" * 5000,
        "::1:53",
        "[::1:53",
        "[127.0.0.1]:53",
        "nowhere:53",
    ],
)
def test_whatever_is_written_otherwise_is_none(text: str):
    assert endpoint.parse(text) is None


@given(st.text())
def test_no_text_raises(text: str):
    assert endpoint.parse(text) is None or endpoint.parse(text)[1] <= endpoint.LAST_PORT


def test_a_setting_needs_an_address_and_a_port_that_is_not_any():
    assert list(endpoint.problems("dns.inner", "127.0.0.1:53", "127.0.0.1:5301")) == []
    (none,) = endpoint.problems("dns.inner", "here", "127.0.0.1:5301")
    assert none == "dns.inner: 'here' is no address with a port; write for example 127.0.0.1:5301"
    (any_port,) = endpoint.problems("dns.inner", "127.0.0.1:0", "127.0.0.1:5301")
    assert any_port.startswith("dns.inner: '127.0.0.1:0' names no port")


@pytest.mark.parametrize(("port", "good"), [(-1, False), (0, False), (1, True), (65535, True), (65536, False)])
def test_a_port_is_between_1_and_65535(port: int, good: bool):
    assert (list(endpoint.port_problems("a.port", port)) == []) is good


def test_a_port_to_which_numbers_are_added_leaves_room_for_them():
    (problem,) = endpoint.port_problems("metrics.dns", 65500, 65472)
    assert problem == "metrics.dns: 65500 is not a port that can be used; choose between 1 and 65472"


def test_a_name_is_no_address():
    assert list(endpoint.address_problems("metrics.address", "::1")) == []
    (problem,) = endpoint.address_problems("metrics.address", "nowhere")
    assert problem == "metrics.address: 'nowhere' is no address; write for example 127.0.0.1"


@pytest.mark.parametrize(
    ("text", "own"),
    [("127.9.9.9", True), ("::1", True), ("10.0.0.1", False), ("localhost", False), ("127.0.0.1.test", False)],
)
def test_only_a_loopback_address_is_this_machines_own(text: str, own: bool):
    assert endpoint.is_loopback(text) is own
