import ipaddress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dns_filter import compact
from dns_filter.answer import Answer, parse
from dns_filter.reply import Body, Note
from dns_filter.wire import name_of

TTL, DAY = (300).to_bytes(4), 86400
ADDRESS = b"\xc0\x0c\0\1\0\1" + TTL + b"\0\4\xc0\0\2\1"

address = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))
host = st.from_regex(r"[a-z0-9_-]{1,20}(\.[a-z]{1,9}){0,3}", fullmatch=True)
answers = st.builds(
    lambda code, lives, **fields: Answer(
        Body(code, b"".join(b"\xc0\x0c\0\1\0\1" + ttl.to_bytes(4) + b"\0\0" for ttl in lives), (len(lives), 0, 0)),
        offsets=tuple(6 + 12 * place for place in range(len(lives))),
        ttls=tuple(lives),
        **fields,
    ),
    code=st.integers(0, 15),
    lives=st.lists(st.integers(0, DAY), max_size=5),
    life=st.integers(0, DAY),
    names=st.lists(host, max_size=3).map(tuple),
    addresses=st.lists(address, max_size=5).map(tuple),
    note=st.none() | st.builds(Note, st.integers(0, 30), st.text(max_size=40)),
)


@given(answers, st.floats(0, 1e9))
def test_what_is_taken_out_is_what_was_put_in(answer, born):
    packed = compact.pack(answer, born)

    assert compact.unpack(packed) == answer
    assert compact.times(packed) == (born, answer.life)


def test_an_answer_as_it_came_keeps_all_that_is_used_of_it():
    question = name_of("www.learning.test") + b"\0\1\0\1"
    alias = b"\xc0\x0c\0\5\0\1" + TTL + b"\0\2\xc0\x10"
    head, address = b"\0\1\x81\xa0\0\1\0\2\0\0\0\0", b"\xc0\x10" + ADDRESS[2:]
    answer = parse(head + question + alias + address, 12 + len(question))

    assert answer.names == ("learning.test",)
    assert answer.body.authentic
    assert compact.unpack(compact.pack(answer, 5.0)) == answer


def test_the_records_hold_the_ttls_that_the_answer_gives_them():
    week = ADDRESS.replace(TTL, (7 * DAY).to_bytes(4))
    answer = Answer(Body(0, week, (1, 0, 0)), DAY, offsets=(6,), ttls=(DAY,))
    unpacked = compact.unpack(compact.pack(answer, 0.0))

    assert unpacked.body.records == ADDRESS.replace(TTL, DAY.to_bytes(4))
    assert unpacked.ttls == (DAY,)


def test_an_answer_of_one_address_takes_less_than_a_hundred_bytes():
    answer = Answer(
        Body(0, ADDRESS, (1, 0, 0)),
        300,
        offsets=(6,),
        ttls=(300,),
        addresses=(ipaddress.ip_address("192.0.2.1"),),
    )
    assert len(compact.pack(answer, 1e6)) + 33 < 100


@pytest.mark.parametrize(("kind", "fields"), [(Answer, 7), (Body, 4), (Note, 2)], ids=["answer", "body", "note"])
def test_no_field_is_forgotten(kind, fields):
    assert len(msgspec.structs.fields(kind)) == fields, "pack and unpack the new field, and test it above"
