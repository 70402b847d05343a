import ipaddress

import pytest
from dnslib import QTYPE, DNSRecord
from hypothesis import given
from hypothesis import strategies as st

from blocklists.profile import Blocked
from dns_filter import reply, wire
from dns_filter.reply import Body, Note
from dns_filter.wire import Fault, Question
from tests.support.dns_client import extended, question

A_RECORD = b"\xc0\x0c\0\1\0\1\0\0\1\x2c\0\4\xc0\0\2\1"
V4, V6 = ipaddress.ip_address("192.0.2.99").packed, ipaddress.ip_address("2001:db8::99").packed


def asked(kind: str = "A", **more) -> tuple[bytes, Question]:
    packet = bytes(question("Www.School.test", kind, **more).pack())
    found = wire.read(packet)
    assert isinstance(found, Question)
    return packet, found


def answered(body: Body, note: Note | None = None, *, kind: str = "A", limit: int = 1232, **more) -> DNSRecord:
    packet, found = asked(kind, **more)
    message = reply.message(packet, found, body, note, limit=limit)
    assert message[:2] == packet[:2]
    assert message[12 : found.end] == packet[12 : found.end], "the question goes back in the client's own letter case"
    return DNSRecord.parse(message)


@pytest.mark.parametrize(
    ("kind", "closed", "data"),
    [("A", (V4, V6), "192.0.2.99"), ("AAAA", (V4, V6), "2001:db8::99"), ("AAAA", (b"", V6), "2001:db8::99")],
)
def test_a_blocked_name_has_the_closed_address(kind, closed, data):
    _, found = asked(kind)
    answer = answered(reply.blocked(found, Blocked.ADDRESS, closed, 10), kind=kind)

    assert (str(answer.rr[0].rdata), answer.rr[0].ttl, answer.header.rcode) == (data, 10, reply.NOERROR)


@pytest.mark.parametrize(
    ("kind", "closed"), [("MX", (V4, V6)), ("HTTPS", (V4, V6)), ("AAAA", (V4, b"")), ("A", (b"", V6))]
)
def test_a_blocked_name_has_no_data_of_other_types(kind, closed):
    _, found = asked(kind)
    answer = answered(reply.blocked(found, Blocked.ADDRESS, closed, 7), kind=kind)

    assert (answer.rr, answer.header.rcode) == ([], reply.NOERROR)
    assert (answer.auth[0].rtype, answer.auth[0].ttl, answer.auth[0].rdata.times[4]) == (QTYPE.SOA, 7, 7)


@pytest.mark.parametrize("kind", ["A", "AAAA", "HTTPS", "TXT"])
@pytest.mark.parametrize(
    ("form", "closed", "code"),
    [
        (Blocked.ADDRESS, None, reply.NXDOMAIN),
        (Blocked.NXDOMAIN, (V4, V6), reply.NXDOMAIN),
        (Blocked.NODATA, (V4, V6), reply.NOERROR),
        (Blocked.NODATA, None, reply.NOERROR),
    ],
)
def test_a_blocked_name_has_no_record_where_there_is_no_page_to_show(kind, form, closed, code):
    _, found = asked(kind)
    answer = answered(reply.blocked(found, form, closed, 10), kind=kind)

    assert (answer.rr, answer.header.rcode, answer.auth[0].rtype) == ([], code, QTYPE.SOA)


@pytest.mark.parametrize(("kind", "packed", "data"), [("A", V4, "192.0.2.99"), ("AAAA", V6, "2001:db8::99")])
def test_an_alias_stands_before_the_addresses_of_its_target(kind, packed, data):
    _, found = asked(kind)
    alias, *rest = answered(reply.aliased(found, wire.name_of("safe.engine.test"), [packed] * 2, 30), kind=kind).rr

    assert (str(alias.rname), alias.rtype, str(alias.rdata), alias.ttl) == (
        "Www.School.test.",
        QTYPE.CNAME,
        "safe.engine.test.",
        30,
    )
    assert [(str(rr.rname), str(rr.rdata), rr.ttl) for rr in rest] == [("safe.engine.test.", data, 30)] * 2


def test_an_extended_error_goes_to_a_client_that_speaks_edns():
    assert extended(answered(Body(), Note(15, "blocked: games (ks2)"))) == (15, "blocked: games (ks2)")


