import sys
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dns_filter import cache
from dns_filter.cache import Ready, Stop, Stops, Store


def test_ttls_count_down_and_the_answer_ends():
    ready = Ready(b"ab" + (60).to_bytes(4) + b"cd", 1000, 30, offsets=(2,), ttls=(60,))

    assert ready.holds(1007)
    assert ready.payload == b"ab" + (53).to_bytes(4) + b"cd"
    assert ready.holds(1029)
    assert not ready.holds(1030)


def test_an_answer_that_is_over_at_once_does_not_last():
    assert Ready(b"payload", 5, 1).lasts
    assert not Ready(b"payload", 5, 0).lasts


def test_an_answer_without_ttls_stays_as_it_is_until_it_ends():
    ready = Ready(b"payload", 5, 60)

    assert ready.holds(64)
    assert (ready.payload, ready.second, ready.length) == (b"payload", 64, 9)
    assert not ready.holds(65)


MESSAGE = b"id" + b"head------" + b"question" + b"tail"


def test_a_stop_stands_around_the_question():
    stop = Stop(MESSAGE, 20, 60, "gambling.test")

    assert b"id" + stop.head + b"question" + stop.tail == MESSAGE
    assert stop.lasts
    assert not Stop(MESSAGE, 20, 0, "").lasts


def test_stops_for_names_of_one_length_are_one():
    stops = Stops()
    one = stops.same(Stop(MESSAGE, 20, 60, ""))

    assert stops.same(Stop(MESSAGE.replace(b"question", b"QUESTION"), 20, 60, "")) is one
    assert stops.same(Stop(MESSAGE, 20, 60, "other")) is not one
    assert stops.same(Stop(MESSAGE, 20, 61, "")) is not one


def test_no_more_stops_are_remembered_than_are_often_asked_for(monkeypatch):
    monkeypatch.setattr(cache, "_SHARED", 2)
    stops = Stops()
    kept = [stops.same(Stop(MESSAGE, 20, second, "")) for second in (1, 2, 3)]

    assert len(stops._kept) == 1
    assert stops.same(Stop(MESSAGE, 20, 3, "")) is kept[2]


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda n: Ready(bytes(60 + n % 2), 0, 60, offsets=(60,), ttls=(300 + n,)), id="permitted"),
        pytest.param(
            lambda n: Ready(bytes(1100), 0, 60, offsets=tuple(range(300 + n, 370 + n)), ttls=(60,) * 70), id="large"
        ),
        pytest.param(lambda _: SHARED, id="blocked"),
    ],
)
def test_an_entry_takes_about_as_many_bytes_as_it_says(make):
    tracemalloc.start()
    try:
        held = {b"%040d" % number: make(number) for number in range(20_000)}
        taken = tracemalloc.get_traced_memory()[0] / len(held)
    finally:
        tracemalloc.stop()
    said = 40 + next(iter(held.values())).size

    assert 0.7 * said < taken < 1.3 * said


SHARED = Stop(MESSAGE, 20, 60, "")


def test_a_store_gives_what_was_put():
    store = Store(1000)
    store.put(b"a", b"one")
    store.put(b"a", b"two")

    assert (store.get(b"a"), store.get(b"b"), len(store)) == (b"two", None, 1)


def test_what_is_dropped_is_gone_and_what_was_never_there_can_be_dropped():
    store = Store(1000)
    empty = store.size
    store.put(b"a", b"one")
    for _ in range(2):
        store.drop(b"a")

    assert (len(store), store.get(b"a")) == (0, None)
    assert store.size <= empty + sys.getsizeof({b"a": b""})


def test_what_is_larger_than_the_store_is_not_kept():
    store = Store(1000)
    store.put(b"a", b"small")
    store.put(b"a", bytes(1000))

    assert len(store) == 0


def test_the_oldest_make_room():
    store = Store(20_000)
    for number in range(1000):
        store.put(number.to_bytes(2), bytes(100))

    kept = [number for number in range(1000) if store.get(number.to_bytes(2))]
    assert kept == list(range(1000 - len(store), 1000))
    assert len(store) > 60


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=2), st.integers(0, 600)), max_size=80))
def test_a_store_stays_inside_its_bounds(puts):
    store = Store(3000)
    for key, size in puts:
        store.put(key, bytes(size))

        assert store.size <= 3000
        assert store.get(key) == bytes(size)


def test_a_store_counts_what_python_allots():
    def entry(number: int) -> tuple[bytes, bytes]:
        return b"www%06d.learning.test\0\0\1\0\1\0\0" % number, bytes(60) + number.to_bytes(4)

    tracemalloc.start()
    try:
        store = Store(1 << 30)
        for number in range(10_000):
            store.put(*entry(number))
        allotted = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()

    assert allotted * 0.95 < store.size < allotted * 1.2
