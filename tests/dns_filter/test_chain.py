import pytest
from dnslib import CNAME, MX, NS, QTYPE, RD, RR, A, DNSHeader, DNSQuestion, DNSRecord
from hypothesis import given
from hypothesis import strategies as st

from dns_filter import chain, wire

ADDRESS = "198.51.100.1"


def message(name: str, kind: int, records: list[RR]) -> bytes:
    whole = DNSRecord(DNSHeader(id=1, qr=1, ra=1), q=DNSQuestion(name, kind))
    for record in records:
        whole.add_answer(record)
    return bytes(whole.pack())


def followed(*records: RR, name: str = "a.test", kind: int = QTYPE.A) -> chain.Chain | None:
    packet = message(name, kind, list(records))
    found = wire.records(packet, 12 + len(wire.name_of(name)) + 4)
    return chain.follow(packet, wire.name_of(name), kind, found)


def alias(owner: str, target: str) -> RR:
    return RR(owner, QTYPE.CNAME, ttl=300, rdata=CNAME(target))


def zone_alias(owner: str, target: str) -> RR:
    return RR(owner, 39, ttl=300, rdata=RD(wire.name_of(target)))


def address(owner: str, text: str = ADDRESS) -> RR:
    return RR(owner, QTYPE.A, ttl=300, rdata=A(text))


def signature(owner: str, kind: int) -> RR:
    return RR(owner, 46, ttl=300, rdata=RD(kind.to_bytes(2) + bytes(16) + b"\0"))


def owners(found: chain.Chain | None) -> tuple[int, list[str], str, bool]:
    """(records kept, names that they lead to, where they end, whether something was dropped)."""
    assert found is not None
    return len(found.kept), [wire.host(name) for name in found.names], wire.host(found.last), found.dropped


def test_records_of_the_name_itself_are_kept():
    assert owners(followed(address("a.test"), address("A.TEST"))) == (2, [], "a.test", False)


def test_records_of_what_the_aliases_lead_to_are_kept():
    found = followed(alias("a.test", "b.test"), alias("b.test", "C.test"), address("c.test"))
    assert owners(found) == (3, ["b.test", "c.test"], "c.test", False)


@pytest.mark.parametrize(
    "stranger",
    [
        address("bank.test"),
        alias("bank.test", "elsewhere.test"),
        RR("a.test", QTYPE.NS, ttl=300, rdata=NS("ns.test")),
        signature("bank.test", 1),
        signature("a.test", 28),
        zone_alias("bank.test", "elsewhere.test"),
        zone_alias("a.test", "elsewhere.test"),
    ],
    ids=str,
)
@pytest.mark.parametrize("first", [True, False])
def test_what_does_not_belong_to_the_question_is_dropped(stranger: RR, first: bool):
    found = followed(*([stranger, address("a.test")] if first else [address("a.test"), stranger]))
    assert owners(found) == (1, [], "a.test", True)


def test_an_alias_behind_what_it_leads_to_comes_before_it():
    found = followed(address("c.test"), alias("b.test", "c.test"), alias("a.test", "b.test"))
    assert owners(found) == (3, ["b.test", "c.test"], "c.test", False)
    assert [record.kind for record in found.kept] == [5, 5, 1]


def test_a_second_alias_of_one_name_is_dropped():
    found = followed(alias("a.test", "b.test"), alias("a.test", "c.test"), address("b.test"), address("c.test"))
    assert owners(found) == (2, ["b.test"], "b.test", True)


def test_an_alias_that_was_asked_for_is_the_answer():
    found = followed(alias("a.test", "b.test"), address("b.test"), kind=QTYPE.CNAME)
    assert owners(found) == (1, ["b.test"], "a.test", True)


def test_signatures_of_what_is_kept_are_kept():
    found = followed(alias("a.test", "b.test"), signature("a.test", 5), address("b.test"), signature("b.test", 1))
    assert owners(found) == (4, ["b.test"], "b.test", False)


def test_signatures_that_were_asked_for_are_the_answer():
    assert owners(followed(signature("a.test", 1), kind=46)) == (1, [], "a.test", False)


def test_a_zones_alias_and_the_alias_made_of_it_are_followed():
    found = followed(
        zone_alias("old.test", "new.test"), alias("a.old.test", "a.new.test"), address("a.new.test"), name="a.old.test"
    )
    assert owners(found) == (3, ["a.new.test", "a.new.test"], "a.new.test", False)


