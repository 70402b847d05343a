import ipaddress

import pytest

from dns_filter.rebinding import Rebinding, is_public


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1", "172.16.5.4", "192.168.1.1", "127.0.0.1", "0.0.0.0", "169.254.169.254", "100.64.0.1", "224.0.0.1",
        "255.255.255.255", "::1", "::", "fe80::1", "fd00::1", "ff02::1", "::ffff:192.168.1.1", "::ffff:127.0.0.1",
        "64:ff9b::10.0.0.1", "2002:0a00:0001::1", "::10.0.0.1",
        "64:ff9b::", "64:ff9b::1", "64:ff9b:1::a00:1", "fec0::1", "::2", "::127.0.0.1", "::1.1.1.1",
        "::ffff:0:127.0.0.1", "::ffff:0:1.1.1.1", "4000::1", "5f00::1", "100::1",
    ],
)  # fmt: skip
def test_no_outside_name_may_have_such_an_address(address):
    assert not is_public(ipaddress.ip_address(address))
    assert not Rebinding(["school.internal"]).allows("evil.test", [ipaddress.ip_address(address)])


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "2606:4700::1", "3fff:ffff::1", "64:ff9b::1.1.1.1", "::ffff:1.1.1.1", "2002:101:101::1"]
)
def test_an_outside_address_is_fine(address):
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1"])
def test_an_address_of_documents_leads_nowhere_and_is_fine(address):
    assert is_public(ipaddress.ip_address(address))


def test_one_private_address_among_public_ones_spoils_the_answer():
    mixed = [ipaddress.ip_address("1.1.1.1"), ipaddress.ip_address("10.0.0.1")]
    assert not Rebinding([]).allows("evil.test", mixed)


@pytest.mark.parametrize(
    ("host", "allowed"),
    [("school.internal", True), ("www.school.internal", True), ("notschool.internal", False)],
)
def test_only_the_schools_own_zones_may_be_private(host, allowed):
    assert Rebinding(["school.internal"]).allows(host, [ipaddress.ip_address("10.0.0.1")]) is allowed


@pytest.mark.parametrize(
    ("host", "names", "allowed"),
    [
        ("school.internal", ("nas.school.internal",), True),
        ("school.internal", ("nas.school.internal", "evil.test"), False),
        ("evil.test", ("nas.school.internal",), False),
    ],
)
def test_an_alias_into_or_out_of_the_schools_zones_may_not_be_private(host, names, allowed):
    rebinding = Rebinding(["school.internal"])
    assert rebinding.allows(host, [ipaddress.ip_address("10.0.0.1")], names) is allowed
    assert rebinding.allows(host, [ipaddress.ip_address("1.1.1.1")], names)


def test_no_outside_name_may_have_an_address_of_the_school_however_public_it_is():
    rebinding = Rebinding(["school.internal"], ["2a00:1450::1", "9.9.9.9"])
    rebinding.renew(map(ipaddress.ip_network, ("2a00:1451::/48", "2a00:1451::/64", "9.8.0.0/16", "0.0.0.0/0", "::/0")))
    ours = ["2a00:1450::1", "9.9.9.9", "::ffff:9.9.9.9", "2a00:1451::77", "9.8.7.6"]

    assert [rebinding.allows("evil.test", [ipaddress.ip_address(text)]) for text in ours] == [False] * 5
    assert all(rebinding.allows("nas.school.internal", [ipaddress.ip_address(text)]) for text in ours)
    assert rebinding.allows("fine.test", [ipaddress.ip_address("1.1.1.1"), ipaddress.ip_address("2a00:1450::2")])


def test_an_outside_name_may_not_lead_to_one_of_ours_without_an_address_either():
    rebinding = Rebinding(["school.internal"])

    assert not rebinding.allows("evil.test", [], ["nas.school.internal"])
    assert rebinding.allows("fine.test", [], ["also.test"])
    assert not rebinding.allows("evil.test", [], ["schoolgate.internal"])
    assert not rebinding.allows("evil.test", [], ["localhost"])
    assert rebinding.allows("www.school.internal", [], ["nas.school.internal"])
    assert rebinding.allows("www.school.internal", [], ["cdn.test"])
    assert not rebinding.allows(None, [], ["nas.school.internal"])
