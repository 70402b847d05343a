import ipaddress

import pytest
from dnslib import AAAA, CNAME, EDNS0, MX, NS, QTYPE, RD, RR, SOA, A, DNSHeader, DNSQuestion, DNSRecord, EDNSOption
from hypothesis import given
from hypothesis import strategies as st

from dns_filter import answer, reply


def message(
    *answers: RR,
    authority: tuple[RR, ...] = (),
    additional: tuple[RR, ...] = (),
    rcode: int = 0,
    kind: int = QTYPE.A,
    ad: int = 0,
) -> bytes:
    record = DNSRecord(DNSHeader(id=1, qr=1, ra=1, ad=ad, rcode=rcode), q=DNSQuestion("a.test", kind))
    for rr in answers:
        record.add_answer(rr)
    for rr in authority:
        record.add_auth(rr)
    for rr in additional:
        record.add_ar(rr)
    return bytes(record.pack())


QUESTION_END = 12 + 8 + 4
ADDRESS = RR("a.test", QTYPE.A, rdata=A("198.51.100.1"), ttl=300)


def soa(ttl: int, minimum: int) -> RR:
    return RR("test", QTYPE.SOA, ttl=ttl, rdata=SOA("ns.test", "nobody.test", (1, 2, 3, 4, minimum)))


def https(data: bytes) -> RR:
    return RR("a.test", 65, ttl=300, rdata=RD(data))


def parsed(*args, **kwargs) -> answer.Answer:
    found = answer.parse(message(*args, **kwargs), QUESTION_END)
    assert found is not None
    return found


def test_the_life_of_an_answer_is_its_shortest_ttl():
    found = parsed(ADDRESS, RR("a.test", QTYPE.A, rdata=A("198.51.100.2"), ttl=20))

    assert (found.life, found.ttls, found.body.counts) == (20, (300, 20), (2, 0, 0))


def test_ttls_stand_where_the_offsets_say():
    found = parsed(ADDRESS)
    (offset,) = found.offsets

    assert found.body.records[offset : offset + 4] == (300).to_bytes(4)


@pytest.mark.parametrize(("ttl", "life"), [(10**6, answer.LONGEST), (0x80000000, 0), (0, 0)])
def test_strange_ttls_are_tamed(ttl, life):
    assert parsed(RR("a.test", QTYPE.A, rdata=A("198.51.100.1"), ttl=ttl)).life == life


@pytest.mark.parametrize(
    ("rcode", "ttl", "minimum", "life"), [(3, 900, 60, 60), (0, 30, 900, 30), (3, 10**5, 10**5, 3600)]
)
def test_a_missing_name_or_type_lives_as_its_soa_says(rcode, ttl, minimum, life):
    assert parsed(authority=(soa(ttl, minimum),), rcode=rcode).life == life


def test_a_missing_name_without_soa_is_not_kept():
    assert parsed(rcode=3).life == 0


def test_a_failure_is_remembered_for_a_second():
    assert parsed(rcode=2).life == answer.FAILED


def test_names_that_the_answer_leads_to_are_found():
    found = parsed(
        RR("a.test", QTYPE.CNAME, rdata=CNAME("b.TEST")),
        RR("b.test", 65, rdata=RD(b"\0\1\x03svc\x04test\0")),
        RR("b.test", 65, rdata=RD(b"\0\1\0")),
        kind=65,
    )
    assert found.names == ("b.test", "svc.test")


@pytest.mark.parametrize(
    ("target", "judged"),
    [
        ("a+b.harm.test", "harm.test"),
        ("x.a b.c.harm.test", "c.harm.test"),
        ("0x7f.1", "invalid"),
        ("a b", "invalid"),
        (".", "invalid"),
        ("192.0.2.1", "192.0.2.1"),
    ],
)
def test_what_no_site_can_be_called_is_judged_by_its_longest_parent_that_one_can(target, judged):
    assert parsed(RR("a.test", QTYPE.CNAME, rdata=CNAME(target))).names == (judged,)


HINTS = b"\0\4\0\x08\x0a\0\0\1\x0a\0\0\2" + b"\0\6\0\x10" + ipaddress.ip_address("fd00::1").packed


def test_hints_of_addresses_stay_behind():
    found = parsed(https(b"\0\1\0" + HINTS), kind=65)
    assert (found.addresses, found.body.records[-3:]) == ((), b"\0\1\0")


def test_what_else_a_service_says_goes_on():
    found = parsed(https(b"\0\1\0" + b"\0\3\0\2\1\xbb" + b"\0\4\0\4\x0a\0\0\1"), kind=65)
    assert found.body.records.endswith(b"\0\1\0" + b"\0\3\0\2\1\xbb")