def test_a_zones_alias_alone_leads_on_too():
    found = followed(zone_alias("old.test", "new.test"), address("a.new.test"), name="a.old.test")
    assert owners(found) == (2, ["a.new.test"], "a.new.test", False)


def test_a_zones_alias_that_leads_nowhere_is_still_judged():
    found = followed(zone_alias("old.test", "new.test"), name="a.old.test")
    assert owners(found) == (1, ["a.new.test"], "a.old.test", False)


def test_a_second_zones_alias_for_one_name_is_dropped():
    found = followed(zone_alias("old.test", "new.test"), zone_alias("test", "x.test"), name="a.old.test")
    assert owners(found) == (1, ["a.new.test"], "a.old.test", True)


@pytest.mark.parametrize("kind", [39, QTYPE.MX])
def test_an_alias_of_the_root_is_one_of_every_name(kind: int):
    found = followed(zone_alias("", "new.test"), name="a.test", kind=kind)
    assert owners(found) == (1, ["a.test.new.test"], "a.test", False)


def test_a_zones_alias_that_was_asked_for_is_the_answer():
    found = followed(zone_alias("a.test", "b.test"), kind=39)
    assert owners(found) == (1, ["b.test"], "a.test", False)


LONG = ".".join(["x" * 60] * 3)


@pytest.mark.parametrize(
    ("records", "name"),
    [
        ([alias("a.test", "a.test")], "a.test"),
        ([alias("a.test", "b.test"), alias("b.test", "a.test")], "a.test"),
        ([alias("a.test", "b.test"), alias("b.test", "c.test"), alias("c.test", "b.test")], "a.test"),
        ([zone_alias("old.test", "new.test"), alias("a.old.test", "a.evil.test")], "a.old.test"),
        ([zone_alias("old.test", f"{LONG}.test")], f"{LONG}.old.test"),
        ([alias(f"n{n}.test", f"n{n + 1}.test") for n in range(17)], "n0.test"),
    ],
    ids=["to itself", "in a circle", "in a circle further on", "not the zone's", "too long a name", "too many"],
)
def test_aliases_that_lead_nowhere_are_no_answer(records: list[RR], name: str):
    assert followed(*records, name=name) is None


def test_sixteen_aliases_are_followed():
    found = followed(*(alias(f"n{n}.test", f"n{n + 1}.test") for n in range(16)), address("n16.test"), name="n0.test")
    assert owners(found)[2:] == ("n16.test", False)


def test_a_target_or_an_owner_that_cannot_be_read_is_no_answer():
    whole = message("a.test", QTYPE.A, [alias("a.test", "b.test")])
    records = wire.records(whole, 24)
    for broken in (whole[:-2] + b"\xff\xff", whole.replace(b"\xc0\x0c", b"\xff\xff")):
        assert chain.follow(broken, wire.name_of("a.test"), QTYPE.A, records) is None


@given(st.binary(max_size=200), st.integers(0, 65535))
def test_no_bytes_raise(tail: bytes, kind: int):
    packet = message("a.test", QTYPE.A, [])[:4] + b"\0\1\0\4\0\0\0\0" + wire.name_of("a.test") + b"\0\1\0\1" + tail
    records = wire.records(packet, 24)
    if records is not None:
        chain.follow(packet, wire.name_of("a.test"), kind, records)


NAMES = ["a.test", "b.test", "c.a.test", "d.b.test", "test", "evil.test"]
record = st.one_of(
    st.builds(alias, st.sampled_from(NAMES), st.sampled_from(NAMES)),
    st.builds(zone_alias, st.sampled_from(NAMES), st.sampled_from(NAMES)),
    st.builds(address, st.sampled_from(NAMES)),
    st.builds(lambda owner: RR(owner, QTYPE.MX, ttl=1, rdata=MX("m.test")), st.sampled_from(NAMES)),
)


@given(st.lists(record, max_size=8))
def test_every_record_that_is_kept_has_an_owner_that_the_aliases_led_to(records: list[RR]):
    found = followed(*records)
    if found is None:
        return
    packet = message("a.test", QTYPE.A, records)
    led_to = {wire.name_of("a.test"), *found.names}
    for kept in found.kept:
        owner = wire.expanded(packet, kept.start)
        above = kept.kind == wire.DNAME and any(name.endswith(owner) for name in led_to)
        assert owner in led_to or above
        assert kept.kind in (QTYPE.A, wire.CNAME, wire.DNAME)
