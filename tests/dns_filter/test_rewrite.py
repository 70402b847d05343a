import pytest
from dnslib import CNAME, MX, NAPTR, NS, PTR, QTYPE, RD, RR, SOA, SRV, TXT, A, DNSHeader, DNSQuestion, DNSRecord
from hypothesis import given
from hypothesis import strategies as st

from dns_filter import rewrite, wire
from dns_filter.rewrite import Piece

QUESTION = "www.school.test"
END = 12 + len(wire.name_of(QUESTION)) + 4


def packed(records: list[RR]) -> bytes:
    """A message whose names are compressed wherever they can be."""
    whole = DNSRecord(DNSHeader(id=1, qr=1, ra=1), q=DNSQuestion(QUESTION))
    for record in records:
        whole.add_answer(record)
    return bytes(whole.pack())


def read(records: bytes, count: int) -> list[RR]:
    """What a client would read, by another author's parser."""
    head = packed([])
    return DNSRecord.parse(head[:6] + count.to_bytes(2) + head[8:END] + records).rr


def as_said(rr: RR) -> tuple[str, int, int, str]:
    return str(rr.rname).lower(), rr.rtype, rr.ttl, str(rr.rdata).lower()


NAMES = ["www.school.test", "school.test", "mail.school.test", "a.b.c.example", "example", "x.example"]
name = st.sampled_from(NAMES)
rdata = st.one_of(
    st.builds(lambda host: (QTYPE.CNAME, CNAME(host)), name),
    st.builds(lambda host: (QTYPE.NS, NS(host)), name),
    st.builds(lambda host: (QTYPE.PTR, PTR(host)), name),
    st.builds(lambda host: (QTYPE.MX, MX(host, 10)), name),
    st.builds(lambda host: (QTYPE.SRV, SRV(1, 2, 443, host)), name),
    st.builds(lambda one, two: (QTYPE.SOA, SOA(one, two, (1, 2, 3, 4, 5))), name, name),
    st.builds(lambda host: (QTYPE.NAPTR, NAPTR(1, 2, b"S", b"SIP", b"", host)), name),
    st.just((QTYPE.A, A("192.0.2.1"))),
    st.just((QTYPE.TXT, TXT("words"))),
    st.just((65280, RD(b"anything"))),
)
record = st.builds(lambda owner, data, ttl: RR(owner, data[0], ttl=ttl, rdata=data[1]), name, rdata, st.integers(0, 9))


@given(st.lists(st.tuples(record, st.booleans()), max_size=12))
def test_whatever_is_left_out_the_rest_says_what_it_said(chosen: list[tuple[RR, bool]]):
    whole = packed([rr for rr, _ in chosen])
    found = wire.records(whole, END)
    kept = [(rr, piece) for (rr, stays), piece in zip(chosen, found, strict=True) if stays]
    written = rewrite.write(whole, END, [Piece(piece) for _, piece in kept])

    assert written is not None
    assert list(map(as_said, read(written.records, len(kept)))) == [as_said(rr) for rr, _ in kept]
    assert [int.from_bytes(written.records[place : place + 4]) for place in written.offsets] == [
        rr.ttl for rr, _ in kept
    ]


def test_a_records_data_is_replaced_and_its_length_with_it():
    whole = packed(
        [RR(QUESTION, 65280, ttl=1, rdata=RD(b"long data")), RR(QUESTION, QTYPE.MX, ttl=2, rdata=MX(QUESTION))]
    )
    first, second = wire.records(whole, END)
    written = rewrite.write(whole, END, [Piece(first, b"x"), Piece(second)])
    one, two = read(written.records, 2)

    assert (one.rdata.data, str(two.rdata.label)) == (b"x", f"{QUESTION}.")


def test_an_owner_is_written_once_and_then_pointed_at():
    whole = packed([RR("other.school.test", QTYPE.A, rdata=A("192.0.2.1"))] * 2)
    written = rewrite.write(whole, END, map(Piece, wire.records(whole, END)))
    assert written.records.count(b"\5other") == 1


def test_an_owner_that_stands_too_far_away_is_written_out_again():
    filler = packed([RR(QUESTION, 65280, rdata=RD(bytes(16400)))])
    other = wire.name_of("other.school.test") + b"\0\1\0\1\0\0\0\0\0\4\xc0\0\2\1"
    whole = filler[:7] + b"\3" + filler[8:] + other + other
    written = rewrite.write(whole, END, map(Piece, wire.records(whole, END)))

    assert written.records.count(b"\5other") == 2
    assert [str(rr.rname) for rr in read(written.records, 3)][1:] == ["other.school.test."] * 2


@pytest.mark.parametrize(
    "tail",
    [
        b"\xff\xff\0\1\0\1\0\0\0\0\0\4\1\2\3\4",
        b"\xc0\x0c\0\x0f\0\1\0\0\0\0\0\4\0\1\xff\xff",
        b"\xc0\x0c\0\5\0\1\0\0\0\0\0\2\1a\0",
        b"\xc0\x0c\0\6\0\1\0\0\0\0\0\1\0",
        b"\xc0\x0c\0\x0f\0\1\0\0\0\0\0\0",
        b"\xc0\x0c\0\x23\0\1\0\0\0\0\0\6\0\1\0\2\1S",
    ],
    ids=["owner", "pointer", "name beyond the record", "second name missing", "no data at all", "texts missing"],
)
def test_a_name_that_cannot_be_read_is_no_record(tail: bytes):
    record = wire.Record(0, tail[3], start=END, ttl=END + 6, data=END + 12, end=END + 12 + tail[11])
    assert rewrite.write(packed([]) + tail, END, [Piece(record)]) is None


@given(st.binary(max_size=200))
def test_no_bytes_raise(tail: bytes):
    whole = packed([])[:6] + b"\0\3\0\1\0\1" + packed([])[12:END] + tail
    if records := wire.records(whole, END):
        rewrite.write(whole, END, map(Piece, records))
