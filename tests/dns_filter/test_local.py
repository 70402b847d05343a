import asyncio
import ipaddress
import time

import httpx
import pytest
from dnslib import QTYPE, RCODE, DNSRecord
from hypothesis import given
from hypothesis import strategies as st

from blocklists.rulebook import Permit
from blocklists.verdict import Action, Reason, Verdict
from dns_filter import reply, wire
from dns_filter.local import OWN, Local
from tests.support.dns_client import addresses, ask, question

HOSTS = {
    "printer.school.test": ("10.20.0.9", "fd00::9"),
    "library": ("10.20.0.10",),
    "copier.school.test": ("10.20.0.9",),
    "door.house.schoolgate.internal": ("10.20.0.11",),
}
LOCAL = Local(
    HOSTS, ("10.20.0.1", "fd00::1"), elsewhere=("ad.school.internal", "30.10.in-addr.arpa", "school.local", "intranet")
)


def heard(name, kind="A", local=LOCAL, *, static=False):
    """What a client reads in the answer, or None where somebody else is asked."""
    packet = bytes(question(name, kind).pack())
    asked = wire.read(packet)
    host = wire.host(asked.name)
    body = local.static(host, asked.name, asked.kind, 7) if static else local.answer(host, asked.name, asked.kind)
    return body and DNSRecord.parse(reply.message(packet, asked, body, limit=1232))


def data(answer):
    return [str(record.rdata) for record in answer.rr]


def is_missing(answer):
    """Whether *answer* says that there is no such name, with an SOA for how long (RFC 2308, 3)."""
    return answer.header.rcode == RCODE.NXDOMAIN and not answer.rr and answer.auth[0].rtype == QTYPE.SOA


def is_empty(answer):
    return answer.header.rcode == RCODE.NOERROR and not answer.rr and answer.auth[0].rtype == QTYPE.SOA


@pytest.mark.parametrize(("kind", "found"), [("A", "10.20.0.1"), ("AAAA", "fd00::1")])
def test_our_own_name_has_our_addresses(kind, found):
    answer = heard(OWN, kind)
    assert data(answer) == [found]
    assert answer.rr[0].ttl == 60


@pytest.mark.parametrize("kind", ["HTTPS", "SVCB", "TXT", "MX"])
def test_our_own_name_has_nothing_else(kind):
    assert is_empty(heard(OWN, kind))


def test_without_addresses_our_own_name_is_there_and_has_none():
    assert is_empty(heard(OWN, local=Local({}, (), ())))


@pytest.mark.parametrize("zone", [OWN, "internal"])
def test_our_own_zone_is_never_asked_elsewhere(zone):
    local = Local({}, ("10.20.0.1",), elsewhere=(zone,))
    assert data(heard(OWN, local=local)) == ["10.20.0.1"]
    assert is_missing(heard("other." + OWN, local=local))


def test_what_is_not_in_our_zone_does_not_exist():
    answer = heard("nothing." + OWN)

    assert is_missing(answer)
    assert (str(answer.auth[0].rname), answer.auth[0].ttl) == (OWN + ".", 60)


def test_what_stands_above_a_static_host_exists_and_is_empty():
    assert is_empty(heard("house." + OWN))
    assert is_empty(heard("school.internal"))


@pytest.mark.parametrize(
    ("name", "kind", "found"),
    [
        ("printer.school.test", "A", ["10.20.0.9"]),
        ("printer.school.test", "AAAA", ["fd00::9"]),
        ("library", "A", ["10.20.0.10"]),
        ("door.house.schoolgate.internal", "A", ["10.20.0.11"]),
    ],
)
def test_a_static_host_has_its_addresses(name, kind, found):
    answer = heard(name, kind, static=True)
    assert data(answer) == found
    assert {record.ttl for record in answer.rr} == {7}


@pytest.mark.parametrize(("name", "kind"), [("library", "AAAA"), ("printer.school.test", "HTTPS")])
def test_a_static_host_has_no_other_records(name, kind):
    answer = heard(name, kind, static=True)
    assert is_empty(answer)
    assert answer.auth[0].ttl == 7


@pytest.mark.parametrize("name", list(HOSTS))
def test_a_static_host_is_judged_before_it_is_answered(name):
    assert heard(name) is None


@pytest.mark.parametrize("name", ["school.test", "x.printer.school.test", "learning.test"])
def test_the_rest_of_a_static_hosts_domain_is_asked_upstream(name):
    assert heard(name) is None
    assert heard(name, static=True) is None


@pytest.mark.parametrize(
    ("address", "names"),
    [
        ("10.20.0.9", ["printer.school.test.", "copier.school.test."]),
        ("fd00::9", ["printer.school.test."]),
        ("10.20.0.10", ["library."]),
        ("10.20.0.1", [OWN + "."]),
    ],
)
def test_an_address_leads_back_to_its_names(address, names):
    reverse = ipaddress.ip_address(address).reverse_pointer
    assert data(heard(reverse, "PTR")) == names
    assert is_empty(heard(reverse, "TXT"))


