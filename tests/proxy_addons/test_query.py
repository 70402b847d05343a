import dnslib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_addons import query


def reply(question: bytes, *records: str, truncated: bool = False) -> bytes:
    answer = dnslib.DNSRecord.parse(question).reply()
    for record in records:
        answer.add_answer(*dnslib.RR.fromZone(record))
    return bytes((answer.truncate() if truncated else answer).pack())


def test_a_question_is_read_by_others_as_it_was_meant() -> None:
    asked = dnslib.DNSRecord.parse(query.encode(77, "www.good.test", query.AAAA))
    assert (asked.header.id, asked.header.rd, str(asked.q.qname)) == (77, 1, "www.good.test.")
    assert asked.q.qtype == dnslib.QTYPE.AAAA


def test_addresses_are_found_through_aliases_and_only_through_them() -> None:
    question = query.encode(1, "www.good.test", query.A)
    answer = reply(
        question,
        "www.good.test. 30 CNAME edge.cdn.test.",
        "edge.cdn.test. 20 A 192.0.2.1",
        "edge.cdn.test. 20 A 192.0.2.2",
        "stray.test. 5 A 192.0.2.66",
    )
    assert query.decode(answer, question) == query.Answer(0, ("192.0.2.1", "192.0.2.2"), 20, aliases=("edge.cdn.test",))


def test_an_ipv6_answer_is_read() -> None:
    question = query.encode(1, "good.test", query.AAAA)
    decoded = query.decode(reply(question, "good.test. 9 AAAA 2001:db8::7"), question)
    assert decoded == query.Answer(0, ("2001:db8::7",), 9)


def test_a_truncated_answer_says_so() -> None:
    question = query.encode(1, "good.test", query.A)
    decoded = query.decode(reply(question, "good.test. 9 A 192.0.2.1", truncated=True), question)
    assert decoded
    assert decoded.truncated


def test_an_answer_to_another_question_is_none() -> None:
    question = query.encode(1, "good.test", query.A)
    for other in (query.encode(2, "good.test", query.A), query.encode(1, "evil.test", query.A), question):
        packet = reply(other, "good.test. 9 A 192.0.2.1") if other != question else question
        assert query.decode(packet, question) is None


@pytest.mark.parametrize(
    ("options", "sealed"),
    [
        ([dnslib.EDNSOption(15, b"\0\x10blocked")], True),
        ([dnslib.EDNSOption(11, b""), dnslib.EDNSOption(15, b"\0\x10")], True),
        ([dnslib.EDNSOption(15, b"\0\x0fblocked"), dnslib.EDNSOption(15, b"")], False),
        ([], False),
    ],
)
def test_what_a_sealed_list_names_is_told_from_what_is_not_there(
    options: list[dnslib.EDNSOption], sealed: bool
) -> None:
    question = query.encode(1, "good.test", query.A)
    answer = dnslib.DNSRecord.parse(question).reply()
    answer.header.rcode = dnslib.RCODE.NXDOMAIN
    answer.add_auth(*dnslib.RR.fromZone("test. 9 SOA a. b. 1 2 3 4 5"))
    answer.add_ar(dnslib.EDNS0(udp_len=1232, opts=options))
    assert query.decode(bytes(answer.pack()), question) == query.Answer(3, (), 0, sealed=sealed)


def test_a_name_that_points_at_itself_ends() -> None:
    question = query.encode(1, "good.test", query.A)
    packet = reply(question)[:6] + b"\0\1\0\0\0\0" + question[12:-11] + b"\xc0\x1b\0\1\0\1"
    assert query.decode(packet, question) is None


@given(st.binary())
def test_no_packet_raises(packet: bytes) -> None:
    question = query.encode(0, "good.test", query.A)
    query.decode(packet, question)
    for counts in (b"\0\1\0\1\0\0\0\0", b"\0\1\0\0\0\0\0\1"):
        query.decode(question[:2] + b"\x81\x80" + counts + question[12:-11] + packet, question)


@pytest.mark.parametrize("name", ["a" * 64 + ".test", "a..b", ".".join(["a" * 63] * 4)])
def test_a_name_that_cannot_be_asked_is_an_error(name: str) -> None:
    with pytest.raises(ValueError, match="asked"):
        query.encode(0, name, query.A)
