import pytest
from dnslib import EDNS0, DNSRecord, EDNSOption
from hypothesis import given
from hypothesis import strategies as st

from dns_filter import wire
from dns_filter.wire import Fault, Question
from tests.support.dns_client import question

NUMBER = b"\x12\x34"
"""The same in each run, so that tests are called the same in each process that runs some of them."""
PLAIN = NUMBER + bytes(question("www.School.test", edns=False).pack())[2:]
WITH_EDNS = NUMBER + bytes(question("www.school.test").pack())[2:]


def test_a_plain_question_is_read():
    found = wire.read(PLAIN)

    assert found == Question(
        flags=0x0100, name=b"\x03www\x06school\x04test\0", end=len(PLAIN), kind=wire.A, klass=wire.IN
    )
    assert found.udp_limit == 512


def test_an_opt_record_says_size_signatures_and_options():
    record = DNSRecord.question("school.test", "AAAA")
    record.add_ar(EDNS0(udp_len=4096, flags="do", opts=[EDNSOption(10, b"cookie12")]))
    found = wire.read(bytes(record.pack()))

    assert isinstance(found, Question)
    assert (found.edns, found.size, found.dnssec_ok, found.options) == (True, 4096, True, True)


@pytest.mark.parametrize(("size", "limit"), [(0, 512), (512, 512), (1000, 1000), (4096, 1232)])
def test_the_limit_of_an_answer_is_sane_whatever_the_client_announces(size, limit):
    assert wire.read(bytes(question("a.test", size=size).pack())).udp_limit == limit


def with_options(data: bytes) -> bytes:
    return WITH_EDNS[:-2] + len(data).to_bytes(2) + data


@pytest.mark.parametrize(
    ("data", "codes"),
    [
        (b"", set()),
        (b"\0\x0b\0\0", {11}),
        (b"\0\x0b\0\0\0\x0a\0\x02ab", {10, 11}),
        (b"\0\x0b\0", None),
        (b"\0\x0b\0\1", None),
    ],
)
def test_options_are_read_by_their_codes_and_are_a_fault_if_they_are_not_whole(data, codes):
    packet = with_options(data)
    found = wire.read(packet)
    assert (wire.options(packet, found.end) if isinstance(found, Question) else None) == codes


def changed(packet: bytes, place: int, value: int) -> bytes:
    return packet[:place] + bytes([value]) + packet[place + 1 :]


@pytest.mark.parametrize(
    ("packet", "fault"),
    [
        (b"", Fault.SILENCE),
        (PLAIN[:11], Fault.SILENCE),
        (changed(PLAIN, 2, 0x81), Fault.SILENCE),
        (changed(PLAIN, 2, 0x28), Fault.OPCODE),
        (PLAIN[:12], Fault.FORMAT),
        (changed(PLAIN, 5, 0), Fault.FORMAT),
        (changed(PLAIN, 5, 2), Fault.FORMAT),
        (changed(PLAIN, 7, 1), Fault.FORMAT),
        (changed(PLAIN, 9, 1), Fault.FORMAT),
        (changed(PLAIN, 11, 1), Fault.FORMAT),
        (changed(PLAIN, 12, 0xC0), Fault.FORMAT),
        (changed(PLAIN, 12, 0x40), Fault.FORMAT),
        (PLAIN[:-1], Fault.FORMAT),
        (PLAIN + b"\0", Fault.FORMAT),
        (WITH_EDNS + b"\0", Fault.FORMAT),
        (WITH_EDNS[:-1], Fault.FORMAT),
        (changed(WITH_EDNS, len(WITH_EDNS) - 11, 1), Fault.FORMAT),
        (changed(WITH_EDNS, len(WITH_EDNS) - 9, 40), Fault.FORMAT),
        (changed(WITH_EDNS, len(WITH_EDNS) - 5, 1), Fault.VERSION),
        (changed(WITH_EDNS, 11, 2), Fault.FORMAT),
        (PLAIN[:12] + (b"\x3f" + b"a" * 63) * 4 + b"\0\0\1\0\1", Fault.FORMAT),
    ],
)
def test_what_is_no_single_whole_question_is_a_fault(packet, fault):
    assert wire.read(packet) is fault


@given(st.binary(max_size=600))
def test_no_bytes_raise(packet):
    found = wire.read(packet)
    if isinstance(found, Question):
        wire.host(found.name)
    wire.expanded(packet, 0)
    if len(packet) >= wire.HEADER:
        wire.records(packet, wire.HEADER)


@given(st.integers(0, len(WITH_EDNS) - 1), st.integers(0, 255))
def test_one_changed_byte_never_raises(place, value):
    found = wire.read(changed(WITH_EDNS, place, value))
    assert isinstance(found, Question | Fault)
    if isinstance(found, Question):
        wire.host(found.name)


@pytest.mark.parametrize(
    ("name", "host"),
    [
        (b"\0", ""),
        (b"\x04test\0", "test"),
        (b"\x04_dns\x08resolver\x04arpa\0", "_dns.resolver.arpa"),
        (b"\x08xn--caf-\x04test\0", "xn--caf-.test"),
        (b"\x0bhelpline.te\x02st\0", None),
        (b"\x0aa printer.\x05local\0", None),
        (b"\x02\xc3\xa9\x04test\0", None),
    ],
)
def test_a_name_is_a_host_only_if_each_label_is_one(name, host):
    assert wire.host(name) == host