@pytest.mark.parametrize(
    "address",
    [
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "100.127.255.1",
        "127.0.0.53",
        "169.254.1.1",
        "172.16.0.1",
        "172.31.0.1",
        "192.168.1.1",
        "255.255.255.255",
        "::",
        "::1",
        "fd12:3456::1",
        "fe80::1",
        "febf::1",
        "2001:db8::5",
    ],
)
def test_no_reverse_name_of_an_inside_address_leaves(address):
    answer = heard(ipaddress.ip_address(address).reverse_pointer, "PTR")
    assert answer.auth[0].rtype == QTYPE.SOA
    assert not answer.rr


@pytest.mark.parametrize("address", ["8.8.8.8", "100.128.0.1", "172.32.0.1", "192.169.0.1", "2a00::1", "fec0::1"])
def test_the_reverse_name_of_an_outside_address_is_asked_upstream(address):
    assert heard(ipaddress.ip_address(address).reverse_pointer, "PTR") is None


@pytest.mark.parametrize(
    "name",
    [
        "printer.local",
        "typo.invalid",
        "market.onion",
        "hub.home.arpa",
        "wiki.internal",
        "_dns.x.resolver.arpa",
        "40.10.in-addr.arpa",
    ],
)
@pytest.mark.parametrize("kind", ["A", "HTTPS", "TXT"])
def test_what_is_inside_any_network_does_not_exist(name, kind):
    assert is_missing(heard(name, kind))


@pytest.mark.parametrize("kind", ["SVCB", "A"])
def test_this_resolver_names_no_encrypted_one(kind):
    assert is_empty(heard("_dns.resolver.arpa", kind))


@pytest.mark.parametrize(("name", "kind", "found"), [("localhost", "A", "127.0.0.1"), ("x.y.localhost", "AAAA", "::1")])
def test_localhost_is_the_machine_itself(name, kind, found):
    assert data(heard(name, kind)) == [found]


def test_localhost_has_nothing_else():
    assert is_empty(heard("localhost", "HTTPS"))


@pytest.mark.parametrize("zone", ["10.in-addr.arpa", "local", OWN])
def test_a_zone_of_ours_says_so(zone):
    assert str(heard(zone, "SOA").rr[0].rdata).startswith(f"{zone}. nobody.invalid.")
    assert data(heard(zone, "NS")) == [zone + "."]


@pytest.mark.parametrize(
    "name",
    ["dc1.ad.school.internal", "ad.school.internal", "9.0.30.10.in-addr.arpa", "_ldap._tcp.school.local", "intranet"],
)
def test_a_zone_that_somebody_else_answers_is_asked_there(name):
    assert heard(name) is None


def test_of_two_zones_the_longer_one_counts():
    local = Local({}, (), elsewhere=("arpa", "20.10.in-addr.arpa"))
    assert heard("1.0.20.10.in-addr.arpa", "PTR", local) is None
    assert is_missing(heard("1.0.21.10.in-addr.arpa", "PTR", local))


@pytest.mark.parametrize("kind", ["A", "AAAA", "HTTPS", "SVCB"])
def test_no_host_without_a_dot_is_asked_upstream(kind):
    answer = heard("intranett", kind)
    assert is_missing(answer)
    assert str(answer.auth[0].rname) == "."


@pytest.mark.parametrize("kind", ["DS", "DNSKEY", "NS", "SOA"])
def test_what_validators_ask_of_a_top_level_domain_is_asked_upstream(kind):
    assert heard("com", kind) is None


@pytest.mark.parametrize("name", [".", "learning.test", "www.example.com"])
def test_other_names_are_asked_upstream(name):
    assert heard(name) is None


@pytest.mark.parametrize("name", [OWN, "localhost", "10.in-addr.arpa", "9.0.20.10.in-addr.arpa"])
def test_any_is_answered_small(name):
    (record,) = heard(name, "ANY").rr
    assert QTYPE.get(record.rtype) == "HINFO"


@pytest.mark.parametrize("reason", [Reason.UNKNOWN, Reason.NOT_APPROVED], ids=str)
def test_a_static_host_that_nobody_decided_about_is_open(reason):
    verdict = Verdict(Action.BLOCK, reason, until=5)
    assert LOCAL.judged("library", verdict) == Verdict(Action.ALLOW, Reason.APPROVED, rule="library", until=5)
    assert LOCAL.judged("other.test", verdict) is verdict


@pytest.mark.parametrize(
    "reason",
    [Reason.SEALED, Reason.EMERGENCY, Reason.PROFILE_RULE, Reason.CATEGORY, Reason.PASS, Reason.FAILURE],
    ids=str,
)
def test_what_somebody_decided_about_a_static_host_holds(reason):
    verdict = Verdict(Action.BLOCK, reason)
    assert LOCAL.judged("library", verdict) is verdict


