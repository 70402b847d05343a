import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocklists.address import innermost, is_public


@pytest.mark.parametrize(
    ("written", "ends_at"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("64:ff9b::10.0.0.1", "10.0.0.1"),
        ("2002:a00:1::7", "10.0.0.1"),
        ("2606:4700::1111", "2606:4700::1111"),
    ],
)
def test_an_address_that_carries_another_ends_at_that_one(written, ends_at):
    assert innermost(ipaddress.ip_address(written)) == ipaddress.ip_address(ends_at)


@pytest.mark.parametrize("address", ["93.184.215.14", "1.1.1.1", "2606:4700::1111"])
def test_addresses_of_the_outside_world_are_public(address):
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        *("10.0.0.1", "127.0.0.1", "169.254.169.254", "100.64.0.1", "192.0.0.192", "224.0.0.1", "0.0.0.0"),
        *("::1", "::", "fe80::1", "fd00::1", "fec0::1", "ff02::1", "::127.0.0.1", "::2", "::ffff:0:127.0.0.1"),
    ],
)
def test_addresses_of_this_machine_of_its_network_or_of_nobody_are_not(address):
    assert not is_public(ipaddress.ip_address(address))


@given(st.ip_addresses())
def test_what_an_address_ends_at_ends_at_itself(address):
    assert innermost(innermost(address)) == innermost(address)