def test_a_client_without_edns_gets_no_opt_record():
    assert answered(Body(), Note(15, "blocked"), edns=False).ar == []


def test_a_long_text_is_cut_between_letters_and_cleaned():
    _, text = extended(answered(Body(), Note(15, "\x1b[31m" + "é" * 300)))

    assert len(text.encode()) <= 400
    assert text.startswith(" [31mé")
    assert text.isprintable()


def test_an_extended_errors_text_goes_before_any_record_does():
    answer = answered(Body(records=A_RECORD * 25, counts=(25, 0, 0)), Note(15, "a" * 100), limit=512)

    assert (len(answer.rr), answer.header.tc, extended(answer)) == (25, 0, (15, ""))


def test_what_is_longer_than_the_client_takes_is_cut_to_its_question():
    answer = answered(Body(records=b"\0" * 600, counts=(1, 0, 0)), limit=512)

    assert (answer.header.tc, answer.rr) == (1, [])
    assert answer.q.qtype == QTYPE.A


@pytest.mark.parametrize(
    ("authentic", "asks", "told"), [(True, wire.AD, True), (True, 0, False), (False, wire.AD, False)]
)
def test_the_upstreams_ad_flag_goes_to_who_asked_for_it(authentic, asks, told):
    packet, _ = asked(edns=False)
    packet = packet[:3] + bytes([asks]) + packet[4:]
    message = reply.message(packet, wire.read(packet), Body(authentic=authentic), limit=512)

    assert bool(message[3] & wire.AD) is told


def test_rd_and_cd_are_repeated_and_ra_is_said():
    packet, _ = asked(edns=False)
    packet = packet[:2] + bytes([1, wire.CD]) + packet[4:]
    message = reply.message(packet, wire.read(packet), Body(), limit=512)

    assert (message[2], message[3]) == (0x81, 0x90)


def test_the_do_flag_is_repeated():
    packet = bytearray(asked()[0])
    packet[-4] = 0x80
    message = reply.message(bytes(packet), wire.read(bytes(packet)), Body(), limit=512)

    assert message[-4] == 0x80


def test_any_gets_one_small_record():
    (record,) = answered(reply.any_minimal(7), kind="ANY").rr
    assert (record.rtype, record.rdata.data) == (13, b"\x07RFC8482\x00")


@pytest.mark.parametrize(
    ("fault", "code"), [(Fault.FORMAT, reply.FORMERR), (Fault.OPCODE, reply.NOTIMP), (Fault.VERSION, 0)]
)
def test_a_fault_is_answered_with_the_clients_number(fault, code):
    packet = b"\x12\x34\x29\x00" + bytes(8)
    message = reply.to_fault(packet, fault)
    answer = DNSRecord.parse(message)

    assert (answer.header.id, answer.header.qr, answer.header.rcode) == (0x1234, 1, code)
    assert message[2] == 0xA9, "opcode and RD are the client's"


def test_an_unknown_edns_version_is_answered_badvers():
    (opt,) = DNSRecord.parse(reply.to_fault(asked()[0], Fault.VERSION)).ar
    assert opt.ttl >> 24 == 1


def test_silence_is_silence():
    assert reply.to_fault(b"", Fault.SILENCE) is None


@pytest.mark.parametrize(
    ("packet", "answered"), [(b"\x12\x34\x01\0" + bytes(8), True), (b"short", False), (b"\0\0\x80\0" + bytes(8), False)]
)
def test_a_packet_at_which_we_failed_gets_servfail_if_it_is_a_question(packet, answered):
    message = reply.broken(packet)
    assert (message is not None) is answered
    if message:
        assert DNSRecord.parse(message).header.rcode == reply.SERVFAIL


@given(st.binary(min_size=12, max_size=100), st.sampled_from(Fault), st.text(max_size=300), st.integers(0, 65535))
def test_no_bytes_and_no_text_raise(packet, fault, text, code):
    reply.to_fault(packet, fault)
    reply.broken(packet)
    whole, found = asked()
    answer = DNSRecord.parse(reply.message(whole, found, Body(reply.SERVFAIL), Note(code, text), limit=1232))

    assert answer.header.id == int.from_bytes(whole[:2])
    assert str(answer.q.qname) == "Www.School.test."
