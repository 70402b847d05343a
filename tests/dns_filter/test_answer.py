import ipaddress

import pytest
from dnslib import AAAA, CNAME, DNAME, EDNS0, MX, QTYPE, RD, RR, SOA, A, DNSHeader, DNSQuestion, DNSRecord
from hypothesis import given
from hypothesis import strategies as st

from dns_filter import answer, reply


def message(*answers: RR, authority: tuple[RR, ...] = (), additional: tuple[RR, ...] = (), rcode: int = 0) -> bytes:
    record = DNSRecord(DNSHeader(id=1, qr=1, ra=1, rcode=rcode), q=DNSQuestion("a.test"))
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
        RR("test", QTYPE.DNAME, rdata=DNAME("example.test")) if hasattr(QTYPE, "DNAME") else ADDRESS,
        https(b"\0\1\x03svc\x04test\0"),
        https(b"\0\1\0"),
    )
    assert found.names[0] == "b.test"
    assert found.names[-1] == "svc.test"


def test_addresses_are_found_in_every_section_and_in_hints():
    hints = b"\0\1\0" + b"\0\4\0\x08\x0a\0\0\1\x0a\0\0\2" + b"\0\6\0\x10" + ipaddress.ip_address("fd00::1").packed
    found = parsed(ADDRESS, https(hints), additional=(RR("b.test", QTYPE.AAAA, rdata=AAAA("2001:db8::1")),))

    assert set(map(str, found.addresses)) == {"198.51.100.1", "10.0.0.1", "10.0.0.2", "fd00::1", "2001:db8::1"}


def test_what_else_a_service_says_is_passed_over():
    found = parsed(https(b"\0\1\0" + b"\0\1\0\3\2h3" + b"\0\4\0\4\x0a\0\0\1" + b"\0\5\0\1x"))
    assert list(map(str, found.addresses)) == ["10.0.0.1"]


def test_an_answer_with_an_address_of_a_wrong_length_is_broken():
    assert answer.parse(message(RR("a.test", QTYPE.A, rdata=RD(b"\1\2\3"))), QUESTION_END) is None


def test_an_answer_whose_service_has_no_name_is_broken():
    assert answer.parse(message(https(b"\0\1\x41a")), QUESTION_END) is None


def test_the_upstreams_opt_record_stays_between_it_and_us():
    found = parsed(ADDRESS, additional=(RR("b.test", QTYPE.A, rdata=A("198.51.100.9")), EDNS0(udp_len=4096)))

    assert found.body.counts == (1, 0, 1)
    assert DNSRecord.parse(message()[:QUESTION_END] + found.body.records).header.id == 1


def test_an_extended_code_is_a_failure():
    found = parsed(additional=(EDNS0(ext_rcode=1),))

    assert (found.body.code, found.note.code) == (reply.SERVFAIL, reply.NETWORK_ERROR)


@pytest.mark.parametrize("cut", [1, 4, 15])
def test_a_broken_message_is_none(cut):
    assert answer.parse(message(ADDRESS)[:-cut], QUESTION_END) is None


def test_an_alias_to_nowhere_is_none():
    whole = message(RR("a.test", QTYPE.CNAME, rdata=CNAME("b.test")))
    assert answer.parse(whole[:-1] + b"\x3f", QUESTION_END) is None


def test_records_of_unknown_types_go_through():
    assert b"anything" in parsed(RR("a.test", 65280, rdata=RD(b"anything"))).body.records


@given(st.binary(max_size=300))
def test_no_bytes_raise(tail):
    answer.parse(message()[:4] + b"\0\1\0\2\0\1\0\1" + message()[12:QUESTION_END] + tail, QUESTION_END)


@given(st.integers(0, 200), st.integers(0, 255))
def test_one_changed_byte_never_raises(place, value):
    whole = bytearray(message(ADDRESS, https(b"\0\1\0\0\4\0\4\1\2\3\4"), RR("a.test", QTYPE.MX, rdata=MX("m.test"))))
    whole[place % len(whole)] = value
    answer.parse(bytes(whole), QUESTION_END)