@given(st.lists(st.from_regex(r"[a-z0-9_-]{1,20}", fullmatch=True), max_size=5))
def test_a_host_goes_to_the_wire_and_back(labels):
    host = ".".join(labels)
    assert wire.host(wire.name_of(host)) == host


def test_a_compressed_name_is_followed():
    message = b"\x06School\x04test\0\x03www\xc0\x00"
    assert wire.expanded(message, 13) == b"\x03www\x06school\x04test\0"


@pytest.mark.parametrize(
    "message",
    [b"", b"\xc0", b"\xc0\x00", b"\x01a\xc0\x00", b"\x03ab", b"\x41" + b"a" * 65 + b"\0", (b"\x3f" + b"a" * 63) * 5],
)
def test_a_broken_or_circular_name_is_none(message):
    assert wire.expanded(message, 0) is None


def test_a_pointer_into_the_middle_of_itself_is_none():
    assert wire.expanded(b"\x01a\x01b\xc0\x00\xc0\x02", 6) is None


def answer_with(record: bytes, count: int = 1) -> bytes:
    return b"\0\1\x80\0\0\1" + count.to_bytes(2) + b"\0\0\0\0" + b"\x01a\0\0\1\0\1" + record


RECORD = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1"


def test_records_are_found_where_they_lie():
    (found,) = wire.records(answer_with(RECORD), 19)
    assert (found.section, found.kind, found.start, found.ttl, found.data, found.end) == (0, 1, 19, 25, 31, 35)


def test_a_record_may_carry_a_whole_name():
    (found,) = wire.records(answer_with(b"\x01b\0" + RECORD[2:]), 19)
    assert found.data == 32


@pytest.mark.parametrize(
    "record", [b"", RECORD[:-1], RECORD[:9], b"\x01", b"\x50" + RECORD, (b"\x3f" + b"a" * 63) * 4 + b"\0" + RECORD[2:]]
)
def test_records_that_are_not_whole_are_none(record):
    assert wire.records(answer_with(record), 19) is None


def record(kind: int, data: bytes, owner: bytes = b"\xc0\x0c", klass: int = 1) -> bytes:
    return owner + kind.to_bytes(2) + klass.to_bytes(2) + bytes(4) + len(data).to_bytes(2) + data


NAME, TIMES = b"\2ns\xc0\x0c", bytes(20)


@pytest.mark.parametrize(
    ("sound", "broken"),
    [
        pytest.param(record(wire.A, bytes(4)), record(wire.A, bytes(3)), id="an IPv4 address"),
        pytest.param(record(wire.AAAA, bytes(16)), record(wire.AAAA, bytes(17)), id="an IPv6 address"),
        pytest.param(record(wire.CNAME, NAME), record(wire.CNAME, NAME + b"\0"), id="an alias and a byte"),
        pytest.param(record(wire.NS, NAME), record(wire.NS, b"\2ns\xc0\xff"), id="a pointer to nowhere"),
        pytest.param(record(wire.MX, b"\0\1" + NAME), record(wire.MX, b"\0"), id="a mail host"),
        pytest.param(record(wire.SRV, bytes(6) + NAME), record(wire.SRV, bytes(6) + b"\x41"), id="a service"),
        pytest.param(record(wire.SOA, NAME + NAME + TIMES), record(wire.SOA, NAME + NAME), id="a zone without times"),
        pytest.param(record(wire.SOA, b"\0\0" + TIMES), record(wire.SOA, b"\x80" + TIMES), id="a zone without a name"),
        pytest.param(record(wire.A, bytes(4), b"\1b\0"), record(wire.A, bytes(4), b"\xc0\x20"), id="an owner"),
        pytest.param(record(65280, b""), record(250, b""), id="a signature of a transport"),
        pytest.param(record(16, b"\1a", klass=1), record(16, b"\1a", klass=3), id="another class"),
        pytest.param(record(wire.OPT, b"", b"\0", klass=1232), record(wire.OPT, b"", b"\xc0\xff"), id="an OPT record"),
    ],
)
def test_a_record_that_a_clients_parser_would_refuse_makes_the_answer_none(sound, broken):
    assert len(wire.records(answer_with(sound), 19)) == 1
    assert wire.records(answer_with(broken), 19) is None


@pytest.mark.parametrize("kind", [16, 46, 64, 65280])
def test_data_of_other_types_is_not_looked_into(kind):
    assert len(wire.records(answer_with(record(kind, b"\xff\xff")), 19)) == 1


def test_a_name_of_many_pointers_is_broken():
    chain = b"\1a\0" + b"".join((0xC000 | (3 + 2 * (n - 1) if n else 0)).to_bytes(2) for n in range(30))

    assert wire.expanded(chain, 3 + 2 * (wire.JUMPS - 1)) == b"\1a\0"
    assert wire.expanded(chain, 3 + 2 * wire.JUMPS) is None


def test_a_message_of_more_records_than_any_site_has_is_broken():
    head = b"\0\1\x81\x80\0\1" + (wire.MOST_RECORDS + 1).to_bytes(2) + bytes(4) + b"\1a\0\0\1\0\1"
    record = b"\xc0\x0c\0\1\0\1\0\0\1\x2c\0\4\xc0\0\2\1"

    assert wire.records(head + record * (wire.MOST_RECORDS + 1), len(head)) is None
    fewer = head[:6] + wire.MOST_RECORDS.to_bytes(2) + head[8:]
    assert len(wire.records(fewer + record * wire.MOST_RECORDS, len(head))) == wire.MOST_RECORDS
