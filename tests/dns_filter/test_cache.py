from hypothesis import given
from hypothesis import strategies as st

from dns_filter.cache import Ready, Store


def test_ttls_count_down_and_the_answer_ends():
    ready = Ready(b"ab" + (60).to_bytes(4) + b"cd", 1000, 30, offsets=(2,), ttls=(60,))

    assert ready.holds(1007)
    assert ready.payload == b"ab" + (53).to_bytes(4) + b"cd"
    assert ready.holds(1029)
    assert not ready.holds(1030)


def test_a_blocked_answer_keeps_its_short_ttl():
    ready = Ready(b"payload", 5, 60, run="gambling.test")

    assert ready.holds(64)
    assert ready.payload == b"payload"


def test_a_store_gives_what_was_put():
    store: Store[str] = Store(10, 1000)
    store.put(b"a", "one", 1)
    store.put(b"a", "two", 3)

    assert (store.get(b"a"), store.get(b"b"), len(store), store.size) == ("two", None, 1, 3)


def test_a_cleared_store_is_empty():
    store: Store[str] = Store(10, 1000)
    store.put(b"a", "one", 1)
    store.clear()

    assert (len(store), store.size, store.get(b"a")) == (0, 0, None)


def test_what_is_larger_than_the_store_is_not_kept():
    store: Store[str] = Store(10, 100)
    store.put(b"a", "small", 1)
    store.put(b"a", "large", 101)

    assert (len(store), store.size) == (0, 0)


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=2), st.integers(0, 60)), max_size=80))
def test_a_store_stays_inside_its_bounds_and_counts_right(puts):
    store: Store[int] = Store(8, 100)
    for key, size in puts:
        store.put(key, size, size)

        assert len(store) <= 8
        assert store.size <= 100
        assert store.get(key) == size