@pytest.mark.parametrize("reason", [Reason.UNKNOWN, Reason.NOT_APPROVED])
@pytest.mark.parametrize(("host", "is_open"), [("dc.school.lan", True), ("school.lan", True), ("myschool.lan", False)])
def test_a_name_of_the_schools_own_zones_is_open_where_nobody_decided_about_it(reason, host, is_open):
    local = Local({}, (), ("school.lan",))
    assert local.judged(host, Verdict(Action.BLOCK, reason)).blocked is not is_open
    assert local.judged(host, Verdict(Action.BLOCK, Reason.EMERGENCY)).blocked


def test_a_static_host_that_is_open_stays_as_it_was_judged():
    verdict = Verdict(Action.ALLOW, Reason.UNKNOWN, inspect=True)
    assert LOCAL.judged("library", verdict) is verdict


labels = st.sampled_from(("school", "internal", "10", "in-addr", "arpa", "localhost", "x" * 63, "a", "test", "_dns"))


@given(st.lists(labels, max_size=4), st.sampled_from((1, 2, 6, 12, 28, 64, 65, 255, 65280)))
def test_any_name_has_an_answer_that_clients_can_read_or_none(parts, kind):
    name = wire.name_of(".".join(parts))
    packet = bytes(12) + name + kind.to_bytes(2) + b"\0\1"
    body = LOCAL.answer(".".join(parts), name, kind)
    if body is None:
        return
    asked = wire.Question(0, name, len(packet), kind, wire.IN)
    answer = DNSRecord.parse(reply.message(packet, asked, body, limit=1232))

    assert (len(answer.rr), len(answer.auth), len(answer.ar)) == body.counts
    assert all(not record.rname.label or name.endswith(wire.name_of(str(record.rname)[:-1])) for record in answer.auth)


KS1, STAFF, VISITOR, STRANGER = "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.9.9.9"
SETTINGS = {
    "own_addresses": ("10.20.0.1",),
    "hosts": {"printer.test": ("10.20.0.9",), "jackpot.gambling.test": ("10.20.0.66",)},
    "private_zones": ("school.internal",),
}


@pytest.fixture
async def serving(school, upstream, start):
    async with start(school, (upstream.port,), metrics=("127.0.0.1", 0), **SETTINGS) as running:
        yield running


@pytest.mark.parametrize(
    ("name", "kind", "found"),
    [
        (OWN, "A", ["10.20.0.1"]),
        (OWN, "HTTPS", []),
        ("1.0.20.10.in-addr.arpa", "PTR", [OWN + "."]),
        ("9.0.20.10.in-addr.arpa", "PTR", ["printer.test."]),
        ("printer.test", "A", ["10.20.0.9"]),
        ("printer.test", "AAAA", []),
        ("localhost", "A", ["127.0.0.1"]),
        ("wiki.internal", "A", []),
        ("intranet", "A", []),
    ],
)
async def test_everybody_hears_our_names_and_nobody_outside_is_asked(serving, upstream, name, kind, found):
    for source in ("127.0.0.1", KS1, STAFF, VISITOR):
        assert data(await ask(serving.dns, name, kind, source=source)) == found
    assert data(await ask(serving.inner, name, kind)) == found
    assert upstream.questions == []
    assert serving.breaches() == []


async def test_an_address_in_no_network_hears_nothing_of_our_names(serving):
    assert (await ask(serving.dns, OWN, source=STRANGER)).header.rcode == RCODE.REFUSED


async def test_the_schools_own_zone_is_asked_upstream(serving, upstream):
    await ask(serving.dns, "wiki.school.internal", source=STAFF)
    assert upstream.questions == [("wiki.school.internal", "A")]


async def test_a_static_host_on_a_list_that_is_closed_stays_closed(serving):
    assert addresses(await ask(serving.dns, "jackpot.gambling.test")) == ["192.0.2.99"]
    assert addresses(await ask(serving.inner, "jackpot.gambling.test")) == ["10.20.0.66"]


async def test_an_emergency_closes_a_static_host_at_once(serving, school):
    assert addresses(await ask(serving.dns, "printer.test", source=STAFF)) == ["10.20.0.9"]
    school.write_permits(Permit(1, opens=False, entries=("printer.test",), until=time.time_ns() + 3600 * 10**9))

    async with asyncio.timeout(60):
        while addresses(await ask(serving.dns, "printer.test", source=STAFF)) == ["10.20.0.9"]:  # noqa: ASYNC110 - the worker tells nobody
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("name", [OWN, "printer.test", "intranet"])
async def test_our_names_are_answered_from_memory_the_second_time(serving, name):
    first, second = [await ask(serving.dns, name, source=STAFF) for _ in range(2)]
    assert data(first) == data(second)
    host, port = serving.endpoints["metrics"]
    async with httpx.AsyncClient(trust_env=False) as browser:
        text = (await browser.get(f"http://{host}:{port}/metrics")).text

    assert 'schoolgate_dns_questions_total{cache="hit",profile="staff",verdict="allow"} 1.0' in text.splitlines()
    assert 'schoolgate_dns_questions_total{cache="warm",profile="staff",verdict="allow"} 1.0' in text.splitlines()
