import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocklists.clients import Client, ClientMap, Clients, Network, is_among, network_of

NETWORKS = (
    Network("10.1.0.0/16", "unregistered"),
    Network("10.1.2.0/24", "ks2"),
    Network("10.1.2.3/24", "ignored"),
    Network("10.1.2.128/25", "staff"),
    Network("2001:db8::/32", "visitor"),
)
KNOWN = (
    Client("10.1.2.5", "ks4", number=7, device=8, person=9, confidence=90, source="lease"),
    Client("2001:DB8:0::5", "ks3", number=11),
    Client("::ffff:10.1.2.6", "exam", number=12),
    Client("192.0.2.1", "staff", number=13),
)
CLIENTS = ClientMap(Clients(NETWORKS, KNOWN))


@pytest.mark.parametrize(
    ("address", "profile", "number"),
    [
        ("10.1.9.9", "unregistered", 0),
        ("10.1.2.4", "ks2", 0),
        ("10.1.2.200", "staff", 0),
        ("10.1.2.5", "ks4", 7),
        ("::ffff:10.1.2.5", "ks4", 7),
        ("::FFFF:0a01:0205", "ks4", 7),
        ("10.1.2.6", "exam", 12),
        ("2001:db8::9", "visitor", 0),
        ("2001:0db8::0005", "ks3", 11),
        ("[2001:db8::5]", "ks3", 11),
    ],
)
def test_the_most_exact_entry_names_the_profile(address: str, profile: str, number: int):
    client = CLIENTS.of(address)
    assert client is not None
    assert (client.profile, client.number) == (profile, number)


@pytest.mark.parametrize(
    "address", ["10.2.0.1", "192.0.2.1", "2001:db9::1", "::1", "::10.1.2.5", "", "ks2", "10.1.2", "10.1.2.05"]
)
def test_an_address_in_no_network_is_nobodys_even_if_it_is_known(address: str):
    assert CLIENTS.of(address) is None


def test_who_is_not_known_has_an_address_and_no_number():
    assert CLIENTS.of("::ffff:10.1.2.4") == Client("10.1.2.4", "ks2")


def test_without_networks_nobody_is_anybody():
    assert ClientMap(Clients()).of("10.1.2.3") is None


@pytest.mark.parametrize("cidr", ["10.1.2.0/33", "school", ""])
def test_a_bad_network_is_refused_with_its_text(cidr: str):
    with pytest.raises(ValueError, match=f"{cidr!r}"):
        ClientMap(Clients((Network(cidr, "ks2"),)))


def test_a_bad_known_address_is_refused_with_its_text():
    with pytest.raises(ValueError, match=r"'10\.1\.2'"):
        ClientMap(Clients(NETWORKS, (Client("10.1.2", "ks2"),)))


@given(st.integers(0, 2**32 - 1))
def test_version_4_within_version_6_is_the_same_client(number: int):
    address = ipaddress.IPv4Address(number)
    assert CLIENTS.of(f"::ffff:{address}") == CLIENTS.of(str(address))


@given(st.ip_addresses(v=4, network="10.1.0.0/16"))
def test_the_longest_prefix_wins_as_a_plain_search_finds_it(address: ipaddress.IPv4Address):
    known = {client.address: client.profile for client in KNOWN} | {"10.1.2.6": "exam"}
    holding = [n for n in NETWORKS[:4] if address in ipaddress.ip_network(n.cidr, strict=False)]
    longest = max(holding, key=lambda n: int(n.cidr.partition("/")[2]))
    client = CLIENTS.of(str(address))
    assert client is not None
    assert client.profile == known.get(str(address), longest.profile)


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


def test_whoever_is_somebody_else_has_moved():
    networks = (Network("10.0.0.0/8", "ks2"),)
    before = ClientMap(Clients(networks, (Client("10.0.0.1", "staff"), Client("10.0.0.2", "staff"))))
    after = ClientMap(Clients(networks, (Client("::ffff:10.0.0.1", "staff"), Client("10.0.0.3", "ks2"))))
    assert after.moved(before) == {"10.0.0.1", "10.0.0.2", "10.0.0.3"}
    assert before.moved(before) == set()
    assert ClientMap(Clients((), ())).moved(before) is None


@pytest.mark.parametrize(("text", "among"), [("10.0.0.1", True), ("::ffff:10.0.0.1", True), ("10.0.0.2", False)])
def test_an_address_is_among_others_however_it_is_written(text, among):
    assert is_among(text, {"10.0.0.1"}) is among
