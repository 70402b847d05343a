import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dns_filter.forwarding import zones_of


@pytest.mark.parametrize(
    ("key", "zones"),
    [
        ("school.internal", ("school.internal",)),
        ("20.10.in-addr.arpa", ("20.10.in-addr.arpa",)),
        ("10.20.0.0/16", ("20.10.in-addr.arpa",)),
        ("10.0.0.0/8", ("10.in-addr.arpa",)),
        ("10.20.0.0/15", ("20.10.in-addr.arpa", "21.10.in-addr.arpa")),
        ("192.0.2.7/32", ("7.2.0.192.in-addr.arpa",)),
        ("fd00:1::/32", ("1.0.0.0.0.0.d.f.ip6.arpa",)),
    ],
)
def test_a_key_is_a_zone_or_the_reverse_zones_of_a_network(key, zones):
    assert zones_of(key) == zones


@pytest.mark.parametrize("key", ["", "School.Internal", "10.20.0.1", "10.20.0.1/16", "0.0.0.0/0", "x/8", "a b"])
def test_anything_else_is_none(key):
    assert zones_of(key) == ()


@given(st.ip_addresses(v=4), st.integers(1, 32), st.ip_addresses(v=4))
def test_an_address_lies_in_the_zones_of_its_network_and_of_no_other(inside, prefix, other):
    network = ipaddress.ip_network((inside, prefix), strict=False)
    zones = zones_of(str(network))
    for address in (inside, other):
        within = any(f".{address.reverse_pointer}".endswith(f".{zone}") for zone in zones)
        assert within is (address in network)
