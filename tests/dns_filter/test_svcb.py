import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dns_filter import svcb, wire

H2, H3, H3_DRAFT, HTTP11 = b"\2h2", b"\2h3", b"\5h3-29", b"\x08http/1.1"
MANDATORY, ALPN, NO_DEFAULT, PORT, V4, ECH, V6 = range(7)
ADDRESS = bytes((192, 0, 2, 1))
TARGET = b"\3svc\4test\0"


def record(*parameters: tuple[int, bytes], priority: int = 1, target: bytes = b"\0") -> bytes:
    written = b"".join(key.to_bytes(2) + len(value).to_bytes(2) + value for key, value in parameters)
    return priority.to_bytes(2) + target + written


def keys(*named: int) -> bytes:
    return b"".join(key.to_bytes(2) for key in named)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([(ALPN, H2), (V4, ADDRESS)], [(ALPN, H2)]),
        ([(ALPN, H3 + H2), (V4, ADDRESS), (ECH, b"key")], [(ALPN, H2)]),
        ([(MANDATORY, keys(V4, V6)), (V4, ADDRESS), (V6, 4 * ADDRESS)], []),
        ([(ALPN, H2 + H3_DRAFT + HTTP11)], [(ALPN, H2 + HTTP11)]),
        ([(ALPN, H3)], []),
        ([(ALPN, H3 + H2), (NO_DEFAULT, b"")], [(ALPN, H2), (NO_DEFAULT, b"")]),
        ([(ECH, b"key")], []),
        ([(MANDATORY, keys(ECH)), (ECH, b"key")], []),
        ([(MANDATORY, keys(ALPN, ECH)), (ALPN, H2), (ECH, b"key")], [(MANDATORY, keys(ALPN)), (ALPN, H2)]),
        ([(MANDATORY, keys(ALPN)), (ALPN, H3), (PORT, b"\1\xbb")], [(PORT, b"\1\xbb")]),
        ([(MANDATORY, keys(PORT)), (PORT, b"\1\xbb")], [(MANDATORY, keys(PORT)), (PORT, b"\1\xbb")]),
        ([(65400, b"private")], [(65400, b"private")]),
    ],
)
@pytest.mark.parametrize("target", [b"\0", TARGET])
def test_what_leads_around_the_filter_goes_and_the_rest_stays(before, after, target):
    assert svcb.without_detours(record(*before, target=target)) == record(*after, target=target)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\1",
        b"\0\1\3svc",
        record((ALPN, H3), (NO_DEFAULT, b"")),
        record((NO_DEFAULT, b"")),
        record((PORT, b"\1\xbb"), (ALPN, H2)),
        record((ALPN, H2), (ALPN, H2)),
        record((ALPN, b"\3h2")),
        record((ALPN, b"\0")),
        record((ALPN, b"")),
        record((MANDATORY, b"\0"), (ALPN, H2)),
        record((MANDATORY, keys(V6)), (ALPN, H2)),
        record((MANDATORY, keys(MANDATORY)), (ALPN, H2)),
        record((ALPN, H2))[:-1],
        record((ALPN, H2)) + b"\0",
    ],
)
def test_what_is_broken_or_speaks_quic_alone_is_left_out(data):
    assert svcb.without_detours(data) is None


def test_an_alias_keeps_its_target_alone():
    assert svcb.without_detours(record((ECH, b"key"), priority=0, target=TARGET)) == record(priority=0, target=TARGET)


@given(st.binary(max_size=200))
def test_no_bytes_raise(data):
    svcb.without_detours(data)


protocols = st.lists(st.sampled_from([H2, H3, H3_DRAFT, HTTP11]), min_size=1).map(b"".join)
parameter = st.fixed_dictionaries(
    {},
    optional={
        ALPN: protocols,
        PORT: st.just(b"\1\xbb"),
        V4: st.binary(min_size=4, max_size=4),
        ECH: st.binary(max_size=20),
        V6: st.binary(min_size=16, max_size=16),
    },
)


@given(parameter, st.integers(0, 31))
def test_what_is_left_is_valid_and_names_neither_key_nor_quic(found, mandatory):
    named = [key for place, key in enumerate(sorted(found)) if mandatory >> place & 1]
    whole = ({MANDATORY: keys(*named)} if named else {}) | found
    data = svcb.without_detours(record(*sorted(whole.items()), target=TARGET))

    assert data is not None
    end = wire.end_of_plain_name(data, 2)
    left = svcb.parameters(data, end)
    assert left is not None
    assert not left.keys() & {ECH, V4, V6}
    assert b"h3" not in left.get(ALPN, b"")
    listed = [int.from_bytes(bytes(pair)) for pair in itertools.batched(left.get(MANDATORY, b""), 2)]
    assert set(listed) == {key for key in named if key in left}
    assert svcb.without_detours(data) == data