def test_an_answer_that_is_too_long_with_its_names_written_out_is_broken():
    name = ".".join(["x" * 63] * 3)
    came = [RR("a.test", QTYPE.MX, rdata=MX(name)) for _ in range(400)]
    stranger = RR("b.test", QTYPE.A, rdata=A("198.51.100.9"))
    assert answer.parse(message(*came[:9], stranger, *came[:9], kind=QTYPE.MX), QUESTION_END) is not None
    assert answer.parse(message(stranger, *came, kind=QTYPE.MX), QUESTION_END) is None


def test_nothing_of_the_additional_section_goes_on():
    found = parsed(ADDRESS, additional=(RR("b.test", QTYPE.AAAA, rdata=AAAA("2001:db8::1")), EDNS0(udp_len=4096)))

    assert (found.body.counts, list(map(str, found.addresses))) == ((1, 0, 0), ["198.51.100.1"])


def test_addresses_of_both_families_are_found():
    found = parsed(RR("a.test", QTYPE.AAAA, rdata=AAAA("2001:db8::1"), ttl=300), kind=QTYPE.AAAA)
    assert list(map(str, found.addresses)) == ["2001:db8::1"]


def test_an_answer_with_an_address_of_a_wrong_length_is_broken():
    assert answer.parse(message(RR("a.test", QTYPE.A, rdata=RD(b"\1\2\3"))), QUESTION_END) is None


def test_a_service_without_a_name_is_left_out():
    found = parsed(https(b"\0\1\x41a"), kind=65)
    assert (found.body.code, found.body.counts[0]) == (0, 0)


def test_an_extended_code_is_a_failure():
    found = parsed(additional=(EDNS0(ext_rcode=1),))

    assert (found.body.code, found.note.code) == (reply.SERVFAIL, reply.NETWORK_ERROR)


@pytest.mark.parametrize("cut", [1, 4, 15])
def test_a_broken_message_is_none(cut):
    assert answer.parse(message(ADDRESS)[:-cut], QUESTION_END) is None


def test_an_alias_of_itself_is_a_failure():
    found = parsed(RR("a.test", QTYPE.CNAME, rdata=CNAME("a.test")))
    assert (found.body.code, found.note.code) == (reply.SERVFAIL, reply.NETWORK_ERROR)


def test_records_of_unknown_types_go_through():
    assert b"anything" in parsed(RR("a.test", 65280, rdata=RD(b"anything")), kind=65280).body.records


ECH = b"\0\5\0\3key"
H3 = b"\0\1\0\6\2h2\2h3"
H2 = b"\0\1\0\3\2h2"


def signed(kind: int, owner: str = "a.test") -> RR:
    return RR(owner, 46, ttl=300, rdata=RD(kind.to_bytes(2) + bytes(16) + b"\4test\0signature"))


def heard(found: answer.Answer, kind: int = QTYPE.A) -> DNSRecord:
    """What a client would read, by another author's parser."""
    head = message(kind=kind)[:12]
    counts = b"".join(count.to_bytes(2) for count in (1, *found.body.counts))
    return DNSRecord.parse(head[:4] + counts + message(kind=kind)[12:QUESTION_END] + found.body.records)


def test_a_service_record_goes_out_without_ech_and_http3_and_without_its_signature():
    came = (https(b"\0\1\0" + H3 + ECH), signed(65))
    found = parsed(*came, kind=65, ad=1)

    assert [rr.rtype for rr in heard(found, 65).rr] == [65]
    assert found.body.records.endswith(b"\0\1\0" + H2)
    assert (found.body.authentic, found.body.counts, found.ttls) == (False, (1, 0, 0), (300,))


def test_a_service_record_without_either_goes_out_as_it_came_with_its_signature():
    found = parsed(https(b"\0\1\0" + H2), signed(65), kind=65, ad=1)

    assert (found.body.authentic, found.body.counts) == (True, (2, 0, 0))
    assert found.body.records == message(https(b"\0\1\0" + H2), signed(65), kind=65)[QUESTION_END:]


def test_a_service_that_speaks_quic_alone_has_no_data_for_half_a_minute():
    found = parsed(https(b"\0\1\0" + b"\0\1\0\3\2h3" + b"\0\2\0\0"), kind=65)

    assert (found.life, heard(found, 65).auth[0].ttl) == (answer.UNSURE, answer.UNSURE)
    assert (found.body.code, heard(found, 65).rr) == (reply.NOERROR, [])


def test_records_behind_a_changed_one_keep_their_names():
    """Their names point into the alias before it, and into each other: all are written anew."""
    came = (
        RR("a.test", QTYPE.CNAME, ttl=300, rdata=CNAME("service.host.test")),
        RR("service.host.test", 65, ttl=60, rdata=RD(b"\0\1\0" + H3 + ECH)),
        RR("service.host.test", 65, ttl=50, rdata=RD(b"\0\2\0" + H2)),
    )
    found = parsed(*came, kind=65)
    records = heard(found, 65).rr

    assert [(str(rr.rname), rr.ttl) for rr in records] == [
        ("a.test.", 300),
        ("service.host.test.", 60),
        ("service.host.test.", 50),
    ]
    assert str(records[0].rdata) == "service.host.test."
    assert [int.from_bytes(found.body.records[place : place + 4]) for place in found.offsets] == [300, 60, 50]


