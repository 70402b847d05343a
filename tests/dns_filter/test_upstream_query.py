import pytest
from dnslib import QTYPE, DNSRecord
from hypothesis import given
from hypothesis import strategies as st

from dns_filter import upstream_query, wire
from dns_filter.upstream_query import Asking, Fit

QUESTION = b"\x06school\x04test\0\0\1\0\1"
ASKING = Asking(QUESTION, dnssec_ok=False, checking_disabled=False)


def answer_to(question: bytes, flags: int = 0x8180, questions: int = 1) -> bytes:
    return b"\1\2" + flags.to_bytes(2) + questions.to_bytes(2) + bytes(6) + question


@pytest.mark.parametrize(
    ("coins", "letters"),
    [(bytes(32), "school.test."), (b"\xff" * 32, "SCHOOL.TEST."), (b"\0\xff" * 16, "ScHoOl.tEsT.")],
)
def test_each_coin_turns_a_letter(coins, letters):
    message = upstream_query.message(b"\1\2", upstream_query.mixed(QUESTION, coins), ASKING)
    assert str(DNSRecord.parse(message).q.qname) == letters


@given(st.binary(max_size=60), st.binary(min_size=70, max_size=70))
def test_whatever_the_coins_are_it_is_the_same_name_and_type(label, coins):
    name = bytes((len(label),)) + label.lower() + b"\0" if label else b"\0"
    question = name + b"\0\x61\0\x7a"  # a type and a class that look like letters
    mixed = upstream_query.mixed(question, coins)
    assert mixed.lower() == question
    assert mixed[-4:] == question[-4:]


@pytest.mark.parametrize("dnssec_ok", [False, True])
@pytest.mark.parametrize("checking_disabled", [False, True])
def test_a_query_asks_for_recursion_and_carries_the_flags(dnssec_ok, checking_disabled):
    asking = Asking(QUESTION, dnssec_ok, checking_disabled)
    for message in (upstream_query.message(b"\1\2", QUESTION, asking), upstream_query.padded(b"\1\2", asking)):
        query = wire.read(message)
        assert (query.name, query.kind, query.end) == (QUESTION[:-4], 1, asking.end)
        assert (query.dnssec_ok, bool(query.flags & wire.CD), bool(query.flags & wire.RD)) == (
            dnssec_ok,
            checking_disabled,
            True,
        )
        assert query.size == wire.MAX_UDP


@pytest.mark.parametrize("label", [1, 20, 63])
def test_over_tls_a_query_has_one_of_few_lengths(label):
    asking = Asking(bytes((label,)) + b"a" * label + QUESTION[7:], dnssec_ok=True, checking_disabled=False)
    message = upstream_query.padded(b"\1\2", asking)
    assert len(message) % 128 == 0
    assert DNSRecord.parse(message).ar[0].rtype == QTYPE.OPT


@pytest.mark.parametrize(
    ("message", "how"),
    [
        (answer_to(QUESTION), Fit.SAME),
        (answer_to(QUESTION, 0x8183), Fit.SAME),
        (answer_to(QUESTION.upper()), Fit.CASE),
        (answer_to(QUESTION, 0x0180), Fit.OTHER),
        (answer_to(QUESTION, 0xA180), Fit.OTHER),
        (answer_to(QUESTION, questions=0), Fit.OTHER),
        (answer_to(QUESTION)[:-1], Fit.OTHER),
        (answer_to(QUESTION[:-3] + b"\x1c\0\1"), Fit.OTHER),
        (answer_to(QUESTION.replace(b"school", b"schoo1")), Fit.OTHER),
        (b"", Fit.OTHER),
    ],
)
def test_only_a_response_that_repeats_our_question_fits(message, how):
    assert upstream_query.fit(QUESTION, message) is how
