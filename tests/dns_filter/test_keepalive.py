import dns.edns
import dns.message
import dns.rdatatype
import pytest

from dns_filter import keepalive

ASK, COOKIE = dns.edns.GenericOption(11, b""), dns.edns.GenericOption(10, b"cookie12")
ERROR = dns.edns.EDEOption(15, "blocked")


def query(*options: dns.edns.Option, edns: int = 0) -> dns.message.Message:
    return dns.message.make_query("school.test", "A", use_edns=edns, options=list(options), id=7)


def told(asked: dns.message.Message, *options: dns.edns.Option, edns: int = 0) -> dns.message.Message:
    answer = dns.message.make_response(asked)
    answer.use_edns(edns, options=list(options))
    return dns.message.from_wire(keepalive.told(asked.to_wire(), answer.to_wire(), 10.0))


@pytest.mark.parametrize("others", [(), (ERROR,)])
def test_a_client_that_asks_is_told_in_tenths_of_a_second(others):
    assert told(query(ASK), *others).options == (*others, dns.edns.GenericOption(11, b"\0\x64"))


@pytest.mark.parametrize("asked", [query(), query(COOKIE), query(dns.edns.GenericOption(65001, b"\0\x0b"))])
def test_a_client_that_does_not_ask_is_told_nothing(asked):
    assert told(asked).options == ()


def test_an_answer_without_an_opt_record_stays_as_it_is():
    assert told(query(ASK), edns=-1).edns == -1


def test_what_is_no_question_is_told_nothing():
    assert keepalive.told(b"\0\x0b" * 9, b"an error", 10.0) == b"an error"
