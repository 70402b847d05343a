import pytest

from dns_filter.shares import network_of


@pytest.mark.parametrize(
    ("address", "counts_as"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1::7", "2001:db8:1::/64"),
        ("2001:db8:1:0:ffff:ffff:ffff:ffff", "2001:db8:1::/64"),
        ("2001:db8:1:1::7", "2001:db8:1:1::/64"),
        ("::1", "::/64"),
        ("fe80::7%eth0", "fe80::/64%eth0"),
    ],
)
def test_ipv4_counts_by_address_and_ipv6_by_its_network(address, counts_as):
    assert network_of(address) == counts_as