def test_an_unrelated_record_is_dropped_and_nothing_is_authentic_any_more():
    found = parsed(ADDRESS, RR("bank.test", QTYPE.A, rdata=A("198.51.100.66"), ttl=9), ad=1)

    assert (list(map(str, found.addresses)), found.body.counts, found.life) == (["198.51.100.1"], (1, 0, 0), 300)
    assert not found.body.authentic


def test_an_unrelated_record_before_the_answer_is_dropped_too():
    found = parsed(RR("bank.test", QTYPE.A, rdata=A("198.51.100.66"), ttl=9), ADDRESS)
    assert [(str(rr.rname), str(rr.rdata), rr.ttl) for rr in heard(found).rr] == [("a.test.", "198.51.100.1", 300)]


def test_what_upstream_adds_of_name_servers_stays_behind():
    found = parsed(ADDRESS, authority=(RR("test", QTYPE.NS, rdata=NS("ns.test"), ttl=5), soa(5, 5)))
    assert (found.body.counts, found.life) == ((1, 0, 0), 300)


def test_an_soa_behind_name_servers_goes_on_alone():
    found = parsed(authority=(RR("test", QTYPE.NS, rdata=NS("ns.test"), ttl=5), soa(90, 60)), rcode=3)
    (kept,) = heard(found).auth

    assert (kept.rtype, str(kept.rname), str(kept.rdata.mname), kept.rdata.times[4]) == (
        QTYPE.SOA,
        "test.",
        "ns.test.",
        60,
    )
    assert found.life == 60


def test_an_soa_of_another_zone_says_nothing():
    elsewhere = RR("elsewhere.test", QTYPE.SOA, ttl=900, rdata=SOA("ns.test", "x.test", (1, 2, 3, 4, 900)))
    found = parsed(authority=(elsewhere,), rcode=3)
    assert (found.body.counts, found.life) == ((0, 0, 0), 0)


def test_what_proves_that_something_is_missing_goes_on_with_its_signature():
    proof = RR("a.test", 47, ttl=60, rdata=RD(b"\1b\4test\0\0\1\x40"))
    authority = (soa(90, 60), signed(6, "test"), proof, signed(47), RR("test", QTYPE.NS, rdata=NS("ns.test"), ttl=60))
    found = parsed(authority=authority, rcode=3)
    assert [rr.rtype for rr in heard(found).auth] == [6, 46, 47, 46]


def test_an_alias_without_its_target_holds_for_half_a_minute():
    assert parsed(RR("a.test", QTYPE.CNAME, ttl=300, rdata=CNAME("b.test"))).life == answer.UNSURE


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ([EDNSOption(15, b"\0\x06bogus")], 6),
        ([EDNSOption(10, b"cookie"), EDNSOption(15, b"\0\3")], 3),
        ([EDNSOption(15, b"\0")], None),
        ([], None),
    ],
)
def test_what_upstream_says_of_its_answer_goes_on_as_a_code(options, code):
    found = parsed(ADDRESS, additional=(EDNS0(opts=options),))
    assert (found.note and found.note.code) == code
    assert found.note is None or found.note.text == ""


@pytest.mark.parametrize("rcode", [2, 5])
def test_an_upstream_that_has_no_answer_is_named_as_the_reason(rcode):
    found = parsed(rcode=rcode)
    assert (found.body.code, found.note.code) == (rcode, reply.NO_AUTHORITY)


def test_a_name_that_cannot_be_read_inside_a_record_breaks_the_answer():
    """It would have to be written anew, as the record before it goes."""
    stranger = RR("x.test", QTYPE.A, rdata=A("198.51.100.9"))
    whole = message(stranger, RR("a.test", 17, rdata=RD(b"\0\xff\xff")), kind=17)
    assert answer.parse(whole, QUESTION_END) is None
    assert answer.parse(message(stranger, RR("a.test", 17, rdata=RD(b"\0\0")), kind=17), QUESTION_END) is not None


@given(st.binary(max_size=300))
def test_no_bytes_raise(tail):
    answer.parse(message()[:4] + b"\0\1\0\2\0\1\0\1" + message()[12:QUESTION_END] + tail, QUESTION_END)


@given(st.integers(0, 200), st.integers(0, 255))
def test_one_changed_byte_never_raises(place, value):
    whole = bytearray(message(ADDRESS, https(b"\0\1\0\0\4\0\4\1\2\3\4"), RR("a.test", QTYPE.MX, rdata=MX("m.test"))))
    whole[place % len(whole)] = value
    answer.parse(bytes(whole), QUESTION_END)
