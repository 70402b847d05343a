import socket

import pytest

from proxy_addons.addresses import Reach, is_own


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.9.9.9",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.5.4",
        "192.168.1.1",
        "169.254.169.254",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:10.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "2002:a00:1::",
        "fec0::1",
        "::127.0.0.1",
        "::2",
        "::ffff:0:127.0.0.1",
        "100::1",
        "good.test",
        "",
    ],
)
def test_private_gateway_and_metadata_addresses_may_not_be_reached(address: str) -> None:
    assert not Reach().permits(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "1.1.1.1", "2606:4700::1111", "64:ff9b::1.1.1.1"])
def test_public_addresses_may_be_reached(address: str) -> None:
    assert Reach().permits(address)


def test_a_network_that_the_school_names_may_be_reached_and_nothing_beside_it() -> None:
    reach = Reach(("10.20.0.0/16",))
    assert reach.permits("10.20.0.5")
    assert reach.permits("::ffff:10.20.0.5")
    assert not reach.permits("10.21.0.5")


def test_a_network_that_is_none_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match=r"10\.0\.0\.0/99"):
        Reach(("10.0.0.0/99",))


def test_this_machines_addresses_are_known() -> None:
    assert is_own("127.0.0.1")
    assert not is_own("198.51.100.1")
    assert not is_own("2001:db8::1") or not socket.has_ipv6


def test_the_gateways_own_address_is_reached_only_where_it_is_named_alone() -> None:
    assert not Reach(("127.0.0.0/8",)).permits("127.0.0.1")
    assert not Reach(("127.0.0.0/8", "127.0.0.2/32")).permits("127.0.0.1")
    assert Reach(("127.0.0.1/32",)).permits("127.0.0.1")
