import pytest
from dnslib import CNAME, QTYPE, RR, A, DNSRecord
from hypothesis import given
from hypothesis import strategies as st

from dns_filter import bailiwick

QUESTION = b"\x03www\x06school\x04test\0\0\1\0\1"
DNAME = 39


def answer(*records: RR) -> bytes:
    made = DNSRecord.question("www.school.test").reply()
    made.add_answer(*records)
    return bytes(made.pack())


def address(owner: str) -> RR:
    return RR(owner, QTYPE.A, ttl=60, rdata=A("192.0.2.1"))


def alias(owner: str, target: str) -> RR:
    return RR(owner, QTYPE.CNAME, ttl=60, rdata=CNAME(target))


def renamed(owner: str, target: str) -> RR:
    return RR(owner, DNAME, ttl=60, rdata=CNAME(target))


@pytest.mark.parametrize(
    "records",
    [
        (),
        (address("www.school.test"),),
        (address("www.school.test"), address("WWW.School.test")),
        (alias("www.school.test", "a.test"), address("a.test")),
        (address("b.test"), alias("a.test", "b.test"), alias("www.school.test", "a.test")),
        (renamed("school.test", "a.test"), alias("www.school.test", "www.a.test"), address("www.a.test")),
        (alias("www.school.test", "www.school.test"),),
    ],
)
def test_records_of_the_name_and_of_what_it_leads_to_are_good(records):
    assert bailiwick.speaks_of(answer(*records), QUESTION)


@pytest.mark.parametrize(
    "records",
    [
        (address("elsewhere.test"),),
        (address("www.school.test"), address("elsewhere.test")),
        (alias("www.school.test", "a.test"), address("b.test")),
        (alias("elsewhere.test", "www.school.test"),),
        (renamed("other.test", "a.test"), address("www.school.test")),
        (address("school.test"), address("www.school.test")),
    ],
)
def test_a_record_of_another_name_is_not(records):
    assert not bailiwick.speaks_of(answer(*records), QUESTION)


def test_a_long_chain_is_followed_so_far_and_no_further():
    chain = [alias("www.school.test", "n0.test"), *(alias(f"n{n}.test", f"n{n + 1}.test") for n in range(60))]
    assert bailiwick.speaks_of(answer(*chain[:20]), QUESTION)
    assert not bailiwick.speaks_of(answer(*chain), QUESTION)


def test_broken_records_are_for_another_to_judge():
    whole = answer(address("www.school.test"), address("elsewhere.test"))
    assert bailiwick.speaks_of(whole[:-3], QUESTION)


@given(st.binary(max_size=80))
def test_nothing_is_raised_whatever_stands_behind_the_question(rest):
    head = b"\1\2\x81\x80\0\1\0\2\0\0\0\0"
    assert bailiwick.speaks_of(head + QUESTION + rest, QUESTION) in {True, False}
